//! The smaller hypercalls: as much of each as a guest with grants calls.

mod hvm;
mod mmu;
mod sched;
pub(crate) mod vcpu;
mod version;

use xen_abi::errno::*;
use xen_abi::physdev::*;
use xen_abi::xen::*;

use crate::config::GuestKind;
use crate::error::{Answer, result};
use crate::machine::State;
use crate::transcript::Call;

/// A call without a batch.
pub(crate) fn call(caller: domid_t, operation: &'static str, answer: Answer) -> Call {
    Call { domain: caller, operation, count: None, result: result(answer), statuses: Vec::new() }
}

impl State {
    pub(crate) fn console_io(&mut self, caller: domid_t, arguments: [usize; 5]) -> Call {
        let (command, count, at) = (arguments[0] as u32, arguments[1] as u32, arguments[2]);
        let (operation, answer) = match command {
            CONSOLEIO_write => ("CONSOLEIO_write", self.console_write(caller, at, count)),
            // Nobody types.
            CONSOLEIO_read => ("CONSOLEIO_read", self.console_allowed(caller).map(|()| 0)),
            _ => ("console_io", Err(XEN_ENOSYS)),
        };
        call(caller, operation, answer)
    }

    /// In a release build of Xen only control domains may.
    fn console_allowed(&self, caller: domid_t) -> Answer<()> {
        if self.caller(caller).privileged { Ok(()) } else { Err(XEN_EPERM) }
    }

    fn console_write(&mut self, caller: domid_t, at: usize, count: u32) -> Answer {
        self.console_allowed(caller)?;
        for index in 0..count as usize {
            let byte: u8 = self.read_at(caller, at, index)?;
            self.caller_mut(caller).console.push(byte);
        }
        Ok(0)
    }

    /// Nanoseconds since the machine was started.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub(crate) fn physdev_op(&mut self, caller: domid_t, arguments: [usize; 5]) -> Call {
        let (command, at) = (arguments[0] as u32, arguments[1]);
        let pv = self.caller(caller).kind == GuestKind::Pv;
        let (operation, answer) = match command {
            PHYSDEVOP_set_iopl if pv => ("PHYSDEVOP_set_iopl", self.set_iopl(caller, at)),
            PHYSDEVOP_map_pirq if pv => ("PHYSDEVOP_map_pirq", self.map_pirq(caller, at)),
            PHYSDEVOP_unmap_pirq if pv => ("PHYSDEVOP_unmap_pirq", self.unmap_pirq(caller, at)),
            _ => ("physdev_op", Err(XEN_ENOSYS)),
        };
        call(caller, operation, answer)
    }

    fn set_iopl(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: physdev_set_iopl = self.read(caller, at)?;
        if op.iopl > 3 { Err(XEN_EINVAL) } else { Ok(0) }
    }

    /// The interrupt gets the number that was asked for, or that of its line.
    fn map_pirq(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: physdev_map_pirq = self.read(caller, at)?;
        let domid = self.any_domid(caller, op.domid).ok_or(XEN_ESRCH)?;
        if !self.caller(caller).privileged || !self.may_target(caller, domid) {
            return Err(XEN_EPERM);
        }
        if op.type_ != MAP_PIRQ_TYPE_GSI as i32 || op.index < 0 {
            return Err(XEN_EINVAL);
        }
        if op.pirq < 0 {
            op.pirq = op.index;
        }
        self.write(caller, at, op)?;
        Ok(0)
    }

    fn unmap_pirq(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: physdev_unmap_pirq = self.read(caller, at)?;
        self.any_domid(caller, op.domid).ok_or(XEN_ESRCH)?;
        if !self.caller(caller).privileged {
            return Err(XEN_EPERM);
        }
        if op.pirq < 0 { Err(XEN_EINVAL) } else { Ok(0) }
    }
}
