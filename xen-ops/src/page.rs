//! Pages of the guest's own memory, and places where a granted frame can be mapped.
//!
//! Xen shares memory in units of [`PAGE_SIZE`] bytes, whatever the page size of the guest is.

use core::fmt;
use core::ptr::NonNull;

use xen_abi::xen::{domid_t, xen_pfn_t};

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
///
/// So the memory is outside the value, which is moved. A type that is itself aligned to [`PAGE_SIZE`] or
/// more does not compile, and some compilers would move it wrongly:
///
/// ```compile_fail,E0080
/// # #![allow(unsafe_code)]
/// # use core::ptr::NonNull;
/// # use xen_ops::xen_abi::xen::xen_pfn_t;
/// # use xen_ops::{DomainId, Page, ReadWrite, gnttab::FreeRef};
/// #[repr(align(4096))]
/// struct Inside([u8; 4096]);
/// // SAFETY: none, as its address changes when it is moved.
/// unsafe impl Page for Inside {
///     fn frame(&self) -> xen_pfn_t {
///         xen_pfn_t(7)
///     }
///
///     fn address(&self) -> NonNull<u8> {
///         NonNull::from(&self.0).cast()
///     }
/// }
///
/// fn grant(free: FreeRef<'_, Inside>, peer: DomainId, page: Inside) {
///     let _ = free.grant(peer, page, ReadWrite);
/// }
/// # fn main() { let _: fn(FreeRef<'_, Inside>, DomainId, Inside) = grant; }
/// ```
#[allow(unsafe_code, reason = "an implementation makes promises")]
pub unsafe trait Page {
    /// The frame number: gfn, which is the mfn in a PV guest.
    fn frame(&self) -> xen_pfn_t;

    /// The address of the page's first byte.
    fn address(&self) -> NonNull<u8>;

    /// The domain that it belongs to, if the program has several: a table of another domain then refuses
    /// it. By default there is one domain, and nothing is compared.
    #[inline]
    fn owner(&self) -> Option<Owner> {
        None
    }

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
///
/// As of a [`Page`], the memory is outside the value, and a type that is itself aligned to [`PAGE_SIZE`]
/// does not compile.
#[allow(unsafe_code, reason = "an implementation makes promises")]
pub unsafe trait MapTarget {
    /// The `host_addr` of a mapping, in bytes: the guest physical address in a translated guest, the
    /// virtual address in a PV guest.
    fn host_addr(&self) -> u64;

    /// The address of the mapped frame's first byte. Called once the frame is mapped.
    fn address(&self) -> NonNull<u8>;

    /// The domain in whose address space it is, if the program has several: another domain's
    /// [`Hypercall`](crate::Hypercall) then maps nothing there. By default there is one domain, and nothing
    /// is compared.
    #[inline]
    fn owner(&self) -> Option<Owner> {
        None
    }
}

/// A domain, among several in one program: which pages, targets and tables belong together. A kernel has
/// one domain and does not need it; the simulator has many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Any number that no other machine of the program has, such as an address.
    pub machine: usize,
    /// The domain's id there.
    pub domid: domid_t,
}

impl Owner {
    /// Whether something of `other` does not belong to this domain: if both are known, and differ.
    #[inline]
    pub(crate) fn is_foreign(own: impl FnOnce() -> Option<Self>, other: Option<Self>) -> bool {
        match other {
            None => false,
            Some(other) => own().is_some_and(|own| own != other),
        }
    }
}

/// Compiles only for types that can be moved: not for those that are aligned to a page or more.
///
/// A page and a target name memory elsewhere. Memory in them would move with them, without the peer.
/// And LLVM, as of rustc 1.95, compiles wrongly a function of which one path returns at once and another
/// has a local variable of such an alignment: the registers that it restores have not been saved.
pub(crate) const fn check_is_movable<T>() {
    const {
        assert!(
            align_of::<T>() < PAGE_SIZE,
            "a page or target is moved, so its memory must be outside: use a pointer or a box"
        );
    }
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
