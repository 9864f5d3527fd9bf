//! `memory_op`: dispatch, and the operations that return a value.

mod dynamic;
mod exchange;
mod extent;
mod machphys;
mod memory_map;
mod physmap;
mod pod;
mod reservation;
mod resource;
mod vnuma;

use xen_abi::errno::*;
use xen_abi::memory::*;
use xen_abi::xen::domid_t;

use crate::abi::COMPAT;
use crate::config::{GuestKind, Release};
use crate::error::{Answer, result};
use crate::record::HypercallRecord;
use crate::state::State;

/// Bits of the command that select the operation; the others hold the progress of a continued one.
const COMMAND: usize = 0x3f;

impl State {
    pub(crate) fn memory_op(&mut self, caller: domid_t, arguments: [usize; 5]) -> HypercallRecord {
        let (command, at) = (arguments[0], arguments[1]);
        // Lossless: six bits.
        let operation = (command & COMMAND) as u32;
        let start = command >> 6;
        let result = match operation {
            XENMEM_increase_reservation | XENMEM_decrease_reservation | XENMEM_populate_physmap => {
                self.change_reservation(caller, operation, at, start)
            }
            _ => result(self.memory_operation(caller, operation, at, start)),
        };
        let operation = name(operation);
        HypercallRecord { domid: caller, operation, count: None, result, statuses: Vec::new() }
    }

    fn memory_operation(
        &mut self,
        caller: domid_t,
        operation: u32,
        at: usize,
        start: usize,
    ) -> Answer {
        match operation {
            XENMEM_add_to_physmap => return self.add_to_physmap(caller, at, start),
            XENMEM_add_to_physmap_batch => return self.add_to_physmap_batch(caller, at, start),
            XENMEM_acquire_resource => return self.acquire_resource(caller, at, start),
            // `compat_memory_op` does not have it.
            XENMEM_claim_pages if COMPAT => return Err(XEN_ENOSYS),
            // It reads these arguments before it looks at the start.
            XENMEM_exchange if COMPAT => self.check_translated_exchange(caller, at)?,
            XENMEM_remove_from_physmap if COMPAT => {
                self.read::<xen_remove_from_physmap>(caller, at)?;
            }
            XENMEM_get_vnumainfo if COMPAT => {
                self.read::<xen_vnuma_topology_info>(caller, at)?;
            }
            _ => {}
        }
        match operation {
            XENMEM_exchange
            | XENMEM_maximum_ram_page
            | XENMEM_current_reservation
            | XENMEM_maximum_reservation
            | XENMEM_maximum_gpfn
            | XENMEM_remove_from_physmap
            | XENMEM_claim_pages
            | XENMEM_get_vnumainfo
            | XENMEM_reserved_device_memory_map
                if start != 0 =>
            {
                return Err(XEN_EINVAL);
            }
            _ => {}
        }
        match operation {
            XENMEM_exchange => self.exchange(caller, at),
            XENMEM_maximum_ram_page => Ok(self.frames.end() as isize),
            XENMEM_current_reservation | XENMEM_maximum_reservation | XENMEM_maximum_gpfn => {
                self.memory_value(caller, operation, at)
            }
            XENMEM_remove_from_physmap => self.remove_from_physmap(caller, at),
            XENMEM_claim_pages => self.claim_pages(caller, at),
            XENMEM_get_vnumainfo => self.get_vnumainfo(caller, at),
            XENMEM_reserved_device_memory_map => self.reserved_device_memory_map(caller, at),
            XENMEM_get_sharing_freed_pages | XENMEM_get_sharing_shared_pages if start == 0 => Ok(0),
            // Debian's hypervisors for Arm are built without it.
            XENMEM_access_op if self.caller(caller).kind != GuestKind::Arm => {
                self.access_op(caller, at)
            }
            // All other operations are x86's.
            _ if self.caller(caller).kind == GuestKind::Arm || start != 0 => Err(XEN_ENOSYS),
            XENMEM_memory_map => self.memory_map(caller, at),
            XENMEM_machine_memory_map
                if self.caller(caller).is_translated() && self.release < Release::V4_20 =>
            {
                Err(XEN_ENOSYS)
            }
            XENMEM_machine_memory_map => self.machine_memory_map(caller, at),
            XENMEM_set_memory_map => self.set_memory_map(caller, at),
            XENMEM_get_pod_target => self.pod_target(caller, at, false),
            XENMEM_set_pod_target => self.pod_target(caller, at, true),
            XENMEM_machphys_mapping if !self.caller(caller).is_translated() => {
                self.machphys_mapping(caller, at)
            }
            // Debian builds later releases without 32-bit PV guests, whose table it is.
            XENMEM_machphys_mfn_list if COMPAT && self.release > Release::V4_14 => {
                Err(XEN_EOPNOTSUPP)
            }
            XENMEM_machphys_mfn_list => self.machphys_mfn_list(caller, at),
            XENMEM_machphys_compat_mfn_list if self.release > Release::V4_14 => Err(XEN_EOPNOTSUPP),
            XENMEM_machphys_compat_mfn_list => self.machphys_mfn_list(caller, at),
            XENMEM_paging_op if self.release == Release::V4_14 => self.paging_op(caller, at),
            _ => Err(XEN_ENOSYS),
        }
    }

    fn memory_value(&mut self, caller: domid_t, operation: u32, at: usize) -> Answer {
        let op: xen_memory_domain = self.read(caller, at)?;
        let domid = self.any_domid(caller, op.domid).ok_or(XEN_ESRCH)?;
        if !self.may_target(caller, domid) {
            return Err(XEN_EPERM);
        }
        let domain = self.domain(domid).ok_or(XEN_ESRCH)?;
        let value = match operation {
            XENMEM_current_reservation => domain.pages as u64,
            XENMEM_maximum_reservation => domain.max_pages as u64,
            _ if domain.is_translated() => {
                domain.p2m.last().max(domain.pod.entries.last().copied()).unwrap_or(0)
            }
            _ => (domain.pages as u64).saturating_sub(1),
        };
        // The result is an int for a guest of 32 bits.
        Ok(isize::try_from(value).unwrap_or(isize::MAX))
    }

    /// Claims memory for a domain.
    fn claim_pages(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: xen_memory_reservation = self.read(caller, at)?;
        let plain = op.extent_start.is_null() && op.extent_order == 0 && op.mem_flags.is_empty();
        let domain = self.domain(op.domid).filter(|_| plain).ok_or(XEN_EINVAL)?;
        if !self.caller(caller).privileged {
            return Err(XEN_EPERM);
        }
        if domain.dying && self.release >= Release::V4_20 {
            return Err(XEN_EINVAL);
        }
        let wanted = usize::try_from(op.nr_extents).unwrap_or(usize::MAX);
        let more = wanted.saturating_sub(domain.pages);
        if wanted > 0 && (domain.claimed > 0 || more == 0 || wanted > domain.max_pages) {
            return Err(XEN_EINVAL);
        }
        if more > self.available() {
            return Err(XEN_ENOMEM);
        }
        if let Some(domain) = self.domain_mut(op.domid) {
            domain.claimed = more;
        }
        Ok(0)
    }
}

/// Upstream's name of an operation.
fn name(operation: u32) -> &'static str {
    match operation {
        XENMEM_increase_reservation => "XENMEM_increase_reservation",
        XENMEM_decrease_reservation => "XENMEM_decrease_reservation",
        XENMEM_populate_physmap => "XENMEM_populate_physmap",
        XENMEM_exchange => "XENMEM_exchange",
        XENMEM_maximum_ram_page => "XENMEM_maximum_ram_page",
        XENMEM_current_reservation => "XENMEM_current_reservation",
        XENMEM_maximum_reservation => "XENMEM_maximum_reservation",
        XENMEM_maximum_gpfn => "XENMEM_maximum_gpfn",
        XENMEM_add_to_physmap => "XENMEM_add_to_physmap",
        XENMEM_add_to_physmap_batch => "XENMEM_add_to_physmap_batch",
        XENMEM_remove_from_physmap => "XENMEM_remove_from_physmap",
        XENMEM_acquire_resource => "XENMEM_acquire_resource",
        XENMEM_claim_pages => "XENMEM_claim_pages",
        XENMEM_get_vnumainfo => "XENMEM_get_vnumainfo",
        XENMEM_memory_map => "XENMEM_memory_map",
        XENMEM_machine_memory_map => "XENMEM_machine_memory_map",
        XENMEM_set_memory_map => "XENMEM_set_memory_map",
        XENMEM_reserved_device_memory_map => "XENMEM_reserved_device_memory_map",
        XENMEM_get_pod_target => "XENMEM_get_pod_target",
        XENMEM_set_pod_target => "XENMEM_set_pod_target",
        XENMEM_machphys_mapping => "XENMEM_machphys_mapping",
        XENMEM_machphys_mfn_list => "XENMEM_machphys_mfn_list",
        XENMEM_machphys_compat_mfn_list => "XENMEM_machphys_compat_mfn_list",
        XENMEM_access_op => "XENMEM_access_op",
        XENMEM_paging_op => "XENMEM_paging_op",
        XENMEM_get_sharing_freed_pages => "XENMEM_get_sharing_freed_pages",
        XENMEM_get_sharing_shared_pages => "XENMEM_get_sharing_shared_pages",
        _ => "memory_op",
    }
}
