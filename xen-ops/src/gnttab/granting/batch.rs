//! Grants of many pages, made and revoked together: references are taken and freed by the word of the bitmap instead of
//! one by one.

use core::ops::ControlFlow::{self, Break, Continue};

use super::entry::{Body, Header, StillInUse};
use super::error::GrantError;
use super::grant::{Granted, frame};
use super::grants::{FreeBatch, Grants, TakeBatch, WordRefs};
use crate::DomainId;
use crate::gnttab::references::AllocHint;
use crate::page::Page;
use crate::view::Access;

/// What became of a batch of grants to be revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "some grants may still be in use"]
pub struct RevokeCounts {
    /// Grants that were revoked.
    pub done: usize,
    /// Grants that the peer still uses: they are still in their slots. In version 2 the peer cannot begin
    /// to use them again; they can only be revoked or dropped.
    pub still_busy: usize,
}

/// Why a batch of grants stops.
pub(crate) enum Stop<P> {
    /// No reference is free, and up to so many more are needed.
    NoRefs { missing: usize },
    /// This page cannot be granted.
    Refused(P, GrantError),
}

/// Fills empty slots with grants of the pages, until one of them runs out. Adds to `filled`.
pub(crate) fn grant<'t, P: Page, A: Access>(
    grants: &'t Grants<'t, P>,
    hint: &mut AllocHint,
    peer: DomainId,
    pages: &mut (impl Iterator<Item = P> + ?Sized),
    slots: &mut [Option<Granted<'t, P, A>>],
    filled: &mut usize,
) -> Result<(), Stop<P>> {
    let header = Header::access(peer.domid(), A::READONLY);
    // As many as there are slots, in case all are empty. References that are left are freed at the end.
    let mut left = slots.len();
    let mut slots = slots.iter_mut().filter(|slot| slot.is_none());
    let mut take = TakeBatch::new(grants);
    while left != 0 {
        let Some(mut refs) = take.word(hint, left) else {
            // No more than the iterator says that it has pages.
            let missing = slots.count().min(pages.size_hint().1.unwrap_or(usize::MAX));
            return if missing == 0 { Ok(()) } else { Err(Stop::NoRefs { missing }) };
        };
        let before = refs.left();
        let done = fill(grants, &mut refs, header, pages, &mut slots);
        let granted = before - refs.left();
        left -= granted;
        *filled += granted;
        if let Break(result) = done {
            return result;
        }
    }
    Ok(())
}

/// Grants pages under the references until either run out.
#[inline]
fn fill<'t: 's, 's, P: Page + 's, A: Access + 's>(
    grants: &'t Grants<'t, P>,
    refs: &mut WordRefs<'t, P>,
    header: Header,
    pages: &mut (impl Iterator<Item = P> + ?Sized),
    slots: &mut impl Iterator<Item = &'s mut Option<Granted<'t, P, A>>>,
) -> ControlFlow<Result<(), Stop<P>>> {
    let entries = grants.entries();
    while let Some(owned) = refs.first() {
        let (Some(slot), Some(page)) = (slots.next(), pages.next()) else { return Break(Ok(())) };
        match frame(grants, entries.version(), &page) {
            Ok(frame) => {
                refs.remove_first();
                #[allow(unsafe_code, reason = "looks up the table's entries once")]
                // SAFETY: the entries are of the table whose reference this is.
                let entry = unsafe { entries.get(owned.reference().0) };
                entry.publish(header, Body::page(frame));
                let granted = Granted::published(owned, page, header);
                // The slot was empty, so this forgets `None`: a drop would cost a branch.
                core::mem::forget(slot.replace(granted));
            }
            Err(why) => return Break(Err(Stop::Refused(page, why))),
        }
    }
    Continue(())
}

/// Revokes the grants in the slots: those that the peer does not use leave their slots, and their
/// pages are passed to `back`.
///
/// All references are free when this returns. Those that wait for references are woken then, and not
/// earlier.
pub fn revoke_all<'t, P, Kind>(
    slots: &mut [Option<Granted<'t, P, Kind>>],
    mut back: impl FnMut(P),
) -> RevokeCounts {
    let mut revoked = RevokeCounts::default();
    let Some(grants) = slots.iter().flatten().next().map(Granted::grants) else { return revoked };
    let mut freed = FreeBatch::new(grants.refs());
    let entries = grants.entries();
    for slot in slots {
        let Some((owned, header)) = slot.as_ref().map(Granted::parts) else { continue };
        if !core::ptr::eq(owned.grants(), grants) {
            let one = revoke_one(slot, &mut back);
            revoked.done += one.done;
            revoked.still_busy += one.still_busy;
            continue;
        }
        #[allow(unsafe_code, reason = "looks up the table's entries once")]
        // SAFETY: the entries are of the table whose reference this is.
        let entry = unsafe { entries.get(owned.reference().0) };
        if let Err(StillInUse) = entry.end_published(header) {
            revoked.still_busy += 1;
            continue;
        }
        revoked.done += 1;
        freed.add(owned.reference().0);
        // Moved only now that the grant has ended.
        if let Some(granted) = slot.take() {
            back(granted.into_page());
        }
    }
    revoked
}

/// Revokes a grant of another table than the first one's.
#[cold]
fn revoke_one<P, Kind>(
    slot: &mut Option<Granted<'_, P, Kind>>,
    back: &mut impl FnMut(P),
) -> RevokeCounts {
    match slot.take().map(Granted::end) {
        None => RevokeCounts::default(),
        Some(Ok((owned, page))) => {
            owned.free();
            back(page);
            RevokeCounts { done: 1, still_busy: 0 }
        }
        Some(Err(granted)) => {
            *slot = Some(granted);
            RevokeCounts { done: 0, still_busy: 1 }
        }
    }
}
