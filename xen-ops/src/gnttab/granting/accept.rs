//! Accepting a page that another domain transfers. PV guests only.

use core::fmt;
use core::mem::ManuallyDrop;

use xen_abi::grant_table::grant_ref_t;

use super::entry::{Body, Header, StillInUse, Transfer};
use super::free::FreeRef;
use super::grants::OwnedRef;
use crate::DomainId;
use crate::Failed;

/// A reference under which a peer may transfer a page to this domain.
///
/// Dropping it withdraws the offer. If a transfer has begun by then, its page is lost and the
/// reference is never used again, which [`ReaperCounts::leaked`](super::ReaperCounts::leaked) counts.
#[must_use = "dropped, no page is accepted"]
pub struct Accepting<'t, P> {
    owned: OwnedRef<'t, P>,
}

/// The transfer of a page is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotTransferred;

impl fmt::Display for NotTransferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the page has not been transferred yet: try again later")
    }
}

impl core::error::Error for NotTransferred {}

/// What became of an offer to accept a page.
#[derive(Debug)]
pub enum Accepted<'t, P> {
    /// No transfer had begun, and now none can.
    Cancelled(FreeRef<'t, P>),
    /// The domain has this frame now: a machine frame number.
    Received(FreeRef<'t, P>, u64),
}

impl<'t, P> FreeRef<'t, P> {
    /// Lets `peer` transfer one page to this domain.
    pub fn accept(self, peer: DomainId) -> Accepting<'t, P> {
        let owned = self.into_owned_ref();
        owned.entry().publish(Header::accept_transfer(peer.domid()), Body::page(0));
        Accepting { owned }
    }
}

impl<'t, P> Accepting<'t, P> {
    /// The reference's number: what the peer must be told.
    #[must_use]
    pub const fn reference(&self) -> grant_ref_t {
        self.owned.reference()
    }

    /// The frame, if the transfer is complete.
    ///
    /// # Errors
    ///
    /// [`NotTransferred`] if it is not; the reference is returned.
    pub fn received(self) -> Result<(FreeRef<'t, P>, u64), Failed<NotTransferred, Self>> {
        match self.owned.entry().transfer() {
            Transfer::Completed(frame) => Ok((self.clear(), frame)),
            Transfer::Awaited | Transfer::Committed => Err(Failed::returning(NotTransferred, self)),
        }
    }

    /// Withdraws the offer. If a transfer has begun, Xen completes it soon: this checks for that up to
    /// `spins` times.
    ///
    /// # Errors
    ///
    /// [`NotTransferred`] if a transfer has begun and is not complete yet; the reference is returned.
    pub fn finish(self, spins: u32) -> Result<Accepted<'t, P>, Failed<NotTransferred, Self>> {
        if self.owned.entry().end_transfer() == Ok(()) {
            return Ok(Accepted::Cancelled(FreeRef::new(ManuallyDrop::new(self).owned)));
        }
        for _ in 0..spins {
            if let Transfer::Completed(frame) = self.owned.entry().transfer() {
                return Ok(Accepted::Received(self.clear(), frame));
            }
            core::hint::spin_loop();
        }
        Err(Failed::returning(NotTransferred, self))
    }

    fn clear(self) -> FreeRef<'t, P> {
        let owned = ManuallyDrop::new(self).owned;
        owned.entry().clear();
        FreeRef::new(owned)
    }
}

impl<P> Drop for Accepting<'_, P> {
    fn drop(&mut self) {
        match self.owned.entry().end_transfer() {
            Ok(()) => self.owned.free(),
            Err(StillInUse) => self.owned.grants().reaper().leak(),
        }
    }
}

impl<P> fmt::Debug for Accepting<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Accepting").field(&self.reference().0).finish()
    }
}
