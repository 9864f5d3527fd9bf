//! Pages of the guest's own memory, and places where a granted frame can be mapped.
//!
//! Xen shares memory in units of [`PAGE_SIZE`] bytes, whatever the page size of the guest is.

use core::fmt;
use core::ptr::NonNull;

use xen_abi::xen::xen_pfn_t;

use crate::view::{ReadWrite, View};

#[doc(inline)]
pub use crate::page_size::PAGE_SIZE;

/// A page of the guest's own memory, which can be granted.
///
/// # Safety
///
/// Until the value is dropped, which may be never (a page that stays in use is leaked, so a type that
/// borrows its memory cannot be a page):
///
/// - [`address`](Self::address) is the same each time, aligned to [`PAGE_SIZE`], and [`PAGE_SIZE`]
///   bytes there can be read and written;
/// - those bytes belong to this value: nothing else holds references to them or uses them, and the
///   type itself accesses them only as [`View`] does;
/// - [`frame`](Self::frame) is the frame number of this memory.
#[allow(unsafe_code, reason = "an implementation makes promises")]
pub unsafe trait Page {
    /// The frame number: gfn, which is the mfn in a PV guest.
    fn frame(&self) -> xen_pfn_t;

    /// The address of the page's first byte.
    fn address(&self) -> NonNull<u8>;

    /// The page's bytes.
    fn view(&self) -> View<'_, ReadWrite> {
        #[allow(unsafe_code, reason = "relies on the trait's promise")]
        // SAFETY: the bytes belong to this value, which is borrowed for as long as the view; they are
        // accessed through views only.
        unsafe {
            View::new(self.address())
        }
    }
}

/// A place for one frame in the guest's address space, where a granted frame can be mapped.
///
/// It holds no memory that anything relies on. Mapping a frame in a translated guest removes what was
/// at that guest frame, and after unmapping nothing is there: reads return all ones. So a page of the
/// heap cannot be a target; a page that was ballooned out can, and so can an unused guest frame.
///
/// # Safety
///
/// Until the value is dropped, which may be never:
///
/// - [`host_addr`](Self::host_addr) is the same each time, and names a place for one frame that nothing
///   else uses, neither as memory nor as another target;
/// - while a frame is mapped there, [`address`](Self::address) is where the CPU reaches its
///   [`PAGE_SIZE`] bytes, aligned to [`PAGE_SIZE`].
#[allow(unsafe_code, reason = "an implementation makes promises")]
pub unsafe trait MapTarget {
    /// The `host_addr` of a mapping, in bytes: the guest physical address in a translated guest, the
    /// virtual address in a PV guest.
    fn host_addr(&self) -> u64;

    /// The address of the mapped frame's first byte. Called once the frame is mapped.
    fn address(&self) -> NonNull<u8>;
}

/// An allocator is exhausted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the allocator is exhausted: drop what it allocated before")
    }
}

impl core::error::Error for Exhausted {}

/// A frame number, which has 32 bits on 32-bit x86 only.
#[allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "64 or 32 bits wide")]
#[inline]
pub(crate) const fn pfn_to_u64(frame: xen_pfn_t) -> u64 {
    frame.0 as u64
}
