//! Granting a page, and getting it back.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use xen_abi::grant_table::grant_ref_t;

use super::entries::Version;
use super::entry::{Body, Header, InUse};
use super::error::{GrantError, Refused};
use super::frames::wide;
use super::free::FreeRef;
use super::grants::{Grants, Own};
use super::peer::DomainId;
use crate::page::Page;
use crate::view::{ReadOnly, ReadWrite, View};

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ReadOnly {}
    impl Sealed for super::ReadWrite {}
}

/// What the peer may do: [`ReadOnly`] or [`ReadWrite`].
pub trait Access: sealed::Sealed {
    /// It may not write.
    const READONLY: bool;
}

impl Access for ReadOnly {
    const READONLY: bool = true;
}

impl Access for ReadWrite {
    const READONLY: bool = false;
}

/// A page that the peer may use, as `Kind` says. It cannot be had back but by [`revoke`](Self::revoke).
///
/// Dropping it revokes it; if the peer still uses the page then, reference and page wait for the
/// reaper.
///
/// There is no way to ask whether the peer uses the page and to end the grant in a second step: the
/// answer would be old.
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
    lent: Lent<'t, P>,
    kind: PhantomData<Kind>,
}

/// A page that is granted, or reference and page again, and why it is not.
pub type Granting<'t, P, Kind> = Result<Granted<'t, P, Kind>, Refused<(FreeRef<'t, P>, P)>>;

/// A page that is being taken back while the peer still uses it.
///
/// In version 2 the peer cannot begin to use it any more. In version 1 an entry that is in use must
/// not be changed, so until it is not, the peer can also use it again.
///
/// Dropping it leaves reference and page to the reaper.
#[must_use = "dropped, reference and page wait for the reaper"]
pub struct Revoking<'t, P> {
    lent: Lent<'t, P>,
}

/// A reference, what its entry says, and the page that is behind it.
struct Lent<'t, P> {
    grants: &'t Grants<'t, P>,
    reference: u32,
    header: Header,
    page: ManuallyDrop<P>,
}

impl<'t, P> Lent<'t, P> {
    #[inline]
    fn own(&self) -> Own<'t, P> {
        #[allow(unsafe_code, reason = "vouches for a reference")]
        // SAFETY: it was given to `publish` by its owner.
        unsafe {
            self.grants.own(self.reference)
        }
    }

    /// Ends the grant, or does nothing.
    #[inline]
    fn end_entry(&self) -> Result<(), InUse> {
        self.own().entry().end_published(self.header)
    }

    /// Reference and page, behind the grant's end.
    #[inline]
    fn into_parts(self) -> (Own<'t, P>, P) {
        let mut this = ManuallyDrop::new(self);
        #[allow(unsafe_code, reason = "moves out of a value that has a destructor")]
        // SAFETY: what it is taken from is neither used nor dropped.
        let page = unsafe { ManuallyDrop::take(&mut this.page) };
        (this.own(), page)
    }

    /// Ends the grant.
    #[inline]
    fn end(self) -> Result<(Own<'t, P>, P), Self> {
        match self.end_entry() {
            Ok(()) => Ok(self.into_parts()),
            Err(InUse) => Err(self),
        }
    }
}

impl<P> Drop for Lent<'_, P> {
    fn drop(&mut self) {
        #[allow(unsafe_code, reason = "moves out of a value that is being dropped")]
        // SAFETY: this is the destructor.
        let page = unsafe { ManuallyDrop::take(&mut self.page) };
        match self.end_entry() {
            Ok(()) => self.own().free(),
            Err(InUse) => self.own().defer(Some(page)),
        }
    }
}

impl<'t, P: Page> FreeRef<'t, P> {
    /// Lets `peer` use `page`: map it, copy from it, and write it too if `A` is [`ReadWrite`].
    ///
    /// What the page holds now is seen by the peer. It sees all 4096 bytes.
    ///
    /// # Errors
    ///
    /// [`GrantError::FrameTooBig`] if the table is of version 1 and the frame number is above
    /// `u32::MAX`. Reference and page are given back.
    #[inline]
    pub fn grant<A: Access>(self, peer: DomainId, page: P) -> Granting<'t, P, A> {
        match frame(self.own().grants().version(), &page) {
            Ok(frame) => {
                let header = Header::access(peer.domain(), A::READONLY);
                Ok(Granted::publish(self.into_own(), page, header, Body::page(frame)))
            }
            Err(why) => Err(Refused { given: (self, page), why }),
        }
    }
}

impl<'t, P, Kind> Granted<'t, P, Kind> {
    #[inline]
    pub(crate) fn publish(own: Own<'t, P>, page: P, header: Header, body: Body) -> Self {
        own.entry().publish(header, body);
        Self::published(own, page, header)
    }

    /// What has been published already.
    #[inline]
    pub(crate) const fn published(own: Own<'t, P>, page: P, header: Header) -> Self {
        let reference = own.reference().0;
        let page = ManuallyDrop::new(page);
        Self { lent: Lent { grants: own.grants(), reference, header, page }, kind: PhantomData }
    }

    /// The reference's number: what the peer must be told.
    #[inline]
    #[must_use]
    pub const fn reference(&self) -> grant_ref_t {
        grant_ref_t(self.lent.reference)
    }

    /// Takes the page back, in one step that cannot be undone by the peer: it succeeds only if the
    /// peer does not use the page, and then it cannot begin to.
    ///
    /// # Errors
    ///
    /// [`Revoking`] if the peer uses the page: reference and page stay as they are, in there.
    #[inline]
    pub fn revoke(self) -> Result<(FreeRef<'t, P>, P), Revoking<'t, P>> {
        match self.end() {
            Ok((own, page)) => Ok((FreeRef::new(own), page)),
            Err(granted) => Err(granted.into_revoking()),
        }
    }

    #[inline]
    pub(crate) fn end(self) -> Result<(Own<'t, P>, P), Self> {
        self.lent.end().map_err(|lent| Self { lent, kind: PhantomData })
    }

    #[inline]
    pub(crate) fn into_revoking(self) -> Revoking<'t, P> {
        Revoking { lent: self.lent }
    }

    /// The reference, and what was published under it.
    #[inline]
    pub(crate) fn parts(&self) -> (Own<'t, P>, Header) {
        (self.lent.own(), self.lent.header)
    }

    /// The page, behind the grant's end.
    #[inline]
    pub(crate) fn into_page(self) -> P {
        self.lent.into_parts().1
    }

    pub(crate) const fn grants(&self) -> &'t Grants<'t, P> {
        self.lent.grants
    }

    /// Whether it is one of `grants`.
    pub(crate) fn is_of(&self, grants: &Grants<'_, P>) -> bool {
        core::ptr::addr_eq(self.lent.grants, grants)
    }

    /// The two grants after Xen has exchanged their entries: each reference has the other's page.
    pub(crate) fn exchanged<Other>(
        mut self,
        mut other: Granted<'t, P, Other>,
    ) -> (Granted<'t, P, Other>, Self) {
        core::mem::swap(&mut self.lent.page, &mut other.lent.page);
        core::mem::swap(&mut self.lent.header, &mut other.lent.header);
        (self.into(), other.into())
    }

    fn into_access<Other: Access>(mut self) -> Granted<'t, P, Other> {
        self.lent.header = Header::access(self.lent.header.peer(), Other::READONLY);
        self.into()
    }

    fn into<Other>(self) -> Granted<'t, P, Other> {
        Granted { lent: self.lent, kind: PhantomData }
    }
}

impl<P: Page, Kind> Granted<'_, P, Kind> {
    /// The page's bytes, which the peer uses too.
    #[must_use]
    pub fn view(&self) -> View<'_, ReadWrite> {
        #[allow(unsafe_code, reason = "the page's promise becomes the view's")]
        // SAFETY: the page's bytes belong to the page, which lives as long as `self`; nobody gets at
        // them but through views, and the peer is no part of this program.
        unsafe {
            View::new(self.lent.page.address())
        }
    }
}

impl<'t, P> Granted<'t, P, ReadOnly> {
    /// Lets the peer write too.
    pub fn allow_writing(self) -> Granted<'t, P, ReadWrite> {
        self.lent.own().entry().allow_writing();
        self.into_access()
    }
}

impl<'t, P> Granted<'t, P, ReadWrite> {
    /// Lets the peer only read from now on.
    ///
    /// # Errors
    ///
    /// The grant again, unchanged, if the peer has the page mapped for writing, or copies to it.
    pub fn forbid_writing(self) -> Result<Granted<'t, P, ReadOnly>, Self> {
        match self.lent.own().entry().forbid_writing() {
            Ok(()) => Ok(self.into_access()),
            Err(InUse) => Err(self),
        }
    }
}

impl<'t, P> Revoking<'t, P> {
    /// The reference's number.
    #[must_use]
    pub const fn reference(&self) -> grant_ref_t {
        grant_ref_t(self.lent.reference)
    }

    /// Tries again.
    ///
    /// # Errors
    ///
    /// This again, if the peer still uses the page.
    pub fn retry(self) -> Result<(FreeRef<'t, P>, P), Self> {
        match self.lent.end() {
            Ok((own, page)) => Ok((FreeRef::new(own), page)),
            Err(lent) => Err(Self { lent }),
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
        write!(f, "grant {}: {InUse}", self.reference().0)
    }
}

impl<P> core::error::Error for Revoking<'_, P> {}

/// The page's frame number, if an entry of this version can hold it.
#[inline]
pub(crate) fn frame<P: Page>(version: Version, page: &P) -> Result<u64, GrantError> {
    let frame = page.frame();
    match version {
        Version::V1 if wide(frame) > u64::from(u32::MAX) => Err(GrantError::FrameTooBig(frame)),
        _ => Ok(wide(frame)),
    }
}
