//! Transferring a page to another domain: PV.

#![allow(unsafe_code, reason = "transfers memory away")]

use core::fmt;
use core::mem::ManuallyDrop;

use xen_abi::grant_table::{GNTST_bad_page, GNTST_okay};
use xen_abi::xen::xen_pfn_t;

use super::batch::may_have_begun;
use super::remote::RemoteGrant;
use crate::Failed;
use crate::hypercall::grant_table_op::{Transfer, transfer as call};
use crate::hypercall::{Error, Hypercall, UNTOUCHED};
use crate::page::Owner;

/// A frame of the guest's own memory that can be transferred.
///
/// # Safety
///
/// While the value lives, [`frame`](Self::frame) is a machine frame of this guest that belongs to this
/// value: no page table of the guest maps it, and nothing relies on its contents.
pub unsafe trait Spare {
    /// The frame.
    fn frame(&self) -> xen_pfn_t;

    /// The domain that it belongs to, if the program has several: another domain's
    /// [`Hypercall`] then does not transfer it. By default there is one domain, and nothing
    /// is compared.
    #[inline]
    fn owner(&self) -> Option<Owner> {
        None
    }
}

/// Why a page was not transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransferError {
    /// The page is not of the domain that makes the hypercalls. No hypercall was made.
    OtherDomain,
    /// Xen did not transfer it, with the statuses that [`transfer`] lists.
    Xen(Error),
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherDomain => f.write_str(
                "the page belongs to another domain than the one that transfers: that one has another page \
                 with its number",
            ),
            Self::Xen(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for TransferError {}

impl<T> From<Failed<Self, T>> for TransferError {
    fn from(failed: Failed<Self, T>) -> Self {
        failed.error
    }
}

/// State of a page whose transfer failed.
#[derive(Debug)]
pub enum PageState<P> {
    /// The page has not changed.
    Kept(P),
    /// No domain owns the page any more, or Xen's answer leaves that open.
    Lost(LostPage<P>),
}

/// A page without memory. It is never dropped, so that no allocator reuses memory that does not exist.
pub struct LostPage<P>(ManuallyDrop<P>);

impl<P> LostPage<P> {
    const fn new(page: P) -> Self {
        Self(ManuallyDrop::new(page))
    }

    /// The page, for code that puts other memory there.
    ///
    /// # Safety
    ///
    /// What the type promises about its memory no longer holds: the caller puts other memory there before
    /// anything relies on it.
    #[must_use]
    pub unsafe fn into_inner(self) -> P {
        ManuallyDrop::into_inner(self.0)
    }
}

impl<P> fmt::Debug for LostPage<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LostPage")
    }
}

/// Transfers a page to the domain that accepts one under `to`, a grant of the kind accept-transfer.
///
/// PV guests only. In others Xen transfers nothing, but its answer is `GNTST_general_error`, with which a
/// PV guest loses its page; so that page counts as lost too. Where transfers are disabled in Xen, the error
/// is `EOPNOTSUPP`, and the page is kept.
///
/// `GNTTABOP_transfer` of `xen/include/public/grant_table.h`.
///
/// # Errors
///
/// [`TransferError`], with the state of the page. A page of another domain is kept. Xen takes the page before it checks the receiver, so the page is
/// lost with every status but one:
///
/// | status | page |
/// |---|---|
/// | `GNTST_bad_page`: not a frame of this guest, or still mapped | kept |
/// | `GNTST_bad_domain`: no such domain | lost |
/// | `GNTST_permission_denied`: the security policy forbids it | lost |
/// | `GNTST_address_too_big`: the receiver cannot have a frame with such a number | lost |
/// | `GNTST_general_error`: the receiver is dying, at its memory limit, or does not accept under `to` | lost |
pub fn transfer<H: Hypercall + ?Sized, P: Spare>(
    xen: &H,
    page: P,
    to: RemoteGrant,
) -> Result<LostPage<P>, Failed<TransferError, PageState<P>>> {
    if Owner::is_foreign(|| xen.owner(), page.owner()) {
        return Err(Failed::returning(TransferError::OtherDomain, PageState::Kept(page)));
    }
    let mut element = [Transfer::new(page.frame(), to.domain.domid(), to.reference)];
    // Dropped only if Xen certainly has not taken it.
    let page = LostPage::new(page);
    // SAFETY: the page is owned, nothing maps it, and it is returned only if it is kept.
    let batch = unsafe { call(xen, &mut element) };
    let status = batch.elements.first().map_or(UNTOUCHED, |element| element.status());
    let (error, kept) = match batch.result {
        _ if status == GNTST_okay => return Ok(page),
        Err(error) if status == UNTOUCHED => (error, !may_have_begun(error)),
        _ => (Error::from_status("GNTTABOP_transfer", status), status == GNTST_bad_page),
    };
    let state = if kept {
        PageState::Kept(ManuallyDrop::into_inner(page.0))
    } else {
        PageState::Lost(page)
    };
    Err(Failed::returning(TransferError::Xen(error), state))
}
