//! Grants that need entries of version 2: sub-page grants and transitive grants.
//!
//! Peers can copy through them and cannot map them. Older releases of Xen had severe defects in both
//! (XSA-226 among them), so nothing else here uses them.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use xen_abi::grant_table::grant_ref_t;

use super::entries::Version;
use super::entry::{Body, Header, StillInUse};
use super::error::GrantError;
use super::free::FreeRef;
use super::grant::{Granted, NotGranted, frame};
use super::grants::OwnedRef;
use crate::DomainId;
use crate::Failed;
use crate::gnttab::remote::RemoteGrant;
use crate::page::{PAGE_SIZE, Page};
use crate::view::{Access, OutOfBounds};

/// The kind of a grant by which the peer may copy from a part of a page, and to it unless `A` is
/// [`ReadOnly`](crate::view::ReadOnly).
#[derive(Debug)]
pub struct SubPage<A>(PhantomData<A>);

impl<'t, P: Page> FreeRef<'t, P> {
    /// Grants `length` bytes of `page` from byte `offset` on: `peer` may copy from them, and to them if
    /// `access` is [`ReadWrite`](crate::view::ReadWrite).
    ///
    /// # Errors
    ///
    /// [`GrantError::NeedsVersion2`] if the table is of version 1, [`GrantError::OutOfBounds`] if the
    /// range is empty or not inside the page, and [`GrantError::FrameTooBig`] as for
    /// [`grant`](Self::grant). The reference and the page are returned.
    pub fn grant_sub_page<A: Access>(
        self,
        peer: DomainId,
        page: P,
        offset: u16,
        length: u16,
        _access: A,
    ) -> Result<Granted<'t, P, SubPage<A>>, NotGranted<'t, P>> {
        let grants = self.owned_ref().grants();
        let version = grants.version();
        let checked = if version == Version::V1 {
            Err(GrantError::NeedsVersion2)
        } else if length == 0 || usize::from(offset) + usize::from(length) > PAGE_SIZE {
            Err(GrantError::OutOfBounds(OutOfBounds {
                offset: offset.into(),
                length: length.into(),
            }))
        } else {
            frame(grants, version, &page)
        };
        match checked {
            Ok(frame) => {
                let header = Header::sub_page(peer.domid(), A::READONLY);
                let body = Body::sub_page(frame, offset, length);
                Ok(Granted::publish(self.into_owned_ref(), page, header, body))
            }
            Err(error) => Err(Failed::returning(error, (self, page))),
        }
    }
}

impl<'t, P> FreeRef<'t, P> {
    /// Grants `peer` the use of `grant`, which another domain made to this one: `peer` may copy from the
    /// page, and to it if `access` is [`ReadWrite`](crate::view::ReadWrite) and `grant` is writable.
    ///
    /// Xen follows one level: `grant` must not be transitive itself.
    ///
    /// # Errors
    ///
    /// [`GrantError::NeedsVersion2`] if the table is of version 1. The reference is returned.
    pub fn grant_transitive<A: Access>(
        self,
        peer: DomainId,
        grant: RemoteGrant,
        _access: A,
    ) -> Result<TransitiveGrant<'t, P>, Failed<GrantError, Self>> {
        if self.owned_ref().grants().version() == Version::V1 {
            return Err(Failed::returning(GrantError::NeedsVersion2, self));
        }
        let owned = self.into_owned_ref();
        let header = Header::transitive(peer.domid(), A::READONLY);
        owned.entry().publish(header, Body::transitive(grant.domain.domid(), grant.reference));
        Ok(TransitiveGrant { owned })
    }
}

/// A grant of another domain's grant. Dropping it revokes it; if the peer copies at that moment, the
/// reference goes to the reaper.
#[must_use = "dropping it revokes the grant"]
pub struct TransitiveGrant<'t, P> {
    owned: OwnedRef<'t, P>,
}

impl<'t, P> TransitiveGrant<'t, P> {
    /// The reference's number: what the peer must be told.
    #[must_use]
    pub const fn reference(&self) -> grant_ref_t {
        self.owned.reference()
    }

    /// Revokes the grant.
    ///
    /// # Errors
    ///
    /// [`StillInUse`] if the peer copies at this moment; the grant is returned. The peer cannot begin
    /// another copy.
    pub fn revoke(self) -> Result<FreeRef<'t, P>, Failed<StillInUse, Self>> {
        match self.owned.entry().end() {
            Ok(()) => Ok(FreeRef::new(ManuallyDrop::new(self).owned)),
            Err(error) => Err(Failed::returning(error, self)),
        }
    }
}

impl<P> Drop for TransitiveGrant<'_, P> {
    fn drop(&mut self) {
        match self.owned.entry().end() {
            Ok(()) => self.owned.free(),
            Err(StillInUse) => self.owned.defer(None),
        }
    }
}

impl<P> fmt::Debug for TransitiveGrant<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TransitiveGrant").field(&self.reference().0).finish()
    }
}
