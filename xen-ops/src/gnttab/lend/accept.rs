//! Accepting a page that another domain gives away. Only PV guests can.

use core::fmt;
use core::mem::ManuallyDrop;

use xen_abi::grant_table::grant_ref_t;

use super::entry::{Body, Header, InUse, Transfer};
use super::free::FreeRef;
use super::grants::Own;
use super::peer::DomainId;

/// A reference under which a peer may give a page to this domain.
///
/// Dropping it takes the offer back. If a transfer has begun by then, its page is lost and the
/// reference is never used again, which [`ReaperCounts::leaked`](super::ReaperCounts::leaked) counts.
#[must_use = "dropped, no page is accepted"]
pub struct Accepting<'t, P> {
    own: Own<'t, P>,
}

/// What became of an offer to accept a page.
#[derive(Debug)]
pub enum Accepted<'t, P> {
    /// No transfer had begun, and now none can.
    Cancelled(FreeRef<'t, P>),
    /// The domain has this frame now: a machine frame number.
    Received(FreeRef<'t, P>, u64),
}

impl<'t, P> FreeRef<'t, P> {
    /// Lets `peer` give one page to this domain.
    pub fn accept(self, peer: DomainId) -> Accepting<'t, P> {
        let own = self.into_own();
        own.entry().publish(Header::accept_transfer(peer.domain()), Body::page(0));
        Accepting { own }
    }
}

impl<'t, P> Accepting<'t, P> {
    /// The reference's number: what the peer must be told.
    #[must_use]
    pub const fn reference(&self) -> grant_ref_t {
        self.own.reference()
    }

    /// The frame, if the transfer is complete.
    ///
    /// # Errors
    ///
    /// This again, if it is not.
    pub fn received(self) -> Result<(FreeRef<'t, P>, u64), Self> {
        match self.own.entry().transfer() {
            Transfer::Completed(frame) => Ok((self.clear(), frame)),
            Transfer::Awaited | Transfer::Committed => Err(self),
        }
    }

    /// Takes the offer back, unless a transfer has begun: Xen completes it soon, so it is looked for
    /// up to `spins` times.
    ///
    /// # Errors
    ///
    /// This again, if a transfer has begun and is not complete yet.
    pub fn finish(self, spins: u32) -> Result<Accepted<'t, P>, Self> {
        if self.own.entry().end_transfer() == Ok(()) {
            return Ok(Accepted::Cancelled(FreeRef::new(ManuallyDrop::new(self).own)));
        }
        for _ in 0..spins {
            if let Transfer::Completed(frame) = self.own.entry().transfer() {
                return Ok(Accepted::Received(self.clear(), frame));
            }
            core::hint::spin_loop();
        }
        Err(self)
    }

    fn clear(self) -> FreeRef<'t, P> {
        let own = ManuallyDrop::new(self).own;
        own.entry().clear();
        FreeRef::new(own)
    }
}

impl<P> Drop for Accepting<'_, P> {
    fn drop(&mut self) {
        match self.own.entry().end_transfer() {
            Ok(()) => self.own.free(),
            Err(InUse) => self.own.grants().reaper().leak(),
        }
    }
}

impl<P> fmt::Debug for Accepting<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Accepting").field(&self.reference().0).finish()
    }
}
