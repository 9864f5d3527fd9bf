//! `GNTTABOP_transfer`: a page changes its owner.

use xen_abi::grant_table::*;
use xen_abi::xen::domid_t;

use crate::abi::pfn_to_u64;
use crate::error::Granted;
use crate::grant_table::claim::TRIES;
use crate::state::State;
use crate::state::frames::Mfn;
use crate::state::grant_table::{Entry, Header};
use crate::state::p2m;

impl State {
    pub(crate) fn transfer(&mut self, caller: domid_t, op: &mut gnttab_transfer) -> Granted {
        let found = self
            .look_up(caller, pfn_to_u64(op.mfn))
            .filter(|entry| entry.kind == p2m::EntryKind::Ram);
        let mfn = found.ok_or(GNTST_bad_page)?.mfn;
        // A translated guest's page is checked, but never transferred.
        if self.caller(caller).is_translated() {
            return Err(GNTST_general_error);
        }
        let Some(frame) = self.frames.get(mfn) else { return Err(GNTST_bad_page) };
        if frame.special || frame.references != 1 {
            return Err(GNTST_bad_page);
        }
        // From here on the caller loses the page even if the transfer fails.
        match self.accept(caller, op, mfn) {
            Ok(entry) => self.hand_over(caller, op.domid, entry, mfn),
            Err(status) => {
                self.free(mfn);
                Err(status)
            }
        }
    }

    /// Checks that the target accepts the page, and commits its entry to it.
    fn accept(&mut self, caller: domid_t, op: &gnttab_transfer, mfn: Mfn) -> Granted<Entry> {
        let target = self.domain(op.domid).ok_or(GNTST_bad_domain)?;
        if !self.may_deal(caller, caller, op.domid) {
            return Err(GNTST_permission_denied);
        }
        let wide = target.grants.version > 1 || target.is_translated();
        if !wide && mfn.0 > u64::from(u32::MAX) {
            // Xen would copy it to a lower frame; the simulator has none.
            return Err(GNTST_address_too_big);
        }
        if target.dying || target.pages >= target.max_pages {
            return Err(GNTST_general_error);
        }
        let entry = target.grants.entry(op.ref_.0).ok_or(GNTST_general_error)?;
        self.commit(caller, entry)?;
        Ok(entry)
    }

    fn hand_over(&mut self, caller: domid_t, target: domid_t, entry: Entry, mfn: Mfn) -> Granted {
        if let Some(frame) = self.frames.get_mut(mfn) {
            frame.owner = Some(target);
            frame.gfn = None;
        }
        let giver = self.caller_mut(caller);
        giver.pages = giver.pages.saturating_sub(1);
        let mut translated = false;
        if let Some(domain) = self.domain_mut(target) {
            domain.pages += 1;
            translated = domain.is_translated();
        }
        let placed = self.place(target, entry.frame(), mfn);
        if !translated {
            entry.set_frame(mfn.0);
        }
        // Stored after the frame: a guest that reads the flag reads the frame too.
        entry.set_flags(GTF_transfer_completed);
        if placed { Ok(()) } else { Err(GNTST_general_error) }
    }

    fn commit(&mut self, caller: domid_t, entry: Entry) -> Granted {
        let wanted = Header::new(GTF_accept_transfer, caller);
        let mut header = entry.header();
        for _ in 0..TRIES {
            if header != wanted {
                return Err(GNTST_general_error);
            }
            if self.caller_mut(caller).faults.take_lost_claim() {
                header = entry.header();
                continue;
            }
            match entry.exchange(header, header.with(GTF_transfer_committed)) {
                Ok(()) => return Ok(()),
                Err(actual) => header = actual,
            }
        }
        Err(GNTST_general_error)
    }
}
