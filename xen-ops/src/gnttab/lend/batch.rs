//! Granting many pages and taking them back: references are taken and freed a word of the bitmap at
//! once, instead of one by one.

use super::error::{GrantError, Refused};
use super::grant::{Access, Granted};
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

/// Fills empty slots with grants of the pages, until one of them runs out. Counts in `filled`.
pub(crate) fn grant<'t, P: Page, A: Access>(
    grants: &'t Grants<'t, P>,
    cursor: &mut Cursor,
    peer: Peer,
    pages: &mut (impl Iterator<Item = P> + ?Sized),
    slots: &mut [Option<Granted<'t, P, A>>],
    filled: &mut usize,
) -> Result<(), Stop<P>> {
    let mut taking = Taking::new(grants);
    let mut left = slots.iter().filter(|slot| slot.is_none()).count();
    for slot in slots.iter_mut().filter(|slot| slot.is_none()) {
        let Some(free) = taking.next(cursor, left) else {
            return Err(Stop::NoRefs { missing: left });
        };
        let Some(page) = pages.next() else { break };
        match free.grant(peer, page) {
            Ok(granted) => *slot = Some(granted),
            Err(Refused { given: (_, page), why }) => return Err(Stop::Refused(page, why)),
        }
        *filled += 1;
        left -= 1;
    }
    Ok(())
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
    let mut freeing: Option<Freeing<'_, '_>> = None;
    for slot in slots {
        let Some(granted) = slot.take() else { continue };
        match granted.end() {
            Ok((own, page)) => {
                let refs = own.grants().refs();
                match &mut freeing {
                    Some(freeing) if freeing.is_for(refs) => freeing.add(own.reference().0),
                    other => other.insert(Freeing::new(refs)).add(own.reference().0),
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
