//! How a back end reaches the pages that a front end grants.

use core::fmt;

use xen_abi::grant_table::grant_ref_t;
use xen_ops::gnttab::RemoteGrant;
use xen_ops::gnttab::copy::{CopyError, Dest, Source, copy};
use xen_ops::hypercall::Hypercall;
use xen_ops::page::Page;
use xen_ops::{DomainId, view};

/// Access to pages that the front end grants.
pub trait GrantAccess {
    /// Why it failed.
    type Error;

    /// Copies bytes out of the page with this grant.
    ///
    /// # Errors
    ///
    /// If the grant does not allow it. The contents of `to` are then not specified.
    fn read(&mut self, grant: grant_ref_t, offset: usize, to: &mut [u8])
    -> Result<(), Self::Error>;

    /// Copies bytes into the page with this grant.
    ///
    /// # Errors
    ///
    /// If the grant does not allow it. Some bytes may have been copied.
    fn write(&mut self, grant: grant_ref_t, offset: usize, from: &[u8]) -> Result<(), Self::Error>;
}

/// Access by `GNTTABOP_copy` through a page of this domain's.
pub struct CopyGrants<H: Hypercall, P: Page> {
    xen: H,
    peer: DomainId,
    page: P,
}

/// Why a copy failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyGrantsError {
    /// The bytes are not inside a page.
    OutOfBounds(view::OutOfBounds),
    /// Xen did not copy them.
    Copy(CopyError),
}

impl fmt::Display for CopyGrantsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds(error) => error.fmt(f),
            Self::Copy(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for CopyGrantsError {}

impl<H: Hypercall, P: Page> CopyGrants<H, P> {
    /// Access to grants of domain `peer`, through `page`.
    pub const fn new(xen: H, peer: DomainId, page: P) -> Self {
        Self { xen, peer, page }
    }

    /// Returns the page.
    pub fn into_page(self) -> P {
        self.page
    }
}

impl<H: Hypercall, P: Page> GrantAccess for CopyGrants<H, P> {
    type Error = CopyGrantsError;

    fn read(
        &mut self,
        grant: grant_ref_t,
        offset: usize,
        to: &mut [u8],
    ) -> Result<(), Self::Error> {
        let source = Source::grant(RemoteGrant::new(self.peer, grant));
        copy(&self.xen, &[source], offset, &mut [Dest::page(&mut self.page)], 0, to.len())
            .map_err(CopyGrantsError::Copy)?;
        self.page.view().read(0, to).map_err(CopyGrantsError::OutOfBounds)
    }

    fn write(&mut self, grant: grant_ref_t, offset: usize, from: &[u8]) -> Result<(), Self::Error> {
        self.page.view().write(0, from).map_err(CopyGrantsError::OutOfBounds)?;
        let dest = Dest::grant(RemoteGrant::new(self.peer, grant));
        copy(&self.xen, &[Source::page(&self.page)], 0, &mut [dest], offset, from.len())
            .map_err(CopyGrantsError::Copy)
    }
}

impl<H: Hypercall, P: Page> fmt::Debug for CopyGrants<H, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyGrants").field("peer", &self.peer).finish_non_exhaustive()
    }
}
