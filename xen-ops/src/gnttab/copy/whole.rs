//! The commonest copies: between one grant and one page.

use super::end::{Dest, Source};
use super::error::CopyError;
use super::split::{copy, copy_with_retry};
use crate::gnttab::remote::RemoteGrant;
use crate::gnttab::retry::Retry;
use crate::hypercall::Hypercall;
use crate::page::{PAGE_SIZE, Page};
use crate::view::OutOfBounds;

/// Copies what another domain grants into `page`: the bytes from `offset` of the granted page to its end,
/// to the start of `page`. Returns how many bytes that are.
///
/// ```
/// # use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};
/// # use xen_ops::page::Page;
/// # use xen_ops::{ReadOnly, RemoteGrant};
/// use xen_ops::gnttab::copy;
///
/// # let machine = Xen::new();
/// # let (alice, xen) = (machine.domain(DomainConfig::new(GuestKind::Pvh))?, machine.domain(DomainConfig::new(GuestKind::Pvh))?);
/// # let mut storage = TableMemory::new(4, 4);
/// # let table = alice.grant_table(&mut storage, Default::default())?;
/// # let granted = table.grant(xen.domid(), alice.page().ok_or("no page")?, ReadOnly)?;
/// # granted.view().write(64, b"hello")?;
/// # let remote = RemoteGrant::new(alice.domid(), granted.reference());
/// # let mut page = xen.page().ok_or("no page")?;
/// copy::read(&xen, remote, 64, &mut page)?;
/// assert_eq!(&page.view().read_obj::<[u8; 5]>(0)?, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`CopyError::Invalid`] if `offset` is past the page, and [`CopyError::Xen`] with the statuses of the
/// [module](super).
pub fn read<H: Hypercall + ?Sized>(
    xen: &H,
    grant: RemoteGrant,
    offset: usize,
    page: &mut impl Page,
) -> Result<usize, CopyError> {
    let len = rest(offset)?;
    copy(xen, &[Source::grant(grant)], offset, &mut [Dest::page(page)], 0, len)?;
    Ok(len)
}

/// As [`read`], and tries again as `retry` says while Xen answers `GNTST_eagain`.
///
/// # Errors
///
/// As [`read`].
pub fn read_with_retry<H: Hypercall + ?Sized, R: Retry + ?Sized>(
    xen: &H,
    grant: RemoteGrant,
    offset: usize,
    page: &mut impl Page,
    retry: &mut R,
) -> Result<usize, CopyError> {
    let len = rest(offset)?;
    copy_with_retry(xen, &[Source::grant(grant)], offset, &mut [Dest::page(page)], 0, len, retry)?;
    Ok(len)
}

/// Copies `page` to what another domain grants: the start of `page` to the bytes from `offset` of the
/// granted page to its end. Returns how many bytes that are.
///
/// # Errors
///
/// As [`read`]; `GNTST_general_error` too if the grant is read-only.
pub fn write<H: Hypercall + ?Sized>(
    xen: &H,
    page: &impl Page,
    grant: RemoteGrant,
    offset: usize,
) -> Result<usize, CopyError> {
    let len = rest(offset)?;
    copy(xen, &[Source::page(page)], 0, &mut [Dest::grant(grant)], offset, len)?;
    Ok(len)
}

/// As [`write()`], and tries again as `retry` says while Xen answers `GNTST_eagain`.
///
/// # Errors
///
/// As [`write()`].
pub fn write_with_retry<H: Hypercall + ?Sized, R: Retry + ?Sized>(
    xen: &H,
    page: &impl Page,
    grant: RemoteGrant,
    offset: usize,
    retry: &mut R,
) -> Result<usize, CopyError> {
    let len = rest(offset)?;
    copy_with_retry(xen, &[Source::page(page)], 0, &mut [Dest::grant(grant)], offset, len, retry)?;
    Ok(len)
}

/// Bytes from `offset` to the end of a page.
fn rest(offset: usize) -> Result<usize, CopyError> {
    PAGE_SIZE
        .checked_sub(offset)
        .ok_or(CopyError::Invalid(super::Invalid::OutOfBounds(OutOfBounds { offset, length: 0 })))
}
