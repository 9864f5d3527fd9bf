//! Exchanging two entries of the guest's own grant table.

#![allow(unsafe_code, reason = "exchanges what references grant")]

use core::fmt;
use core::mem::ManuallyDrop;

use xen_abi::grant_table::{
    GNTST_bad_gntref, GNTST_eagain, GNTTAB_NR_RESERVED_ENTRIES, grant_ref_t,
};

use super::batch::may_have_begun;
use super::granting::Granted;
use super::retry::{NoRetry, Retry, Tries};
use super::table::GrantTable;
use crate::Failed;
use crate::hypercall::grant_table_op::{SwapGrantRef, swap_grant_ref};
use crate::hypercall::{__private, Error, Hypercall};

/// Why entries were not exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SwapError {
    /// One of the first eight references, which are the toolstack's. No hypercall was made.
    Reserved(grant_ref_t),
    /// A grant of another table. No hypercall was made.
    OtherTable(grant_ref_t),
    /// Xen did not exchange them.
    Xen(Error),
}

impl fmt::Display for SwapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserved(reference) => write!(f, "reference {} is reserved", reference.0),
            Self::OtherTable(reference) => {
                write!(f, "reference {} is one of another table", reference.0)
            }
            Self::Xen(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SwapError {}

impl<T> From<Failed<Self, T>> for SwapError {
    fn from(failed: Failed<Self, T>) -> Self {
        failed.error
    }
}

/// Two grants with their pages exchanged: the first reference with the second page, and the reverse. On
/// failure both unchanged, unless Xen's answer leaves open which reference grants which page: then both
/// are leaked and stay granted.
pub type Swapped<'t, P, A, B> = Result<
    (Granted<'t, P, B>, Granted<'t, P, A>),
    Failed<SwapError, (Granted<'t, P, A>, Granted<'t, P, B>)>,
>;

impl<H: Hypercall, F, P> GrantTable<'_, H, F, P> {
    /// Exchanges the entries of two grants: each reference grants what the other granted before.
    ///
    /// `GNTTABOP_swap_grant_ref` of `xen/include/public/grant_table.h`.
    ///
    /// # Errors
    ///
    /// - [`SwapError::OtherTable`] if one of them is not of this table.
    /// - [`SwapError::Xen`] with `GNTST_eagain` if a peer uses one of them.
    pub fn swap<'t, A, B>(
        &'t self,
        a: Granted<'t, P, A>,
        b: Granted<'t, P, B>,
    ) -> Swapped<'t, P, A, B> {
        self.swap_with_retry(a, b, &mut NoRetry)
    }

    /// As [`swap`](Self::swap), and tries again as `retry` says while a peer uses one of the grants.
    ///
    /// # Errors
    ///
    /// As [`swap`](Self::swap).
    pub fn swap_with_retry<'t, A, B, R: Retry + ?Sized>(
        &'t self,
        a: Granted<'t, P, A>,
        b: Granted<'t, P, B>,
        retry: &mut R,
    ) -> Swapped<'t, P, A, B> {
        for (ours, reference) in [(self.has(&a), a.reference()), (self.has(&b), b.reference())] {
            if !ours {
                return Err(Failed::returning(SwapError::OtherTable(reference), (a, b)));
            }
        }
        let references = [a.reference(), b.reference()];
        let mut tries = Tries::new(retry);
        let mut grants = (a, b);
        loop {
            // Not dropped if the hypercall panics: Xen may have exchanged the entries by then.
            let granted = ManuallyDrop::new(grants);
            // SAFETY: both are owned, and take each other's page when the entries have changed places.
            let result = unsafe { once(self.xen(), references) };
            grants = ManuallyDrop::into_inner(granted);
            match result {
                Ok(()) => return Ok(grants.0.exchanged(grants.1)),
                Err(error) if error.status() == Some(GNTST_eagain) && tries.another() => {}
                Err(error) if nothing_done(error) => {
                    return Err(Failed::returning(SwapError::Xen(error), grants));
                }
                Err(error) => {
                    core::mem::forget(grants);
                    return Err(Failed::keeping(SwapError::Xen(error)));
                }
            }
        }
    }
}

/// Whether the entries have certainly not changed.
fn nothing_done(error: Error) -> bool {
    match error.status() {
        Some(status) => [GNTST_eagain, GNTST_bad_gntref].contains(&status),
        None => !may_have_begun(error),
    }
}

/// Exchanges the entries of two references, so that each grants what the other did. If they are the same,
/// nothing changes.
///
/// `GNTTABOP_swap_grant_ref` of `xen/include/public/grant_table.h`.
///
/// # Errors
///
/// - [`SwapError::Reserved`] for references below 8.
/// - [`SwapError::Xen`] with `GNTST_bad_gntref` if one is beyond the table, or `GNTST_eagain` if a peer
///   still uses one of them after the last try.
///
/// # Safety
///
/// Afterwards each reference grants what the other granted before. Both are the caller's, and no page is
/// freed because the reference that used to grant it was revoked. For grants of a [`GrantTable`] there
/// is [`GrantTable::swap`].
pub unsafe fn swap<H: Hypercall + ?Sized, R: Retry + ?Sized>(
    xen: &H,
    a: grant_ref_t,
    b: grant_ref_t,
    retry: &mut R,
) -> Result<(), SwapError> {
    for reference in [a, b] {
        if reference.0 < GNTTAB_NR_RESERVED_ENTRIES {
            return Err(SwapError::Reserved(reference));
        }
    }
    let mut tries = Tries::new(retry);
    loop {
        // SAFETY: the caller's promise.
        match unsafe { once(xen, [a, b]) } {
            Err(error) if error.status() == Some(GNTST_eagain) && tries.another() => {}
            result => return result.map_err(SwapError::Xen),
        }
    }
}

/// Tries it once.
///
/// # Safety
///
/// As for [`swap`].
unsafe fn once<H: Hypercall + ?Sized>(xen: &H, [a, b]: [grant_ref_t; 2]) -> Result<(), Error> {
    let mut element = [SwapGrantRef::new(a, b)];
    // SAFETY: the caller's promise.
    let batch = unsafe { swap_grant_ref(xen, &mut element) };
    batch.result?;
    batch
        .elements
        .iter()
        .try_for_each(|element| __private::status("GNTTABOP_swap_grant_ref", 0, element.status()))
}
