//! Queries whose answer is the hypercall's result.

use core::fmt;

use xen_abi::xen::{domid_t, xen_pfn_t};

use super::Error;
use crate::hypercall::{Hypercall, memory_op};
use crate::page::PAGE_SIZE;

/// A number of pages of [`PAGE_SIZE`] bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageCount(pub u64);

impl PageCount {
    /// The same in bytes, or `None` if that is more than 64 bits hold.
    ///
    /// ```
    /// # use xen_ops::memory::PageCount;
    /// assert_eq!(PageCount(2).bytes(), Some(8192));
    /// assert_eq!(PageCount(u64::MAX).bytes(), None);
    /// ```
    #[must_use]
    pub const fn bytes(self) -> Option<u64> {
        self.0.checked_mul(PAGE_SIZE as u64)
    }
}

impl fmt::Display for PageCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pages", self.0)
    }
}

/// One more than the highest machine frame that is RAM. Upstream's header says the highest frame; its
/// code returns the one after that.
///
/// `XENMEM_maximum_ram_page` of `memory.h`.
///
/// # Errors
///
/// None of Xen's own; -ENOSYS if it has no such hypercall.
pub fn maximum_ram_page<H: Hypercall + ?Sized>(xen: &H) -> Result<xen_pfn_t, Error> {
    Ok(xen_pfn_t(memory_op::maximum_ram_page(xen)? as _))
}

/// The pages that domain `domid` has.
///
/// `XENMEM_current_reservation` of `memory.h`.
///
/// # Errors
///
/// -ESRCH (no such domain), -EPERM (not allowed).
pub fn current_reservation<H: Hypercall + ?Sized>(
    xen: &H,
    domid: domid_t,
) -> Result<PageCount, Error> {
    Ok(pages(memory_op::current_reservation(xen, domid)?))
}

/// The maximum number of pages that domain `domid` may have.
///
/// For a domain without a limit Xen keeps `u32::MAX`, which a 32-bit guest cannot tell from -EPERM.
///
/// `XENMEM_maximum_reservation` of `memory.h`.
///
/// # Errors
///
/// -ESRCH (no such domain), -EPERM (not allowed).
pub fn maximum_reservation<H: Hypercall + ?Sized>(
    xen: &H,
    domid: domid_t,
) -> Result<PageCount, Error> {
    Ok(pages(memory_op::maximum_reservation(xen, domid)?))
}

/// The highest guest frame of domain `domid` that has been in use.
///
/// `XENMEM_maximum_gpfn` of `memory.h`.
///
/// # Errors
///
/// -ESRCH (no such domain), -EPERM (not allowed).
pub fn maximum_gpfn<H: Hypercall + ?Sized>(xen: &H, domid: domid_t) -> Result<xen_pfn_t, Error> {
    Ok(xen_pfn_t(memory_op::maximum_gpfn(xen, domid)? as _))
}

/// The pages of the host that sharing between domains has saved; 0 on Arm.
///
/// `XENMEM_get_sharing_freed_pages` of `memory.h`.
///
/// # Errors
///
/// -ENOSYS if Xen has no such operation.
pub fn sharing_freed_pages<H: Hypercall + ?Sized>(xen: &H) -> Result<PageCount, Error> {
    Ok(pages(memory_op::get_sharing_freed_pages(xen)?))
}

/// The pages of the host that several domains share; 0 on Arm.
///
/// `XENMEM_get_sharing_shared_pages` of `memory.h`.
///
/// # Errors
///
/// -ENOSYS if Xen has no such operation.
pub fn sharing_shared_pages<H: Hypercall + ?Sized>(xen: &H) -> Result<PageCount, Error> {
    Ok(pages(memory_op::get_sharing_shared_pages(xen)?))
}

const fn pages(value: usize) -> PageCount {
    PageCount(value as u64)
}
