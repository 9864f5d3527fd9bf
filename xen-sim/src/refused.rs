//! Hypercalls that the simulator does not carry out, since it has no host and no processor. A
//! domain that may not make one gets Xen's error, and one that may gets `ENOSYS`.

use xen_abi::errno::*;
use xen_abi::platform::{
    XENPF_INTERFACE_VERSION, XENPF_settime64, xen_platform_op, xenpf_settime64,
};
use xen_abi::xen::*;

use crate::abi::COMPAT;
use crate::config::GuestKind;
use crate::error::Answer;
use crate::record::HypercallRecord;
use crate::state::State;

impl State {
    pub(crate) fn refused(
        &self,
        caller: domid_t,
        number: u32,
        arguments: [usize; 5],
    ) -> HypercallRecord {
        let domain = self.caller(caller);
        let (kind, privileged) = (domain.kind, domain.privileged);
        let (name, answer) = match (number, kind) {
            (__HYPERVISOR_platform_op, _) => {
                ("platform_op", self.platform_op(caller, arguments[0]))
            }
            (__HYPERVISOR_hypfs_op, _) if !privileged => ("hypfs_op", Err(XEN_EPERM)),
            (__HYPERVISOR_kexec_op, GuestKind::Pv) if !privileged => ("kexec_op", Err(XEN_EPERM)),
            (__HYPERVISOR_arch_0, GuestKind::Pv) if !privileged => ("mca", Err(XEN_EPERM)),
            // Counters are off unless Xen is told otherwise.
            (__HYPERVISOR_xenpmu_op, GuestKind::Pv | GuestKind::Pvh) => {
                ("xenpmu_op", Err(XEN_EOPNOTSUPP))
            }
            (__HYPERVISOR_mmuext_op, GuestKind::Pv | GuestKind::Pvh) => {
                ("mmuext_op", self.mmuext_op(caller, arguments))
            }
            (__HYPERVISOR_update_va_mapping_otherdomain, GuestKind::Pv) => {
                // The last argument, behind an entry that takes two registers on 32 bits.
                let domid = arguments[if COMPAT { 4 } else { 3 }];
                (
                    "update_va_mapping_otherdomain",
                    self.page_owner(caller, domid).and(Err(XEN_ENOSYS)),
                )
            }
            _ => ("hypercall", Err(XEN_ENOSYS)),
        };
        HypercallRecord::new(caller, name, answer)
    }

    fn platform_op(&self, caller: domid_t, at: usize) -> Answer {
        let op: xen_platform_op = self.read(caller, at)?;
        if op.interface_version != XENPF_INTERFACE_VERSION {
            return Err(XEN_EACCES);
        }
        if !self.caller(caller).privileged {
            return Err(XEN_EPERM);
        }
        match (op.cmd, op.u.settime64()) {
            (XENPF_settime64, xenpf_settime64 { mbz: 1.., .. }) => Err(XEN_EINVAL),
            _ => Err(XEN_ENOSYS),
        }
    }

    /// Commands that flush the caller's TLB, of which there is none, succeed.
    fn mmuext_op(&self, caller: domid_t, arguments: [usize; 5]) -> Answer {
        const WORDS: usize = 3;
        let [at, count, _, domid, _] = arguments;
        // A number of 32 bits.
        let count = count as u32 as usize;
        let is_pv = self.caller(caller).kind == GuestKind::Pv;
        if COMPAT && count == 0 {
            return Ok(0);
        }
        if is_pv && count > 0 {
            // Only a PV guest's address is held against Xen's own part before anything else.
            self.read_at::<[usize; WORDS]>(caller, at, count - 1)?;
        }
        self.page_owner(caller, domid)?;
        if !is_pv {
            return Err(XEN_EINVAL);
        }
        for index in 0..count {
            let [command, ..] = self.read_at::<[usize; WORDS]>(caller, at, index)?;
            match command as u32 {
                MMUEXT_TLB_FLUSH_LOCAL
                | MMUEXT_INVLPG_LOCAL
                | MMUEXT_TLB_FLUSH_ALL
                | MMUEXT_INVLPG_ALL => {}
                _ => return Err(XEN_ENOSYS),
            }
        }
        Ok(0)
    }

    /// The domain whose frames page tables are to have.
    fn page_owner(&self, caller: domid_t, domid: usize) -> Answer<()> {
        match domid_t(domid as u16) {
            DOMID_SELF => Ok(()),
            domid if domid != caller && self.domain(domid).is_some() => Ok(()),
            _ => Err(XEN_ESRCH),
        }
    }
}
