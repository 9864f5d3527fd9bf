//! `console_io`: Xen's own console.

use xen_abi::errno::*;
use xen_abi::xen::*;

use crate::error::Answer;
use crate::record::HypercallRecord;
use crate::state::State;

impl State {
    pub(crate) fn console_io(&mut self, caller: domid_t, arguments: [usize; 5]) -> HypercallRecord {
        let (command, count, at) = (arguments[0] as u32, arguments[1] as u32, arguments[2]);
        let (operation, answer) = match command {
            CONSOLEIO_write => ("CONSOLEIO_write", self.console_write(caller, at, count)),
            CONSOLEIO_read => ("CONSOLEIO_read", self.console_read(caller, count)),
            _ => ("console_io", self.console_allowed(caller).and(Err(XEN_ENOSYS))),
        };
        HypercallRecord::new(caller, operation, answer)
    }

    /// In a release build of Xen only control domains may, and those that Xen starts by itself.
    fn console_allowed(&self, caller: domid_t) -> Answer<()> {
        let domain = self.caller(caller);
        if domain.privileged || domain.dom0less { Ok(()) } else { Err(XEN_EPERM) }
    }

    /// The console has no input.
    fn console_read(&self, caller: domid_t, count: u32) -> Answer {
        self.console_allowed(caller)?;
        if i32::try_from(count).is_err() { Err(XEN_E2BIG) } else { Ok(0) }
    }

    fn console_write(&mut self, caller: domid_t, at: usize, count: u32) -> Answer {
        self.console_allowed(caller)?;
        for index in 0..count as usize {
            let byte: u8 = self.read_at(caller, at, index)?;
            self.caller_mut(caller).console.push(byte);
        }
        Ok(0)
    }
}
