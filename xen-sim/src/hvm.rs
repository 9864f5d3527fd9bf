//! `hvm_op`.

mod params;

use core::mem::offset_of;

use xen_abi::errno::*;
use xen_abi::hvm::hvm_op::*;
use xen_abi::hvm::params::*;
use xen_abi::xen::domid_t;

use crate::config::{GuestKind, Release};
use crate::error::Answer;
use crate::record::HypercallRecord;
use crate::state::State;
use crate::state::p2m;

/// Bits of the number of a trace event that a guest chooses.
const EVENT_BITS: u32 = 12;

/// The operation's number, which the headers define for x86 only.
const SET_EVTCHN_UPCALL_VECTOR: u32 = 23;

/// Parameters that an x86 guest may set and get itself.
const X86_OWN: [u32; 8] = [
    HVM_PARAM_CALLBACK_IRQ,
    HVM_PARAM_STORE_EVTCHN,
    HVM_PARAM_CONSOLE_EVTCHN,
    HVM_PARAM_VM86_TSS,
    HVM_PARAM_VM86_TSS_SIZED,
    HVM_PARAM_ACPI_IOPORTS_LOCATION,
    HVM_PARAM_VM_GENERATION_ID_ADDR,
    HVM_PARAM_X87_FIP_WIDTH,
];

/// Parameters that it may only get.
const X86_TOLD: [u32; 3] = [HVM_PARAM_STORE_PFN, HVM_PARAM_CONSOLE_PFN, HVM_PARAM_ALTP2M];

/// Parameters that earlier releases had.
const X86_GONE: [u32; 9] = [
    HVM_PARAM_PAE_ENABLED,
    HVM_PARAM_DM_DOMAIN,
    HVM_PARAM_MEMORY_EVENT_CR0,
    HVM_PARAM_MEMORY_EVENT_CR3,
    HVM_PARAM_MEMORY_EVENT_CR4,
    HVM_PARAM_MEMORY_EVENT_INT3,
    HVM_PARAM_MEMORY_EVENT_SINGLE_STEP,
    HVM_PARAM_BUFIOREQ_EVTCHN,
    HVM_PARAM_MEMORY_EVENT_MSR,
];

/// Parameters that an Arm guest may get.
const ARM_TOLD: [u32; 5] = [
    HVM_PARAM_CALLBACK_IRQ,
    HVM_PARAM_STORE_PFN,
    HVM_PARAM_STORE_EVTCHN,
    HVM_PARAM_CONSOLE_PFN,
    HVM_PARAM_CONSOLE_EVTCHN,
];

/// Parameters whose value cannot be changed once it is not 0.
const X86_ONCE: [u32; 7] = [
    HVM_PARAM_VIRIDIAN,
    HVM_PARAM_IOREQ_PFN,
    HVM_PARAM_BUFIOREQ_PFN,
    HVM_PARAM_IOREQ_SERVER_PFN,
    HVM_PARAM_NR_IOREQ_SERVER_PAGES,
    HVM_PARAM_ALTP2M,
    HVM_PARAM_MCA_CAP,
];

/// Checks that a parameter can be set or got, by the domain itself or by another.
fn is_allowed(release: Release, kind: GuestKind, index: u32, set: bool, own: bool) -> Answer<()> {
    let for_others = if own { Err(XEN_EPERM) } else { Ok(()) };
    if kind == GuestKind::Arm {
        return match index {
            told if ARM_TOLD.contains(&told) && !set => Ok(()),
            told if ARM_TOLD.contains(&told) => for_others,
            HVM_PARAM_MONITOR_RING_PFN => for_others,
            _ => Err(XEN_EINVAL),
        };
    }
    match index {
        own if X86_OWN.contains(&own) => Ok(()),
        told if X86_TOLD.contains(&told) && !set => Ok(()),
        // It is read-only since 4.19.
        HVM_PARAM_ALTP2M if set && release >= Release::V4_20 => Err(XEN_EEXIST),
        HVM_PARAM_NESTEDHVM if release > Release::V4_14 => Err(XEN_EINVAL),
        gone if X86_GONE.contains(&gone) => Err(XEN_EINVAL),
        _ => for_others,
    }
}

/// Whether a value can be the VM86 TSS; true for other parameters. Xen crashes a domain that sets
/// another for itself.
fn is_tss(index: u32, value: u64) -> bool {
    match index {
        HVM_PARAM_VM86_TSS => value <= u64::from(u32::MAX),
        HVM_PARAM_VM86_TSS_SIZED => value >> 32 >= params::TSS_SIZE,
        _ => true,
    }
}

impl State {
    pub(crate) fn hvm_op(&mut self, caller: domid_t, arguments: [usize; 5]) -> HypercallRecord {
        // The command has all bits of the register.
        let (command, at) = (u32::try_from(arguments[0]).unwrap_or(u32::MAX), arguments[1]);
        let arm = self.caller(caller).kind == GuestKind::Arm;
        let (operation, answer) = match command {
            HVMOP_set_param => ("HVMOP_set_param", self.hvm_param(caller, at, true)),
            HVMOP_get_param => ("HVMOP_get_param", self.hvm_param(caller, at, false)),
            HVMOP_guest_request_vm_event => {
                // No other domain monitors this one.
                let answer = if at == 0 { Ok(0) } else { Err(XEN_EINVAL) };
                ("HVMOP_guest_request_vm_event", answer)
            }
            _ if arm => ("hvm_op", Err(XEN_ENOSYS)),
            HVMOP_flush_tlbs => {
                let translated = self.caller(caller).is_translated() && at == 0;
                ("HVMOP_flush_tlbs", if translated { Ok(0) } else { Err(XEN_EINVAL) })
            }
            HVMOP_get_mem_type => ("HVMOP_get_mem_type", self.mem_type(caller, at)),
            HVMOP_get_time => ("HVMOP_get_time", self.hvm_time(caller, at)),
            HVMOP_pagetable_dying => ("HVMOP_pagetable_dying", self.pagetable_dying(caller, at)),
            HVMOP_xentrace => ("HVMOP_xentrace", self.xentrace(caller, at)),
            SET_EVTCHN_UPCALL_VECTOR => {
                ("HVMOP_set_evtchn_upcall_vector", self.upcall_vector(caller, at))
            }
            HVMOP_altp2m => ("HVMOP_altp2m", Err(XEN_EOPNOTSUPP)),
            _ => ("hvm_op", Err(XEN_ENOSYS)),
        };
        HypercallRecord::new(caller, operation, answer)
    }

    fn hvm_param(&mut self, caller: domid_t, at: usize, set: bool) -> Answer {
        let op: xen_hvm_param = self.read(caller, at)?;
        // Arm looks at the number last.
        let arm = self.caller(caller).kind == GuestKind::Arm;
        if op.index >= HVM_NR_PARAMS && !arm {
            return Err(XEN_EINVAL);
        }
        let domid = self.any_domid(caller, op.domid).ok_or(XEN_ESRCH)?;
        let domain = self.domain(domid).ok_or(XEN_ESRCH)?;
        if !domain.is_translated() {
            return Err(XEN_EINVAL);
        }
        let kind = domain.kind;
        if !self.may_target(caller, domid) {
            return Err(XEN_EPERM);
        }
        is_allowed(self.release, kind, op.index, set, domid == caller)?;
        let param = |index| domain.params.get(&index).copied().unwrap_or(0);
        if !set {
            let value = match (kind, op.index) {
                (GuestKind::Pvh, HVM_PARAM_VM86_TSS) => {
                    param(HVM_PARAM_VM86_TSS_SIZED) & u64::from(u32::MAX)
                }
                (_, index) => param(index),
            };
            self.write(caller, at.wrapping_add(offset_of!(xen_hvm_param, value)), value)?;
            return Ok(0);
        }
        let mut stored = Some((op.index, op.value));
        if kind == GuestKind::Pvh {
            let old = param(op.index);
            if X86_ONCE.contains(&op.index) && old != 0 && op.value != old {
                return Err(XEN_EEXIST);
            }
            let crash = domid == caller && !is_tss(op.index, op.value);
            let checked = params::check(op.index, op.value, old);
            if let Some(domain) = self.domain_mut(domid).filter(|_| crash) {
                domain.crashed = Some("set its VM86 TSS to what cannot be one");
            }
            stored = checked?;
        }
        let domain = self.domain_mut(domid).ok_or(XEN_ESRCH)?;
        domain.params.extend(stored);
        Ok(0)
    }

    fn mem_type(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: xen_hvm_get_mem_type = self.read(caller, at)?;
        let domid = self.any_domid(caller, op.domid).ok_or(XEN_ESRCH)?;
        if !self.may_target(caller, domid) {
            return Err(XEN_EPERM);
        }
        if !self.domain(domid).is_some_and(|domain| domain.is_translated()) {
            return Err(XEN_EINVAL);
        }
        let readonly = p2m::EntryKind::Grant { readonly: true };
        let on_demand =
            self.domain(domid).is_some_and(|domain| domain.pod.entries.contains(&op.pfn));
        let type_ = match self.look_up(domid, op.pfn).map(|entry| entry.kind) {
            None if on_demand => HVMMEM_ram_rw,
            None => HVMMEM_mmio_dm,
            Some(kind) if kind == readonly => HVMMEM_ram_ro,
            Some(_) => HVMMEM_ram_rw,
        };
        op.mem_type = type_.0 as u16;
        self.write(caller, at, op)?;
        Ok(0)
    }

    fn hvm_time(&mut self, caller: domid_t, at: usize) -> Answer {
        self.write(caller, at, xen_hvm_get_time { now: self.now() })?;
        Ok(0)
    }

    /// Xen does this with shadow page tables only.
    fn pagetable_dying(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: xen_hvm_pagetable_dying = self.read(caller, at)?;
        let domid = self.any_domid(caller, op.domid).ok_or(XEN_ESRCH)?;
        Err(if domid == caller { XEN_EINVAL } else { XEN_EOPNOTSUPP })
    }

    fn xentrace(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: xen_hvm_xentrace = self.read(caller, at)?;
        // Since 4.18 the bytes are whole words.
        let whole = self.release < Release::V4_20 || op.extra_bytes % 4 == 0;
        let fits = usize::from(op.extra_bytes) <= op.extra.len() && op.event >> EVENT_BITS == 0;
        if whole && fits { Ok(0) } else { Err(XEN_EINVAL) }
    }

    fn upcall_vector(&mut self, caller: domid_t, at: usize) -> Answer {
        if !self.caller(caller).is_translated() {
            return Err(XEN_EINVAL);
        }
        // vCPU and vector, as in the structure that the headers define for x86 only.
        let (vcpu, vector): (u32, u8) = (self.read(caller, at)?, self.read(caller, at + 4)?);
        match (vcpu, vector) {
            (_, ..16) => Err(XEN_EINVAL),
            (0, _) => Ok(0),
            _ => Err(XEN_ENOENT),
        }
    }
}
