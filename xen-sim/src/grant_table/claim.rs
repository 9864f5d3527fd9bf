//! Claiming an entry: Xen's side of the protocol with a guest that may revoke a grant at any time.

use xen_abi::grant_table::*;
use xen_abi::xen::domid_t;

use crate::error::Granted;
use crate::state::State;
use crate::state::grant_table::{Entry, Header};
use crate::state::pins::Pins;

/// How often Xen tries to change an entry that the guest changes meanwhile.
pub(crate) const TRIES: u32 = 5;

/// The use that an entry is claimed for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    /// The domain that uses it.
    pub(crate) claimer: domid_t,
    pub(crate) readonly: bool,
    /// Whether it is mapped, which a sub-page or transitive grant does not permit, or copied.
    pub(crate) map: bool,
    /// Whether the claimer uses the entry already: then its permission is not checked again.
    pub(crate) pinned: bool,
}

impl Claim {
    /// Whether an entry with this header permits the use, apart from writing.
    fn is_permitted(self, header: Header, version_2: bool) -> bool {
        let mask = if self.map { GTF_type_mask | GTF_sub_page } else { GTF_type_mask };
        let type_ = header.flags() & mask;
        let transitive = version_2 && !self.map && type_ == GTF_transitive;
        header.domid() == self.claimer && (type_ == GTF_permit_access || transitive)
    }

    fn writes_readonly(self, header: Header) -> bool {
        !self.readonly && header.flags().contains(GTF_readonly)
    }

    fn bits(self) -> GrantEntryFlags {
        if self.readonly { GTF_reading } else { GTF_reading | GTF_writing }
    }
}

impl State {
    /// Checks that an entry permits the use, and sets its in-use bits.
    pub(crate) fn claim(&mut self, caller: domid_t, entry: Entry, claim: Claim) -> Granted {
        if entry.is_v2() { claim_v2(entry, claim) } else { self.claim_v1(caller, entry, claim) }
    }

    fn claim_v1(&mut self, caller: domid_t, entry: Entry, claim: Claim) -> Granted {
        let mut header = entry.header();
        for _ in 0..TRIES {
            if !claim.pinned && !claim.is_permitted(header, false) {
                return Err(GNTST_general_error);
            }
            if claim.writes_readonly(header) {
                return Err(GNTST_general_error);
            }
            if self.caller_mut(caller).faults.take_lost_claim() {
                header = entry.header();
                continue;
            }
            match entry.exchange(header, header.with(claim.bits())) {
                Ok(()) => return Ok(()),
                Err(actual) => header = actual,
            }
        }
        Err(GNTST_general_error)
    }
}

fn claim_v2(entry: Entry, claim: Claim) -> Granted {
    let header = entry.header();
    if !claim.pinned && !claim.is_permitted(header, true) || claim.writes_readonly(header) {
        return Err(GNTST_general_error);
    }
    entry.raise(claim.bits());
    let header = entry.header();
    if claim.pinned {
        if header.flags().contains(GTF_readonly) {
            entry.lower(GTF_writing);
            return Err(GNTST_general_error);
        }
    } else if !claim.is_permitted(header, true) || claim.writes_readonly(header) {
        entry.lower(GTF_reading | GTF_writing);
        return Err(GNTST_general_error);
    }
    Ok(())
}

/// Clears the in-use bits of an entry that its pins do not need, after a use, or an attempted one,
/// that was read-only or not.
pub(crate) fn unclaim(entry: Entry, pins: Pins, readonly: bool) {
    let mut bits = GrantEntryFlags::empty();
    if pins.is_zero() {
        bits |= GTF_reading;
    }
    if !readonly && !pins.writes() {
        bits |= GTF_writing;
    }
    if !bits.is_empty() {
        entry.lower(bits);
    }
}
