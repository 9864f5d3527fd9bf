//! Grants that only entries of version 2 can say: a part of a page, and a grant passed on.
//!
//! Peers can use them by copy alone, never map them. Older versions of Xen had severe defects in both
//! (XSA-226 among them), so nothing else here makes use of them.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use xen_abi::grant_table::grant_ref_t;

use super::entries::Version;
use super::entry::{Body, Header, InUse};
use super::error::{GrantError, Refused};
use super::free::FreeRef;
use super::grant::{Access, Granted, Granting, frame};
use super::grants::Own;
use super::peer::DomainId;
use crate::page::{PAGE_SIZE, Page};

/// The kind of a grant by which the peer may copy from a part of a page, and to it unless `A` is
/// [`ReadOnly`](crate::view::ReadOnly).
#[derive(Debug)]
pub struct SubPage<A>(PhantomData<A>);

impl<'t, P: Page> FreeRef<'t, P> {
    /// Lets `peer` copy from, and to if `A` is [`ReadWrite`](crate::view::ReadWrite), `length` bytes
    /// of `page` from byte `offset` on.
    ///
    /// # Errors
    ///
    /// Reference and page are given back with [`GrantError::NeedsVersion2`] if the table is of version
    /// 1, and with [`GrantError::OutOfPage`] if the part is empty or not inside the page.
    pub fn grant_part<A: Access>(
        self,
        peer: DomainId,
        page: P,
        offset: u16,
        length: u16,
    ) -> Granting<'t, P, SubPage<A>> {
        let version = self.own().grants().version();
        let checked = if version == Version::V1 {
            Err(GrantError::NeedsVersion2)
        } else if length == 0 || usize::from(offset) + usize::from(length) > PAGE_SIZE {
            Err(GrantError::OutOfPage { offset, length })
        } else {
            frame(version, &page)
        };
        match checked {
            Ok(frame) => {
                let header = Header::sub_page(peer.domain(), A::READONLY);
                let body = Body::sub_page(frame, offset, length);
                Ok(Granted::publish(self.into_own(), page, header, body))
            }
            Err(why) => Err(Refused { given: (self, page), why }),
        }
    }
}

impl<'t, P> FreeRef<'t, P> {
    /// Lets `peer` copy through a grant that `owner` made to this domain under the number `of`; and
    /// write, unless `A` is [`ReadOnly`](crate::view::ReadOnly) or that grant is read-only.
    ///
    /// One level is all that Xen follows: the grant must not be passed on itself.
    ///
    /// # Errors
    ///
    /// The reference is given back with [`GrantError::NeedsVersion2`] if the table is of version 1.
    pub fn grant_transitive<A: Access>(
        self,
        peer: DomainId,
        owner: DomainId,
        of: grant_ref_t,
    ) -> Result<TransitiveGrant<'t, P>, Refused<Self>> {
        if self.own().grants().version() == Version::V1 {
            return Err(Refused { given: self, why: GrantError::NeedsVersion2 });
        }
        let own = self.into_own();
        let header = Header::transitive(peer.domain(), A::READONLY);
        own.entry().publish(header, Body::transitive(owner.domain(), of));
        Ok(TransitiveGrant { own })
    }
}

/// Another domain's grant that is passed on. Dropping it revokes it; if the peer copies at that
/// moment, the reference waits for the reaper.
#[must_use = "dropped, the grant is no longer passed on"]
pub struct TransitiveGrant<'t, P> {
    own: Own<'t, P>,
}

impl<'t, P> TransitiveGrant<'t, P> {
    /// The reference's number: what the peer must be told.
    #[must_use]
    pub const fn reference(&self) -> grant_ref_t {
        self.own.reference()
    }

    /// Takes it back.
    ///
    /// # Errors
    ///
    /// This again, if the peer copies at this moment. It cannot begin to copy again.
    pub fn revoke(self) -> Result<FreeRef<'t, P>, Self> {
        match self.own.entry().end() {
            Ok(()) => Ok(FreeRef::new(ManuallyDrop::new(self).own)),
            Err(InUse) => Err(self),
        }
    }
}

impl<P> Drop for TransitiveGrant<'_, P> {
    fn drop(&mut self) {
        match self.own.entry().end() {
            Ok(()) => self.own.free(),
            Err(InUse) => self.own.defer(None),
        }
    }
}

impl<P> fmt::Debug for TransitiveGrant<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TransitiveGrant").field(&self.reference().0).finish()
    }
}
