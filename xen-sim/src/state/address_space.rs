//! Address spaces: which frame is at which guest frame number, and at which virtual page of a PV
//! guest.

use std::ptr::NonNull;

use xen_abi::xen::domid_t;

use crate::config::GuestKind;
use crate::state::domain::Mapped;
use crate::state::frames::Mfn;
use crate::state::{State, p2m};

impl State {
    /// A page that the domain does not use yet, cleared: its frame number, and where it is.
    pub(crate) fn take_unused(&mut self, domid: domid_t) -> Option<(u64, Mfn, NonNull<u8>)> {
        loop {
            let frame = self.domain_mut(domid)?.unused.pop()?;
            // The guest may have given the page away since it was last used.
            let entry = self.look_up(domid, frame);
            let mfn = entry.filter(|entry| entry.kind == p2m::EntryKind::Ram).map(|at| at.mfn);
            let Some(mfn) = mfn else { continue };
            self.frames.view(mfn)?.clear();
            return Some((frame, mfn, self.frames.address(mfn)?));
        }
    }

    /// What is at a frame number of a domain's: guest frame, or machine frame of a PV guest.
    pub(crate) fn look_up(&self, domid: domid_t, gfn: u64) -> Option<p2m::Entry> {
        let domain = self.domain(domid)?;
        if domain.is_translated() {
            return domain.p2m.get(gfn);
        }
        let frame = self.frames.get(Mfn(gfn))?;
        let held = frame.owner == Some(domid) && frame.references > 0;
        held.then_some(p2m::Entry { mfn: Mfn(gfn), kind: p2m::EntryKind::Ram })
    }

    /// Maps a frame of the domain's own at a guest frame number, where it replaces what is mapped.
    /// Does nothing in a PV guest.
    ///
    /// False if a grant or foreign mapping is there and the domain is x86: Xen would crash it.
    pub(crate) fn place(&mut self, domid: domid_t, gfn: u64, mfn: Mfn) -> bool {
        self.insert(domid, gfn, p2m::Entry { mfn, kind: p2m::EntryKind::Ram })
    }

    /// Sets the entry of a guest frame number, as [`place`](Self::place) does.
    pub(crate) fn insert(&mut self, domid: domid_t, gfn: u64, entry: p2m::Entry) -> bool {
        let Some(domain) = self.domains.get_mut(&domid.0) else { return false };
        if !domain.is_translated() {
            return true;
        }
        let x86 = domain.kind == GuestKind::Pvh;
        let old = domain.p2m.get(gfn);
        if x86 && old.is_some_and(|old| old.kind != p2m::EntryKind::Ram) {
            domain.crashed = Some("mapped something over a grant or foreign mapping");
            return false;
        }
        // On x86 a frame of the domain's own has one guest frame number: the last one.
        let own = self.frames.get(entry.mfn).filter(|frame| frame.owner == Some(domid));
        if let Some(elsewhere) = own.and_then(|frame| frame.gfn).filter(|at| x86 && *at != gfn) {
            domain.p2m.remove(elsewhere);
            if let Some(frame) = self.frames.get_mut(entry.mfn) {
                frame.gfn = None;
            }
        }
        domain.pod.entries.remove(&gfn);
        domain.p2m.set(gfn, entry);
        if let Some(old) = old {
            self.left(gfn, old);
        }
        if let Some(frame) =
            self.frames.get_mut(entry.mfn).filter(|_| entry.kind == p2m::EntryKind::Ram)
        {
            frame.gfn = Some(gfn);
        }
        true
    }

    /// What a PV guest has mapped at a virtual page number.
    pub(crate) fn page_table_entry(&self, domid: domid_t, page: u64) -> Option<Mapped> {
        self.domain(domid)?.page_table.get(&page).copied().flatten()
    }

    /// Changes what a PV guest has mapped at a virtual page number. False if that is no target.
    pub(crate) fn set_pte(&mut self, domid: domid_t, page: u64, mapped: Option<Mapped>) -> bool {
        let domain = self.domain_mut(domid);
        let Some(entry) = domain.and_then(|domain| domain.page_table.get_mut(&page)) else {
            return false;
        };
        let old = std::mem::replace(entry, mapped);
        if let Some(old) = old.filter(|old| !old.granted) {
            self.put(old.mfn);
        }
        true
    }

    /// Removes the entry of a guest frame number. The frame stays allocated.
    pub(crate) fn unplace(&mut self, domid: domid_t, gfn: u64) -> Option<p2m::Entry> {
        let domain = self.domain_mut(domid)?;
        if !domain.is_translated() {
            return None;
        }
        let old = domain.p2m.remove(gfn)?;
        self.left(gfn, old);
        Some(old)
    }

    /// Releases what an entry held that `gfn` no longer has.
    fn left(&mut self, gfn: u64, old: p2m::Entry) {
        match old.kind {
            p2m::EntryKind::Ram => {
                let frame = self.frames.get_mut(old.mfn);
                if let Some(frame) = frame.filter(|frame| frame.gfn == Some(gfn)) {
                    frame.gfn = None;
                }
            }
            p2m::EntryKind::Foreign => self.put(old.mfn),
            // The handle holds the reference.
            p2m::EntryKind::Grant { .. } => {}
        }
    }

    /// Where the frame at a frame number of a domain's is in this process. Where there is none, a
    /// page of ones, which is what reads of unpopulated physical addresses return.
    pub(crate) fn address_of(&self, domid: domid_t, gfn: u64) -> NonNull<u8> {
        let entry = self.look_up(domid, gfn);
        let address = entry.and_then(|entry| self.frames.address(entry.mfn));
        address.unwrap_or_else(|| self.frames.hole())
    }
}
