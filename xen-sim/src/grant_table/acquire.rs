//! Acquiring an entry for a copy, and releasing it.

use xen_abi::grant_table::*;
use xen_abi::xen::domid_t;

use crate::config::Release;
use crate::error::Granted;
use crate::grant_table::claim::{Claim, unclaim};
use crate::state::State;
use crate::state::frames::Mfn;
use crate::state::grant_table::Entry;
use crate::state::pins::{Active, Pins};

/// A frame with the part of it that may be copied, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) mfn: Mfn,
    pub(crate) start: u16,
    pub(crate) length: u16,
}

/// An entry to be acquired.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) granter: domid_t,
    pub(crate) ref_: u32,
    /// The domain that it must be granted to: the caller, or the one whose transitive grant names
    /// it.
    pub(crate) grantee: domid_t,
    pub(crate) readonly: bool,
    /// Whether it may be a transitive grant: one that another transitive grant names may not.
    pub(crate) transitive: bool,
}

impl Wanted {
    fn pins(self) -> Pins {
        let read = u8::from(self.readonly);
        Pins { host_read: read, host_write: 1 - read, ..Pins::default() }
    }
}

impl State {
    /// Pins an entry and takes a reference to its frame.
    pub(crate) fn acquire(&mut self, caller: domid_t, wanted: Wanted) -> Granted<Window> {
        let Wanted { granter, ref_, grantee, readonly, .. } = wanted;
        let domain = self.domain(granter).ok_or(GNTST_bad_domain)?;
        let entry = domain.grants.entry(ref_).ok_or(GNTST_bad_gntref)?;
        let old = domain.grants.active.get(&ref_).copied();
        if let Some(old) = old {
            if old.domid != grantee || old.pins.is_full_for(wanted.pins(), self.release) {
                return Err(GNTST_general_error);
            }
        }
        let claims = old.is_none_or(|old| !readonly && !old.pins.writes());
        let is_transitive =
            entry.is_v2() && entry.header().flags() & GTF_type_mask == GTF_transitive;
        if claims {
            let pinned = old.is_some();
            self.claim(caller, entry, Claim { claimer: grantee, readonly, map: false, pinned })?;
        }
        let found = if is_transitive {
            self.acquire_further(caller, wanted, entry, old)
        } else if claims {
            self.acquire_frame(caller, wanted, entry, old)
        } else {
            self.acquire_again(granter, old)
        };
        match found {
            Ok(mut active) => {
                active.pins.add(wanted.pins());
                if let Some(domain) = self.domain_mut(granter) {
                    domain.grants.active.insert(ref_, active);
                }
                Ok(Window { mfn: active.mfn, start: active.start, length: active.length })
            }
            Err(status) => {
                unclaim(entry, old.map(|old| old.pins).unwrap_or_default(), readonly);
                Err(status)
            }
        }
    }

    /// Acquires the entry that a transitive grant names.
    fn acquire_further(
        &mut self,
        caller: domid_t,
        wanted: Wanted,
        entry: Entry,
        old: Option<Active>,
    ) -> Granted<Active> {
        let source = entry.transitive();
        let exists = self.domain(source.0).is_some();
        if !wanted.transitive || source.0 == wanted.granter || !exists {
            return Err(GNTST_general_error);
        }
        let next = Wanted {
            granter: source.0,
            ref_: source.1,
            grantee: wanted.granter,
            transitive: false,
            ..wanted
        };
        let Window { mfn, start, length } = self.acquire(caller, next)?;
        // A transitive grant cannot be mapped, as a sub-page one cannot.
        let is_sub_page = true;
        let (pins, domid) = (Pins::default(), wanted.grantee);
        let new = Active { pins, domid, mfn, start, length, is_sub_page, source };
        match old {
            Some(old) if !is_same(&old, &new) => {
                self.release(next.granter, next.ref_, next.readonly);
                Err(GNTST_general_error)
            }
            old => Ok(old.unwrap_or(new)),
        }
    }

    /// Finds the frame of an entry that has just been claimed.
    fn acquire_frame(
        &mut self,
        caller: domid_t,
        wanted: Wanted,
        entry: Entry,
        old: Option<Active>,
    ) -> Granted<Active> {
        let is_sub_page = entry.is_v2() && entry.header().flags().contains(GTF_sub_page);
        let (start, length) = if is_sub_page { entry.window() } else { (0, 4096) };
        let mfn = self.hold_frame(caller, wanted.granter, entry.frame())?;
        let (pins, domid) = (Pins::default(), wanted.grantee);
        let source = (wanted.granter, wanted.ref_);
        let new = Active { pins, domid, mfn, start, length, is_sub_page, source };
        let Some(old) = old else { return Ok(new) };
        let moved = (old.mfn, old.source) != (mfn, source);
        let changed = moved || (old.is_sub_page && !is_same(&old, &new));
        if !changed {
            return Ok(old);
        }
        // Since XSA-500, which 4.20.4 and 4.21.2 mend, an entry that names another frame than the one in use is
        // refused. Earlier releases look the new one up, and copy to the old one.
        self.put(mfn);
        match self.release < Release::V4_20 && self.frames.hold(old.mfn, wanted.granter) {
            true => Ok(old),
            false => Err(GNTST_general_error),
        }
    }

    /// Takes another reference to the frame of an entry that is pinned already.
    fn acquire_again(&mut self, granter: domid_t, old: Option<Active>) -> Granted<Active> {
        let old = old.ok_or(GNTST_general_error)?;
        let dying = self.domain(granter).is_none_or(|domain| domain.dying);
        if dying || !self.frames.hold(old.mfn, granter) {
            return Err(GNTST_bad_domain);
        }
        Ok(old)
    }

    /// Releases what [`acquire`](Self::acquire) acquired.
    pub(crate) fn release(&mut self, granter: domid_t, ref_: u32, readonly: bool) {
        let active = self.domain(granter).and_then(|domain| domain.grants.active.get(&ref_));
        let Some(Active { mfn, source, .. }) = active.copied() else { return };
        let read = u8::from(readonly);
        let pins = Pins { host_read: read, host_write: 1 - read, ..Pins::default() };
        self.unpin(granter, ref_, pins, readonly);
        if source.0 == granter {
            self.put(mfn);
        } else {
            self.release(source.0, source.1, readonly);
        }
    }
}

fn is_same(old: &Active, new: &Active) -> bool {
    (old.mfn, old.start, old.length, old.is_sub_page, old.source)
        == (new.mfn, new.start, new.length, new.is_sub_page, new.source)
}
