//! Transferring a page to another domain: PV.

#![allow(unsafe_code, reason = "gives memory away")]

use core::fmt;
use core::mem::ManuallyDrop;

use xen_abi::grant_table::{GNTST_bad_page, GNTST_okay};
use xen_abi::xen::xen_pfn_t;

use super::batch::may_have_begun;
use super::remote::RemoteGrant;
use crate::Failed;
use crate::hypercall::grant_table_op::{Transfer, transfer as call};
use crate::hypercall::{Error, Hypercall, UNTOUCHED};

/// A frame of the guest's own memory that can be given away.
///
/// # Safety
///
/// While the value lives, [`frame`](Self::frame) is a machine frame of this guest that belongs to this
/// value: no page table of the guest maps it, and nobody relies on what is in it.
pub unsafe trait Spare {
    /// The frame.
    fn frame(&self) -> xen_pfn_t;
}

/// What has become of a page that did not arrive.
#[derive(Debug)]
pub enum PageState<P> {
    /// It is as before.
    Kept(P),
    /// No domain owns it any more, or that cannot be known.
    Lost(LostPage<P>),
}

/// A page whose memory is gone. It is never dropped, so that no allocator reuses memory that does not
/// exist.
pub struct LostPage<P>(ManuallyDrop<P>);

impl<P> LostPage<P> {
    const fn new(page: P) -> Self {
        Self(ManuallyDrop::new(page))
    }

    /// The page, for code that puts other memory in its place.
    ///
    /// # Safety
    ///
    /// What the type promises about its memory is not true any more: the caller makes it true before
    /// anyone relies on it, by putting other memory there.
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

/// Gives a page to the domain that waits for one under `to`, a grant of the kind accept-transfer.
///
/// PV guests only. In others nothing is given away, but Xen's answer is `GNTST_general_error`, by which
/// a PV guest loses its page; so that page counts as lost too. Where Xen has transfers switched off
/// the error is `EOPNOTSUPP`, and the page is kept.
///
/// `GNTTABOP_transfer` of `xen/include/public/grant_table.h`.
///
/// # Errors
///
/// [`Error`], with what became of the page. Xen takes the page first and looks for the receiver then, so that it is lost with
/// every status but one:
///
/// | status | page |
/// |---|---|
/// | `GNTST_bad_page`: no frame of this guest, or still mapped somewhere | kept |
/// | `GNTST_bad_domain`: no such domain | lost |
/// | `GNTST_permission_denied`: the security policy forbids it | lost |
/// | `GNTST_address_too_big`: the receiver cannot have a frame with such a number | lost |
/// | `GNTST_general_error`: the receiver is dying or has no room, or does not wait under `to` | lost |
pub fn transfer<H: Hypercall + ?Sized, P: Spare>(
    xen: &H,
    page: P,
    to: RemoteGrant,
) -> Result<LostPage<P>, Failed<Error, PageState<P>>> {
    let mut element = [Transfer::new(page.frame(), to.domain.domid(), to.reference)];
    // From here on it is dropped only if it is known to be kept.
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
    Err(Failed::returning(error, state))
}
