//! The grant of a page.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use xen_abi::grant_table::grant_ref_t;

use super::entries::Version;
use super::entry::{Body, Header, StillInUse};
use super::error::GrantError;
use super::free::FreeRef;
use super::grants::{Grants, OwnedRef};
use crate::DomainId;
use crate::Failed;
use crate::page::{Owner, Page, check_is_movable, pfn_to_u64};
use crate::view::{Access, ReadOnly, ReadWrite, View};

/// A page that the peer may use, as `Kind` says. Only [`revoke`](Self::revoke) returns the page.
///
/// Dropping a grant revokes it. If the peer still uses the page then, the reference and the page go to
/// the reaper.
///
/// No method asks whether the peer uses the page: the answer would be out of date before a second step
/// could end the grant.
///
/// ```compile_fail,E0382
/// # use xen_ops::gnttab::Granted;
/// # use xen_ops::page::Page;
/// # fn twice<P: Page>(granted: Granted<'_, P>) {
/// let _ = granted.revoke();
/// let _ = granted.revoke(); // moved above
/// # }
/// ```
#[must_use = "dropped, the page is no longer granted"]
pub struct Granted<'t, P, Kind = ReadWrite> {
    published: Published<'t, P>,
    kind: PhantomData<Kind>,
}

/// A grant that is being revoked while the peer still uses the page.
///
/// In version 2 the peer cannot begin to use it again. In version 1 it can, until the grant has ended: an
/// entry that is in use must not be changed.
///
/// Dropping it passes the reference and the page to the reaper.
#[must_use = "dropped, the reference and the page wait for the reaper"]
pub struct Revoking<'t, P> {
    published: Published<'t, P>,
}

/// A published entry: its reference, its header, and the page that it grants.
struct Published<'t, P> {
    grants: &'t Grants<'t, P>,
    reference: u32,
    header: Header,
    page: ManuallyDrop<P>,
}

impl<'t, P> Published<'t, P> {
    #[inline]
    fn owned_ref(&self) -> OwnedRef<'t, P> {
        #[allow(unsafe_code, reason = "vouches for a reference")]
        // SAFETY: its owner passed it to `publish`.
        unsafe {
            self.grants.owned_ref(self.reference)
        }
    }

    /// Ends the grant, or does nothing.
    #[inline]
    fn end_entry(&self) -> Result<(), StillInUse> {
        self.owned_ref().entry().end_published(self.header)
    }

    /// The reference and the page, once the grant has ended.
    #[inline]
    fn into_parts(self) -> (OwnedRef<'t, P>, P) {
        let mut this = ManuallyDrop::new(self);
        #[allow(unsafe_code, reason = "moves out of a value that has a destructor")]
        // SAFETY: what it is taken from is neither used nor dropped.
        let page = unsafe { ManuallyDrop::take(&mut this.page) };
        (this.owned_ref(), page)
    }

    /// Ends the grant.
    #[inline]
    fn end(self) -> Result<(OwnedRef<'t, P>, P), Self> {
        match self.end_entry() {
            Ok(()) => Ok(self.into_parts()),
            Err(StillInUse) => Err(self),
        }
    }
}

impl<P> Drop for Published<'_, P> {
    fn drop(&mut self) {
        #[allow(unsafe_code, reason = "moves out of a value that is being dropped")]
        // SAFETY: this is the destructor.
        let page = unsafe { ManuallyDrop::take(&mut self.page) };
        match self.end_entry() {
            Ok(()) => self.owned_ref().free(),
            Err(StillInUse) => self.owned_ref().defer(Some(page)),
        }
    }
}

/// What [`FreeRef::grant`] returns if it fails: the reference and the page too.
pub type NotGranted<'t, P> = Failed<GrantError, (FreeRef<'t, P>, P)>;

impl<'t, P: Page> FreeRef<'t, P> {
    /// Grants `page` to `peer`, which may map it and copy from it, and write to it if `access` is
    /// [`ReadWrite`].
    ///
    /// The peer sees all 4096 bytes as they are now: [clear](crate::view::View::clear) what it must
    /// not see.
    ///
    /// # Errors
    ///
    /// [`GrantError::FrameTooBig`] if the table is of version 1 and the frame number is above
    /// `u32::MAX`, [`GrantError::OtherDomain`] if the page is another domain's. The reference and the page
    /// are returned.
    #[inline]
    pub fn grant<A: Access>(
        self,
        peer: DomainId,
        page: P,
        _access: A,
    ) -> Result<Granted<'t, P, A>, NotGranted<'t, P>> {
        let grants = self.owned_ref().grants();
        match frame(grants, grants.version(), &page) {
            Ok(frame) => {
                let header = Header::access(peer.domid(), A::READONLY);
                Ok(Granted::publish(self.into_owned_ref(), page, header, Body::page(frame)))
            }
            Err(error) => Err(Failed::returning(error, (self, page))),
        }
    }
}

impl<'t, P, Kind> Granted<'t, P, Kind> {
    #[inline]
    pub(crate) fn publish(owned: OwnedRef<'t, P>, page: P, header: Header, body: Body) -> Self {
        owned.entry().publish(header, body);
        Self::published(owned, page, header)
    }

    /// A grant whose entry has been published.
    #[inline]
    pub(crate) const fn published(owned: OwnedRef<'t, P>, page: P, header: Header) -> Self {
        let reference = owned.reference().0;
        let page = ManuallyDrop::new(page);
        Self {
            published: Published { grants: owned.grants(), reference, header, page },
            kind: PhantomData,
        }
    }

    /// The reference's number: what the peer must be told.
    #[inline]
    #[must_use]
    pub const fn reference(&self) -> grant_ref_t {
        grant_ref_t(self.published.reference)
    }

    /// Revokes the grant and returns the reference and the page. It succeeds only if the peer does not use
    /// the page, and then the peer cannot begin to: both are one atomic step.
    ///
    /// # Errors
    ///
    /// [`Revoking`] if the peer uses the page; it holds the reference and the page.
    #[inline]
    pub fn revoke(self) -> Result<(FreeRef<'t, P>, P), Revoking<'t, P>> {
        match self.end() {
            Ok((owned, page)) => Ok((FreeRef::new(owned), page)),
            Err(granted) => Err(granted.into_revoking()),
        }
    }

    #[inline]
    pub(crate) fn end(self) -> Result<(OwnedRef<'t, P>, P), Self> {
        self.published.end().map_err(|published| Self { published, kind: PhantomData })
    }

    #[inline]
    pub(crate) fn into_revoking(self) -> Revoking<'t, P> {
        Revoking { published: self.published }
    }

    /// The reference and the header that was published under it.
    #[inline]
    pub(crate) fn parts(&self) -> (OwnedRef<'t, P>, Header) {
        (self.published.owned_ref(), self.published.header)
    }

    /// The page, once the grant has ended.
    #[inline]
    pub(crate) fn into_page(self) -> P {
        self.published.into_parts().1
    }

    pub(crate) const fn grants(&self) -> &'t Grants<'t, P> {
        self.published.grants
    }

    /// Whether it is one of `grants`.
    pub(crate) fn is_of(&self, grants: &Grants<'_, P>) -> bool {
        core::ptr::addr_eq(self.published.grants, grants)
    }

    /// The two grants after Xen has exchanged their entries: each reference has the other's page.
    pub(crate) fn exchanged<Other>(
        mut self,
        mut other: Granted<'t, P, Other>,
    ) -> (Granted<'t, P, Other>, Self) {
        core::mem::swap(&mut self.published.page, &mut other.published.page);
        core::mem::swap(&mut self.published.header, &mut other.published.header);
        (self.into(), other.into())
    }

    fn into_access<Other: Access>(mut self) -> Granted<'t, P, Other> {
        self.published.header = Header::access(self.published.header.peer(), Other::READONLY);
        self.into()
    }

    fn into<Other>(self) -> Granted<'t, P, Other> {
        Granted { published: self.published, kind: PhantomData }
    }
}

impl<P: Page, Kind> Granted<'_, P, Kind> {
    /// The page's bytes, which the peer uses too.
    #[must_use]
    pub fn view(&self) -> View<'_, ReadWrite> {
        #[allow(unsafe_code, reason = "the page's promise becomes the view's")]
        // SAFETY: the page's bytes belong to the page, which lives as long as `self`; they are accessed
        // through views only, and the peer is not part of this program.
        unsafe {
            View::new(self.published.page.address())
        }
    }
}

impl<'t, P> Granted<'t, P, ReadOnly> {
    /// Allows the peer to write.
    pub fn allow_writing(self) -> Granted<'t, P, ReadWrite> {
        self.published.owned_ref().entry().allow_writing();
        self.into_access()
    }
}

impl<'t, P> Granted<'t, P, ReadWrite> {
    /// Makes the grant read-only.
    ///
    /// # Errors
    ///
    /// [`StillInUse`] if the peer has the page mapped for writing, or copies to it; the grant is
    /// returned unchanged.
    pub fn forbid_writing(self) -> Result<Granted<'t, P, ReadOnly>, Failed<StillInUse, Self>> {
        match self.published.owned_ref().entry().forbid_writing() {
            Ok(()) => Ok(self.into_access()),
            Err(error) => Err(Failed::returning(error, self)),
        }
    }
}

impl<'t, P> Revoking<'t, P> {
    /// The reference's number.
    #[must_use]
    pub const fn reference(&self) -> grant_ref_t {
        grant_ref_t(self.published.reference)
    }

    /// Tries again.
    ///
    /// # Errors
    ///
    /// This again, if the peer still uses the page.
    pub fn retry(self) -> Result<(FreeRef<'t, P>, P), Self> {
        match self.published.end() {
            Ok((owned, page)) => Ok((FreeRef::new(owned), page)),
            Err(published) => Err(Self { published }),
        }
    }
}

impl<P, Kind> fmt::Debug for Granted<'_, P, Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Granted").field(&self.reference().0).finish()
    }
}

impl<P> fmt::Debug for Revoking<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Revoking").field(&self.reference().0).finish()
    }
}

impl<P> fmt::Display for Revoking<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "grant {}: {StillInUse}", self.reference().0)
    }
}

impl<P> core::error::Error for Revoking<'_, P> {}

/// The page's frame number, if an entry of this version can hold it, and it is one of the table's domain.
#[inline]
pub(crate) fn frame<P: Page>(
    grants: &Grants<'_, P>,
    version: Version,
    page: &P,
) -> Result<u64, GrantError> {
    check_is_movable::<P>();
    if Owner::is_foreign(|| grants.owner(), page.owner()) {
        return Err(GrantError::OtherDomain);
    }
    let frame = page.frame();
    match version {
        Version::V1 if pfn_to_u64(frame) > u64::from(u32::MAX) => {
            Err(GrantError::FrameTooBig(frame))
        }
        _ => Ok(pfn_to_u64(frame)),
    }
}
