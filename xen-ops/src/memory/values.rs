//! Questions whose answer is the hypercall's result.

#![allow(unsafe_code, reason = "makes hypercalls that read only their argument")]

use core::fmt;

use xen_abi::memory::{
    XENMEM_current_reservation, XENMEM_get_sharing_freed_pages, XENMEM_get_sharing_shared_pages,
    XENMEM_maximum_gpfn, XENMEM_maximum_ram_page, XENMEM_maximum_reservation, xen_memory_domain,
};
use xen_abi::xen::{__HYPERVISOR_memory_op, domid_t, xen_pfn_t};

use super::{Error, door};
use crate::hypercall::{Hypercall, expansion::value};
use crate::page::PAGE_SIZE;

/// A number of pages of [`PAGE_SIZE`] bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pages(pub u64);

impl Pages {
    /// The same in bytes, or `None` if that is more than 64 bits hold.
    ///
    /// ```
    /// # use xen_ops::memory::Pages;
    /// assert_eq!(Pages(2).bytes(), Some(8192));
    /// assert_eq!(Pages(u64::MAX).bytes(), None);
    /// ```
    #[must_use]
    pub const fn bytes(self) -> Option<u64> {
        self.0.checked_mul(PAGE_SIZE as u64)
    }
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pages", self.0)
    }
}

/// A machine frame that no RAM of the host is above. Upstream's header calls it the highest frame;
/// its code returns the one behind that.
///
/// `XENMEM_maximum_ram_page` of `memory.h`.
///
/// # Errors
///
/// None of Xen's own; -ENOSYS if it has no such hypercall.
pub fn maximum_ram_page<H: Hypercall + ?Sized>(xen: &H) -> Result<xen_pfn_t, Error> {
    // SAFETY: reads nothing and changes nothing.
    let value = unsafe { bare(xen, XENMEM_maximum_ram_page, "XENMEM_maximum_ram_page") }?;
    Ok(xen_pfn_t(value as _))
}

/// The pages that domain `domid` has.
///
/// `XENMEM_current_reservation` of `memory.h`.
///
/// # Errors
///
/// -ESRCH (no such domain), -EPERM (not the caller's to ask).
pub fn current_reservation<H: Hypercall + ?Sized>(xen: &H, domid: domid_t) -> Result<Pages, Error> {
    domain(xen, XENMEM_current_reservation, "XENMEM_current_reservation", domid).map(pages)
}

/// The pages that domain `domid` may have at most.
///
/// For a domain without a limit Xen keeps `u32::MAX`, which a 32-bit guest cannot tell from -EPERM.
///
/// `XENMEM_maximum_reservation` of `memory.h`.
///
/// # Errors
///
/// -ESRCH (no such domain), -EPERM (not the caller's to ask).
pub fn maximum_reservation<H: Hypercall + ?Sized>(xen: &H, domid: domid_t) -> Result<Pages, Error> {
    domain(xen, XENMEM_maximum_reservation, "XENMEM_maximum_reservation", domid).map(pages)
}

/// The highest guest frame of domain `domid` that has been in use.
///
/// `XENMEM_maximum_gpfn` of `memory.h`.
///
/// # Errors
///
/// -ESRCH (no such domain), -EPERM (not the caller's to ask).
pub fn maximum_gpfn<H: Hypercall + ?Sized>(xen: &H, domid: domid_t) -> Result<xen_pfn_t, Error> {
    let value = domain(xen, XENMEM_maximum_gpfn, "XENMEM_maximum_gpfn", domid)?;
    Ok(xen_pfn_t(value as _))
}

/// The pages of the host that sharing between domains has saved; 0 on Arm.
///
/// `XENMEM_get_sharing_freed_pages` of `memory.h`.
///
/// # Errors
///
/// -ENOSYS if Xen has no such operation.
pub fn sharing_freed_pages<H: Hypercall + ?Sized>(xen: &H) -> Result<Pages, Error> {
    let name = "XENMEM_get_sharing_freed_pages";
    // SAFETY: reads nothing and changes nothing.
    unsafe { bare(xen, XENMEM_get_sharing_freed_pages, name) }.map(pages)
}

/// The pages of the host that several domains share; 0 on Arm.
///
/// `XENMEM_get_sharing_shared_pages` of `memory.h`.
///
/// # Errors
///
/// -ENOSYS if Xen has no such operation.
pub fn sharing_shared_pages<H: Hypercall + ?Sized>(xen: &H) -> Result<Pages, Error> {
    let name = "XENMEM_get_sharing_shared_pages";
    // SAFETY: reads nothing and changes nothing.
    unsafe { bare(xen, XENMEM_get_sharing_shared_pages, name) }.map(pages)
}

const fn pages(value: usize) -> Pages {
    Pages(value as u64)
}

/// # Safety
///
/// The operation has no argument and changes nothing.
unsafe fn bare<H>(xen: &H, operation: u32, name: &'static str) -> Result<usize, Error>
where
    H: Hypercall + ?Sized,
{
    // SAFETY: the caller's promise.
    let result = unsafe { xen.call2(__HYPERVISOR_memory_op, [operation as usize, 0]) };
    Ok(value(name, result)?)
}

fn domain<H>(xen: &H, operation: u32, name: &'static str, domid: domid_t) -> Result<usize, Error>
where
    H: Hypercall + ?Sized,
{
    let mut argument = xen_memory_domain { domid };
    // SAFETY: the operations that come here read this argument and change nothing.
    let result = unsafe { door::call(xen, operation, &mut argument) };
    Ok(value(name, result)?)
}
