//! Operations on memory that is populated on demand, monitored or paged out. The simulator does
//! none of that: a domain has all of its memory, and no other domain monitors it.

use xen_abi::errno::*;
use xen_abi::memory::*;
use xen_abi::xen::domid_t;

use crate::config::Release;
use crate::error::Answer;
use crate::state::State;

impl State {
    /// A domain has all its pages, and no cache of pages to populate others with.
    pub(crate) fn pod_target(&mut self, caller: domid_t, at: usize, set: bool) -> Answer {
        let mut op: xen_pod_target = self.read(caller, at)?;
        let domid = self.any_domid(caller, op.domid).ok_or(XEN_ESRCH)?;
        let domain = self.domain(domid).ok_or(XEN_ESRCH)?;
        if !domain.is_translated() && self.release > Release::V4_14 {
            return Err(XEN_EINVAL);
        }
        if !self.caller(caller).privileged {
            return Err(XEN_EPERM);
        }
        if op.target_pages > domain.max_pages as u64 && set {
            return Err(XEN_EINVAL);
        }
        op.tot_pages = domain.pages as u64;
        op.pod_cache_pages = 0;
        op.pod_entries = 0;
        self.write(caller, at, op)?;
        Ok(0)
    }

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
