//! `XENMEM_get_vnumainfo`.

use xen_abi::errno::*;
use xen_abi::memory::*;
use xen_abi::xen::domid_t;

use crate::error::Answer;
use crate::state::State;
use crate::state::guest_access::address;

impl State {
    pub(crate) fn get_vnumainfo(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: xen_vnuma_topology_info = self.read(caller, at)?;
        if op.pad != 0 {
            return Err(XEN_EINVAL);
        }
        let domid = self.any_domid(caller, op.domid).ok_or(XEN_ESRCH)?;
        if !self.may_target(caller, domid) {
            return Err(XEN_EPERM);
        }
        let vnuma = self.domain(domid).and_then(|domain| domain.vnuma.clone());
        let vnuma = vnuma.ok_or(XEN_EOPNOTSUPP)?;
        let sizes =
            [vnuma.nodes(), vnuma.vcpu_to_vnode.len() as u32, vnuma.vmemranges.len() as u32];
        let given = [op.nr_vnodes, op.nr_vcpus, op.nr_vmemranges];
        [op.nr_vnodes, op.nr_vcpus, op.nr_vmemranges] = sizes;
        if given.into_iter().zip(sizes).any(|(given, size)| given < size) {
            self.write(caller, at, op)?;
            return Err(XEN_ENOBUFS);
        }
        if self.caller_mut(caller).faults.take_vnuma() {
            return Err(XEN_EAGAIN);
        }
        for (index, range) in vnuma.vmemranges.iter().enumerate() {
            self.write_at(caller, address(*op.vmemrange.h()), index, *range)?;
        }
        for (index, distance) in vnuma.vdistance.iter().enumerate() {
            self.write_at(caller, address(*op.vdistance.h()), index, *distance)?;
        }
        for (index, node) in vnuma.vcpu_to_vnode.iter().enumerate() {
            self.write_at(caller, address(*op.vcpu_to_vnode.h()), index, *node)?;
        }
        self.write(caller, at, op)?;
        Ok(0)
    }
}
