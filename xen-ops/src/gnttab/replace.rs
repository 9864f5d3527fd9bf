//! Unmapping a grant and moving a page of the guest's own to its address, in one step: PV.

#![allow(unsafe_code, reason = "moves memory from one address to another")]

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use xen_abi::xen::xen_pfn_t;

use super::map::{Mapping, Unmapped, leak_on_unwind, unmapped_status};
use crate::Failed;
use crate::hypercall::grant_table_op::{UnmapAndReplace, unmap_and_replace};
use crate::hypercall::{Error, Hypercall, UNTOUCHED};
use crate::page::{MapTarget, Owner, Page};
use crate::view::Access;

/// Memory of the page `P`, which has moved to the address of the target `T`. Nothing is left at the page's
/// own address.
///
/// It is a page like any other. Dropping it frees neither the page nor the target: what their types
/// promise no longer holds.
pub struct Replaced<T: MapTarget, P: Page> {
    target: ManuallyDrop<T>,
    page: ManuallyDrop<P>,
}

impl<T: MapTarget, P: Page> Replaced<T, P> {
    /// Both values.
    ///
    /// # Safety
    ///
    /// They have changed places: the page's address can take a mapping now, and memory is at the target's
    /// address. The caller restores what both types promise before anything relies on it.
    #[must_use]
    pub unsafe fn into_parts(self) -> (T, P) {
        (ManuallyDrop::into_inner(self.target), ManuallyDrop::into_inner(self.page))
    }
}

// SAFETY: Xen moved the page's frame to the target's address, where nothing else is; both are kept.
unsafe impl<T: MapTarget, P: Page> Page for Replaced<T, P> {
    fn frame(&self) -> xen_pfn_t {
        self.page.frame()
    }

    fn address(&self) -> NonNull<u8> {
        self.target.address()
    }

    fn owner(&self) -> Option<Owner> {
        self.page.owner()
    }
}

impl<T: MapTarget, P: Page> fmt::Debug for Replaced<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Replaced").field(&self.frame()).finish()
    }
}

/// Why a mapping was not replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplaceError {
    /// The mapping is for devices too, which this operation cannot unmap. No hypercall was made.
    ForDevices,
    /// The page is not of the domain that has mapped the grant. No hypercall was made.
    OtherDomain,
    /// Xen refused, with the statuses of an unmap.
    Xen(Error),
}

impl fmt::Display for ReplaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForDevices => f.write_str("a mapping for devices cannot be replaced: unmap it"),
            Self::OtherDomain => f.write_str(
                "the page belongs to another domain than the mapping: there is another page at its address",
            ),
            Self::Xen(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ReplaceError {}

impl<T> From<Failed<Self, T>> for ReplaceError {
    fn from(failed: Failed<Self, T>) -> Self {
        failed.error
    }
}

/// What [`replace`] returns if it fails.
pub type NotReplaced<H, T, A, P> = Failed<ReplaceError, (Mapping<H, T, A>, P)>;

/// Unmaps a grant and moves the memory of `page` to its address.
///
/// PV guests only, where a target's host address and a page's address are both virtual.
/// `GNTTABOP_unmap_and_replace` of `xen/include/public/grant_table.h`.
///
/// # Errors
///
/// [`ReplaceError`], with the mapping and the page if they have certainly not changed. Otherwise the
/// target and the page are leaked: Xen removes the page from its address before it checks the mapping.
pub fn replace<H: Hypercall, T: MapTarget, A: Access, P: Page>(
    mapping: Mapping<H, T, A>,
    page: P,
) -> Result<Replaced<T, P>, NotReplaced<H, T, A, P>> {
    if mapping.has_devices() {
        return Err(Failed::returning(ReplaceError::ForDevices, (mapping, page)));
    }
    if Owner::is_foreign(|| mapping.xen().owner(), page.owner()) {
        return Err(Failed::returning(ReplaceError::OtherDomain, (mapping, page)));
    }
    let new_addr = page.address().addr().get() as u64;
    let ((mapping, page), unmapped) = leak_on_unwind((mapping, page), |(mapping, _)| {
        let mut element = [UnmapAndReplace::new(mapping.host_addr(), new_addr, mapping.handle())];
        // SAFETY: mapping and page are owned, so nothing accesses either; afterwards they are returned
        // only as what they have become.
        let batch = unsafe { unmap_and_replace(mapping.xen(), &mut element) };
        let status = batch.elements.first().map_or(UNTOUCHED, |element| element.status());
        unmapped_status("GNTTABOP_unmap_and_replace", status, batch.result, true)
    });
    match unmapped {
        Unmapped::Done => {
            let (xen, target) = mapping.into_parts();
            let target = ManuallyDrop::new(target);
            let replaced = Replaced { target, page: ManuallyDrop::new(page) };
            drop(xen);
            Ok(replaced)
        }
        Unmapped::Intact(error) => {
            Err(Failed::returning(ReplaceError::Xen(error), (mapping, page)))
        }
        Unmapped::Unknown(error) => {
            core::mem::forget(page);
            mapping.leak();
            Err(Failed::keeping(ReplaceError::Xen(error)))
        }
    }
}
