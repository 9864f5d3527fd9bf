//! The guest's side of memory: its pages, room for mappings, its grant table.

#![allow(unsafe_code, reason = "implements what others rely on")]

use std::ptr::NonNull;

use xen_abi::xen::xen_pfn_t;
use xen_ops::page;

use crate::domain::Domain;
use crate::frames::Mfn;

/// A page of a domain's memory; [`Domain::page`] gives it.
///
/// When it is dropped while somebody has it mapped, the page is not used again, and
/// [`Xen::check_invariants`](crate::Xen::check_invariants) says so.
#[derive(Debug)]
pub struct Page {
    pub(crate) domain: Domain,
    pub(crate) frame: u64,
    pub(crate) mfn: Mfn,
    pub(crate) address: NonNull<u8>,
}

/// Room for a foreign frame; [`Domain::target`] gives it.
#[derive(Debug)]
pub struct MapTarget {
    pub(crate) domain: Domain,
    pub(crate) number: u64,
}

/// A domain's grant table in memory; [`Domain::table`] gives it.
///
/// The frames of the table are in one piece here, as a guest would map them. What is written to a
/// frame before the guest has mapped it, by `XENMEM_add_to_physmap` or, in a PV guest, by
/// `GNTTABOP_setup_table`, is lost: Xen sees empty entries there, but for the reserved ones.
#[derive(Clone, Debug)]
pub struct Table {
    pub(crate) domain: Domain,
}

// SAFETY: the frame was taken out of the domain's unused ones, and is a page that stays where it is as
// long as the machine, which the value holds.
unsafe impl page::Page for Page {
    fn frame(&self) -> xen_pfn_t {
        xen_pfn_t(self.frame)
    }

    fn address(&self) -> NonNull<u8> {
        self.address
    }
}

// SAFETY: the memory belongs to the value, whatever thread it is on, and is accessed atomically.
unsafe impl Send for Page {}
// SAFETY: as above.
unsafe impl Sync for Page {}

impl Drop for Page {
    fn drop(&mut self) {
        let domid = self.domain.domid;
        let mut state = self.domain.machine.lock();
        // Perhaps the page is gone, or another frame is there now.
        if state.look_up(domid, self.frame).is_none_or(|entry| entry.mfn != self.mfn) {
            return;
        }
        if state.frames.get(self.mfn).is_some_and(|frame| frame.references > 1) {
            let (frame, domid) = (self.frame, domid.0);
            state.violations.push(format!("d{domid} dropped page {frame:#x} while it was mapped"));
        } else if let Some(domain) = state.domain_mut(domid) {
            domain.spare.push(self.frame);
        }
    }
}

// SAFETY: no other target has this number, nothing else is put there, and while a frame is mapped the
// domain's tables lead to it.
unsafe impl page::MapTarget for MapTarget {
    fn host_addr(&self) -> u64 {
        self.number << 12
    }

    fn address(&self) -> NonNull<u8> {
        if self.domain.kind.is_translated() {
            return self.domain.address_of(self.number);
        }
        let state = self.domain.machine.lock();
        let room = state.domain(self.domain.domid).and_then(|domain| domain.room.get(&self.number));
        let mapped = room.copied().flatten();
        let address = mapped.and_then(|mapped| state.frames.address(mapped.mfn));
        address.unwrap_or_else(|| state.frames.hole())
    }
}

impl Table {
    /// Where the first frame of entries is; the frame with index `i` is `i` times 4096 bytes behind.
    /// There is room for as many as the table can grow to.
    #[must_use]
    pub fn shared(&self) -> NonNull<u8> {
        self.bases().0
    }

    /// Where the first frame of version 2's status words is, and so on.
    #[must_use]
    pub fn status(&self) -> NonNull<u8> {
        self.bases().1
    }

    fn bases(&self) -> (NonNull<u8>, NonNull<u8>) {
        let state = self.domain.machine.lock();
        match state.domain(self.domain.domid) {
            Some(domain) => domain.grants.bases(),
            None => (state.frames.hole(), state.frames.hole()),
        }
    }
}
