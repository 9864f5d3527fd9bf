//! The guest's side of memory: its pages, targets for mappings, its grant table.

#![allow(unsafe_code, reason = "implements what others rely on")]

use std::ptr::NonNull;
use std::sync::Arc;

use xen_abi::xen::{domid_t, xen_pfn_t};
use xen_ops::page::{MapTarget, Owner, Page};

use crate::abi::pfn_to_u64;
use crate::machine::Machine;
use crate::state::frames::Mfn;

/// A page of a domain's memory, 4096 bytes; [`Domain::page`](crate::Domain::page) returns it.
///
/// Drop it only when no other domain maps it. A page that is dropped earlier is not used again, and
/// [`Xen::check_invariants`](crate::Xen::check_invariants) reports it.
#[derive(Debug)]
pub struct GuestPage {
    pub(crate) machine: Arc<Machine>,
    pub(crate) domid: domid_t,
    pub(crate) frame: xen_pfn_t,
    pub(crate) mfn: Mfn,
    pub(crate) address: NonNull<u8>,
}

/// A place where a domain can map a frame: an unpopulated guest frame, or an unused virtual page of
/// a PV guest; [`Domain::target`](crate::Domain::target) returns it.
#[derive(Debug)]
pub struct GuestTarget {
    pub(crate) machine: Arc<Machine>,
    pub(crate) domid: domid_t,
    pub(crate) translated: bool,
    /// The guest frame number, or the virtual page number.
    pub(crate) number: u64,
}

/// The memory of a domain's grant table, to read and write entries without xen-ops;
/// [`Domain::raw_table`](crate::Domain::raw_table) returns it.
///
/// The frames of the table are contiguous, as a guest would map them. Xen sees what is written to a
/// frame only once the guest has mapped it, by `XENMEM_add_to_physmap` or, in a PV guest, by
/// `GNTTABOP_setup_table`: what was written earlier is lost, except in the reserved entries.
#[derive(Clone, Debug)]
pub struct RawTable {
    pub(crate) machine: Arc<Machine>,
    pub(crate) domid: domid_t,
}

// SAFETY: the frame was taken from the domain's unused ones, and is a page that is valid as long as
// the machine, which the value holds.
unsafe impl Page for GuestPage {
    fn frame(&self) -> xen_pfn_t {
        self.frame
    }

    fn address(&self) -> NonNull<u8> {
        self.address
    }

    fn owner(&self) -> Option<Owner> {
        Some(self.machine.owner(self.domid))
    }
}

// SAFETY: the memory belongs to the value, whatever thread it is on, and is accessed atomically.
unsafe impl Send for GuestPage {}
// SAFETY: as above.
unsafe impl Sync for GuestPage {}

impl Drop for GuestPage {
    fn drop(&mut self) {
        let frame = pfn_to_u64(self.frame);
        let mut state = self.machine.lock();
        // The guest may have given the page away, or have put another frame in its place.
        if state.look_up(self.domid, frame).is_none_or(|entry| entry.mfn != self.mfn) {
            return;
        }
        if state.frames.get(self.mfn).is_some_and(|frame| frame.references > 1) {
            let domid = self.domid.0;
            state.violations.push(format!("d{domid} dropped page {frame:#x} while it was mapped"));
        } else if let Some(domain) = state.domain_mut(self.domid) {
            domain.unused.push(frame);
        }
    }
}

// SAFETY: no other target has this number, nothing else is put there, and while a frame is mapped
// the domain's tables lead to it.
unsafe impl MapTarget for GuestTarget {
    fn host_addr(&self) -> u64 {
        self.number << 12
    }

    fn address(&self) -> NonNull<u8> {
        let state = self.machine.lock();
        if self.translated {
            return state.address_of(self.domid, self.number);
        }
        let mapped = state.page_table_entry(self.domid, self.number);
        let address = mapped.and_then(|mapped| state.frames.address(mapped.mfn));
        address.unwrap_or_else(|| state.frames.hole())
    }

    fn owner(&self) -> Option<Owner> {
        Some(self.machine.owner(self.domid))
    }
}

impl RawTable {
    /// The address of the first frame of entries. The frame with index `i` is `i` times 4096 bytes
    /// further on, for as many frames as the table can grow to.
    #[must_use]
    pub fn shared(&self) -> NonNull<u8> {
        self.bases().0
    }

    /// The address of the first frame of version 2's status words; the others follow in the same
    /// way.
    #[must_use]
    pub fn status(&self) -> NonNull<u8> {
        self.bases().1
    }

    fn bases(&self) -> (NonNull<u8>, NonNull<u8>) {
        let state = self.machine.lock();
        match state.domain(self.domid) {
            Some(domain) => domain.grants.bases(),
            None => (state.frames.hole(), state.frames.hole()),
        }
    }
}
