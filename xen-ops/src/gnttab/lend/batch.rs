//! Granting many pages and taking them back: references are taken and freed a word of the bitmap at
//! once, instead of one by one.

use super::entry::{Body, Header};
use super::error::GrantError;
use super::grant::{Access, Granted, frame};
use super::grants::{Freeing, Grants, Taking};
use super::peer::Peer;
use super::refs::Cursor;
use crate::page::Page;

/// What became of a batch of grants to be revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "some grants may still be in use"]
pub struct Revoked {
    /// Grants that were revoked.
    pub done: usize,
    /// Grants that the peer still uses: they are where they were.
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
    cursor: &mut Cursor,
    peer: Peer,
    pages: &mut (impl Iterator<Item = P> + ?Sized),
    slots: &mut [Option<Granted<'t, P, A>>],
    filled: &mut usize,
) -> Result<(), Stop<P>> {
    let header = Header::access(peer.domain(), A::READONLY);
    let version = grants.version();
    let mut taking = Taking::new(grants);
    let empty = slots.iter().filter(|slot| slot.is_none()).count();
    let mut left = empty;
    let mut result = Ok(());
    for slot in slots.iter_mut().filter(|slot| slot.is_none()) {
        let Some(own) = taking.next(cursor, left) else {
            result = Err(Stop::NoRefs { missing: left });
            break;
        };
        let Some(page) = pages.next() else {
            taking.put_back(own);
            break;
        };
        match frame(version, &page) {
            Ok(frame) => {
                let granted = Granted::publish(own, page, header, Body::page(frame));
                // The slot is empty: nothing is forgotten.
                core::mem::forget(slot.replace(granted));
            }
            Err(why) => {
                taking.put_back(own);
                result = Err(Stop::Refused(page, why));
                break;
            }
        }
        left -= 1;
    }
    *filled += empty - left;
    result
}

/// Revokes the grants in the slots: those that the peer does not use leave their slots, and their
/// pages go to `back`.
///
/// References are freed when all slots have been looked at, or a few words of the bitmap earlier.
pub fn revoke_all<'t, P, Kind>(
    slots: &mut [Option<Granted<'t, P, Kind>>],
    mut back: impl FnMut(P),
) -> Revoked {
    let mut revoked = Revoked::default();
    let Some(grants) = slots.iter().flatten().next().map(Granted::grants) else { return revoked };
    let mut freeing = Freeing::new(grants.refs());
    for slot in slots {
        let Some(granted) = slot.take() else { continue };
        match granted.end() {
            Ok((own, page)) => {
                if core::ptr::eq(own.grants(), grants) {
                    freeing.add(own.reference().0);
                } else {
                    own.free();
                }
                revoked.done += 1;
                back(page);
            }
            Err(granted) => {
                *slot = Some(granted);
                revoked.still_busy += 1;
            }
        }
    }
    revoked
}
