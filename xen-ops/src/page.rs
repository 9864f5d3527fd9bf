//! Pages: the guest's own memory, room where a foreign frame can be mapped, and how shared bytes are
//! touched.
//!
//! Xen shares memory in units of [`PAGE_SIZE`] bytes, whatever the page size of the guest is.

use core::ptr::NonNull;

use xen_abi::xen::xen_pfn_t;

/// Bytes in a frame, on every architecture and whatever the guest's own page size.
pub const PAGE_SIZE: usize = 4096;

/// A page of the guest's own memory: what is granted to others.
///
/// # Safety
///
/// While the value lives, and until it is dropped, which may be never (a page that stays in use is
/// forgotten, so that a type which borrows its memory is no page):
///
/// - [`address`](Self::address) is the same each time, aligned to [`PAGE_SIZE`], and [`PAGE_SIZE`]
///   bytes there can be read and written;
/// - those bytes belong to this value: nothing else holds references to them or uses them;
/// - [`frame`](Self::frame) is the number under which Xen knows this memory.
#[allow(unsafe_code, reason = "others rely on what it says")]
pub unsafe trait Page {
    /// The frame number: gfn, which is the mfn in a PV guest.
    fn frame(&self) -> xen_pfn_t;

    /// Where the page's first byte is.
    fn address(&self) -> NonNull<u8>;
}

/// Room for one frame in the guest's address space: where a foreign frame is mapped.
///
/// There is no memory here that anyone relies on. Mapping a frame on a translated guest takes away
/// what was at that guest frame, and after unmapping nothing is there: reads give all ones. So a page
/// of the heap is no target; a page that was ballooned out is, and so is an unused guest frame.
///
/// # Safety
///
/// While the value lives, and until it is dropped, which may be never:
///
/// - [`host_addr`](Self::host_addr) is the same each time, and names room for one frame that nothing else uses, neither as
///   memory nor as another target;
/// - while a frame is mapped there, [`address`](Self::address) is where the CPU reaches its
///   [`PAGE_SIZE`] bytes, aligned to [`PAGE_SIZE`].
#[allow(unsafe_code, reason = "others rely on what it says")]
pub unsafe trait MapTarget {
    /// What goes into `host_addr` of a mapping, in bytes: the guest physical address in a translated
    /// guest, the virtual address in a PV guest.
    fn host_addr(&self) -> u64;

    /// Where the mapped frame's first byte is. Asked for once the frame is mapped.
    fn address(&self) -> NonNull<u8>;
}
