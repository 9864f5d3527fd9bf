//! Operations on memory that is monitored or paged out. The simulator does neither.

use xen_abi::errno::*;
use xen_abi::memory::*;
use xen_abi::xen::domid_t;

use crate::error::Answer;
use crate::state::State;

impl State {
    /// No domain has a monitor.
    pub(crate) fn access_op(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: xen_mem_access_op = self.read(caller, at)?;
        self.remote(caller, op.domid)?;
        Err(XEN_ENODEV)
    }

    /// No domain has a pager.
    pub(crate) fn paging_op(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: xen_mem_paging_op = self.read(caller, at)?;
        self.remote(caller, op.domain)?;
        Err(XEN_ENODEV)
    }
}
