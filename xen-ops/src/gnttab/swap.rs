//! Exchanging two entries of the guest's own grant table.

#![allow(unsafe_code, reason = "changes what references mean")]

use core::fmt;

use xen_abi::grant_table::{GNTST_eagain, GNTTAB_NR_RESERVED_ENTRIES, grant_ref_t};

use super::retry::{Retry, Tries};
use crate::hypercall::grant_table_op::{SwapGrantRef, swap_grant_ref};
use crate::hypercall::{Error, Hypercall, expansion};

/// Entries that were not exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SwapError {
    /// One of the first eight references, which are the toolstack's. Nothing was asked of Xen.
    Reserved(grant_ref_t),
    /// Xen did not exchange them.
    Xen(Error),
}

impl fmt::Display for SwapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserved(reference) => write!(f, "reference {} is reserved", reference.0),
            Self::Xen(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SwapError {}

/// Exchanges the entries of `a` and `b`, so that each reference grants what the other did. Nothing
/// happens if they are the same.
///
/// `GNTTABOP_swap_grant_ref` of `xen/include/public/grant_table.h`.
///
/// # Errors
///
/// - [`SwapError::Reserved`] for references below 8.
/// - [`SwapError::Xen`] with `GNTST_bad_gntref` if one is beyond the table, or `GNTST_eagain` if a peer
///   uses one of them, for as long as `retry` has it tried again.
///
/// # Safety
///
/// Whoever holds one of the references holds the other's grant afterwards. Both are the caller's, and
/// no page is freed because the reference that used to grant it was revoked.
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
        match once(xen, a, b) {
            Err(error) if error.status() == Some(GNTST_eagain) && tries.another() => {}
            result => return result.map_err(SwapError::Xen),
        }
    }
}

fn once<H: Hypercall + ?Sized>(xen: &H, a: grant_ref_t, b: grant_ref_t) -> Result<(), Error> {
    let mut element = [SwapGrantRef::new(a, b)];
    // SAFETY: the caller of `swap` answers for what the references mean afterwards.
    let batch = unsafe { swap_grant_ref(xen, &mut element) };
    batch.result?;
    batch
        .elements
        .iter()
        .try_for_each(|element| expansion::status("GNTTABOP_swap_grant_ref", 0, element.status()))
}
