//! `XENMEM_increase_reservation`, `XENMEM_decrease_reservation` and `XENMEM_populate_physmap`: they
//! return how many extents are done, and never an error number.

use xen_abi::errno::*;
use xen_abi::memory::*;
use xen_abi::xen::domid_t;

use crate::abi::{pfn, pfn_to_u64};
use crate::config::GuestKind;
use crate::error::Answer;
use crate::memory::extent::{MAX_EXTENTS, MAX_ORDER, max_order};
use crate::state::State;
use crate::state::frames::Mfn;
use crate::state::guest_access::address;
use crate::state::p2m;

/// A checked reservation.
struct Extents {
    /// The operation, and the address of its argument.
    operation: u32,
    argument: usize,
    domid: domid_t,
    list: usize,
    /// The first that is not done, and the end.
    start: usize,
    end: usize,
    order: u32,
    memory: Memory,
    on_demand: bool,
}

/// The memory that a domain asks for by `XENMEMF_*`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// How many bits an address may have; 0 for any number.
    address_bits: u32,
    /// Whether it must be on a node that the machine does not have.
    nowhere: bool,
}

impl Memory {
    /// The same with addresses of so many bits.
    pub(super) fn with_bits(self, address_bits: u32) -> Self {
        Self { address_bits, ..self }
    }

    /// Whether the machine has no such memory.
    pub(super) fn is_nowhere(self) -> bool {
        self.nowhere || (1..=12).contains(&self.address_bits)
    }

    /// Whether 2 to the power of `order` frames are such memory.
    pub(super) fn has(self, mfn: Mfn, order: u32) -> bool {
        let last = mfn.0 + (1 << order) - 1;
        self.address_bits == 0 || last >> self.address_bits.saturating_sub(12).min(63) == 0
    }
}

impl State {
    /// Executes one of the three operations on the extents from `start` on. Returns the number
    /// done.
    pub(crate) fn change_reservation(
        &mut self,
        caller: domid_t,
        operation: u32,
        at: usize,
        start: usize,
    ) -> isize {
        let done = match self.check_reservation(caller, at, start, operation) {
            None => start,
            Some(extents) => match operation {
                XENMEM_increase_reservation => self.increase(caller, &extents),
                XENMEM_decrease_reservation => self.decrease(caller, &extents),
                _ => self.populate(caller, &extents),
            },
        };
        done as isize
    }

    fn check_reservation(
        &self,
        caller: domid_t,
        at: usize,
        start: usize,
        operation: u32,
    ) -> Option<Extents> {
        let reservation: xen_memory_reservation = self.read(caller, at).ok()?;
        let end = usize::try_from(reservation.nr_extents).ok()?;
        if end > MAX_EXTENTS || start >= end {
            return None;
        }
        let domid = self.any_domid(caller, reservation.domid)?;
        let memory = self.check_flags(caller, domid, reservation.mem_flags)?;
        if !self.may_target(caller, domid) {
            return None;
        }
        let (order, on_demand) = (reservation.extent_order, reservation.mem_flags);
        let populates = operation == XENMEM_populate_physmap;
        let on_demand = populates && on_demand.contains(XENMEMF_populate_on_demand);
        let most = max_order(self.caller(caller).privileged);
        if order > if on_demand { MAX_ORDER } else { most } {
            return None;
        }
        Some(Extents {
            operation,
            argument: at,
            domid,
            list: address(reservation.extent_start),
            start,
            end,
            order,
            memory,
            on_demand,
        })
    }

    /// What `XENMEMF_*` ask for. `None` if Xen refuses the flags.
    pub(crate) fn check_flags(
        &self,
        caller: domid_t,
        domid: domid_t,
        flags: MemoryFlags,
    ) -> Option<Memory> {
        let address_bits = flags.bits() & 0xff;
        if (1..=12).contains(&address_bits) {
            return None;
        }
        // The node plus 1; 0 is any.
        let node = flags.bits() >> 8 & 0xff;
        if flags.contains(XENMEMF_vnode) {
            let vnuma = self.domain(domid)?.vnuma.as_ref();
            let known = vnuma.is_none_or(|vnuma| node > 0 && node <= vnuma.nodes());
            return known.then_some(Memory { address_bits, nowhere: false });
        }
        let exact = flags.contains(XENMEMF_exact_node_request);
        let caller = self.caller(caller);
        let nodes = if caller.kind == GuestKind::Arm { 1 } else { 64 };
        let refused = if caller.privileged { node > nodes } else { exact };
        let nowhere = exact && node > 1;
        (node == 0 || !refused).then_some(Memory { address_bits, nowhere })
    }

    /// Whether the operation is interrupted before the extent `at`.
    fn interrupts_at(&mut self, caller: domid_t, extents: &Extents, at: usize) -> bool {
        let command = extents.operation as usize | at << 6;
        self.interrupts(caller, at - extents.start, [command, extents.argument, 0])
    }

    fn increase(&mut self, caller: domid_t, extents: &Extents) -> usize {
        let translated = self.domain(extents.domid).is_some_and(|domain| domain.is_translated());
        for at in extents.start..extents.end {
            if self.interrupts_at(caller, extents, at) {
                return at;
            }
            let Some(mfn) = self.allocate_extent(caller, extents) else { return at };
            if !translated
                && extents.list != 0
                && self.write_at(caller, extents.list, at, pfn(mfn.0)).is_err()
            {
                return at;
            }
        }
        extents.end
    }

    fn populate(&mut self, caller: domid_t, extents: &Extents) -> usize {
        let translated = self.domain(extents.domid).is_some_and(|domain| domain.is_translated());
        for at in extents.start..extents.end {
            if self.interrupts_at(caller, extents, at) {
                return at;
            }
            let Ok(gfn) = self.read_at(caller, extents.list, at) else { return at };
            let gfn = pfn_to_u64(gfn);
            if extents.on_demand {
                if !self.mark_on_demand(caller, extents.domid, gfn, extents.order) {
                    return at;
                }
                continue;
            }
            let in_place = self.domain(extents.domid).is_some_and(|domain| domain.in_place);
            let mfn = match in_place {
                true => self.direct_extent(extents, gfn),
                false => self.allocate_extent(caller, extents),
            };
            let Some(mfn) = mfn else { return at };
            for page in 0..1 << extents.order {
                let gfn = gfn.wrapping_add(page);
                if !self.place(extents.domid, gfn, Mfn(mfn.0 + page)) {
                    return at;
                }
            }
            if !translated && self.write_at(caller, extents.list, at, pfn(mfn.0)).is_err() {
                return at;
            }
        }
        extents.end
    }

    /// The frames of a domain whose guest frames are the machine's: they stay assigned to it.
    fn direct_extent(&self, extents: &Extents, gfn: u64) -> Option<Mfn> {
        let frames = gfn..gfn.checked_add(1 << extents.order)?;
        let kept = |mfn| self.frames.get(Mfn(mfn)).is_some_and(|f| f.owner == Some(extents.domid));
        frames.clone().all(kept).then_some(Mfn(gfn))
    }

    fn allocate_extent(&mut self, caller: domid_t, extents: &Extents) -> Option<Mfn> {
        if self.caller_mut(caller).faults.take_no_memory() || extents.memory.is_nowhere() {
            return None;
        }
        let mfn = self.allocate(extents.domid, extents.order)?;
        if extents.memory.has(mfn, extents.order) {
            return Some(mfn);
        }
        for page in 0..1 << extents.order {
            self.free(Mfn(mfn.0 + page));
        }
        None
    }

    fn decrease(&mut self, caller: domid_t, extents: &Extents) -> usize {
        for at in extents.start..extents.end {
            if self.interrupts_at(caller, extents, at) {
                return at;
            }
            let Ok(gfn) = self.read_at(caller, extents.list, at) else { return at };
            let gfn = pfn_to_u64(gfn);
            for page in 0..1 << extents.order {
                let gfn = gfn.wrapping_add(page);
                if self.decrease_on_demand(extents.domid, gfn) {
                    continue;
                }
                if self.remove_page(extents.domid, gfn).is_err() {
                    return at;
                }
            }
        }
        extents.end
    }

    /// Frees a page of the domain's own memory.
    pub(crate) fn remove_page(&mut self, domid: domid_t, gfn: u64) -> Answer<()> {
        let x86 = self.domain(domid).is_some_and(|domain| domain.kind == GuestKind::Pvh);
        let hole = if x86 { XEN_ENOENT } else { XEN_EINVAL };
        let entry = self.look_up(domid, gfn).ok_or(hole)?;
        if entry.kind != p2m::EntryKind::Ram {
            return Err(XEN_ENXIO);
        }
        self.unplace(domid, gfn);
        if self.domain(domid).is_some_and(|domain| domain.in_place) {
            return Ok(());
        }
        if !self.frames.get(entry.mfn).is_some_and(|frame| frame.special) {
            self.free(entry.mfn);
        }
        Ok(())
    }
}
