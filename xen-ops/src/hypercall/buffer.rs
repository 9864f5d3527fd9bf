//! Memory that a hypercall reads and writes.

#![allow(unsafe_code, reason = "vouches for borrowed memory")]

use core::fmt;
use core::marker::PhantomData;

use xen_abi::{Errno, Plain};

use super::__private::{BufferEntry, Handle};
use super::Hypercall;

/// Memory that a hypercall reads, and may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferDesc {
    /// Its address for the caller.
    pub address: usize,
    /// Bytes in it.
    pub length: usize,
    /// Whether the hypervisor may write there; it may read in any case.
    pub is_written: bool,
}

/// A value or a slice in memory that the hypervisor can reach. Dropping it copies out what the
/// hypervisor wrote.
///
/// The typed wrappers make one for each argument that they take. For a list that a structure of the
/// caller's points to, the caller makes one:
///
/// ```
/// # use xen_ops::backend::Script;
/// # use xen_ops::hypercall::HypercallBuffer;
/// # use xen_ops::xen_abi::{GuestHandle, xen::xen_pfn_t};
/// # let xen = unsafe { Script::new(&[]) };
/// let frames = [xen_pfn_t(1), xen_pfn_t(2)];
/// let buffer = HypercallBuffer::to_read(&xen, &frames[..])?;
/// let handle: GuestHandle<xen_pfn_t> = buffer.handle();
/// # assert_eq!(handle, GuestHandle::from_slice(&frames));
/// # Ok::<(), xen_ops::xen_abi::Errno>(())
/// ```
///
/// A buffer that is never dropped leaks the backend's memory.
#[must_use = "dropping it ends the hypervisor's access"]
pub struct HypercallBuffer<'a, H: Hypercall + ?Sized, T: ?Sized> {
    xen: &'a H,
    desc: BufferDesc,
    address: usize,
    borrow: PhantomData<&'a mut T>,
}

/// What a buffer for reading can hold: values and slices of what is `Copy`.
///
/// A backend may copy the buffer while other threads read it, so no part of it may change through a
/// shared reference. Atomics and cells can change like that, and are not `Copy`.
///
/// ```compile_fail,E0277
/// # use core::sync::atomic::AtomicU32;
/// # use xen_ops::hypercall::{Hypercall, HypercallBuffer};
/// fn bounce_in(xen: &impl Hypercall, counter: &AtomicU32) {
///     let _ = HypercallBuffer::to_read(xen, counter);
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` may change while the hypervisor reads it",
    label = "not `Copy`, nor a slice of what is",
    note = "a hypercall can read `T` and `[T]` where `T: Copy`"
)]
pub trait Readable: sealed::Sealed {}

impl<T: Copy> Readable for T {}
impl<T: Copy> Readable for [T] {}

/// What a buffer for writing can hold: values and slices of what is [`Plain`].
///
/// The hypervisor writes any bytes there, and a backend copies them back; so every pattern of bytes must
/// be a value.
///
/// ```compile_fail,E0277
/// # use xen_ops::hypercall::{Hypercall, HypercallBuffer};
/// fn bounce_in(xen: &impl Hypercall, flag: &mut bool) {
///     let _ = HypercallBuffer::to_write(xen, flag);
/// }
/// ```
///
/// # Safety
///
/// Every pattern of bytes is a value of the type.
#[allow(unsafe_code, reason = "`to_write` relies on it")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` may have no value for what the hypervisor writes",
    label = "not `Plain`, nor a slice of what is",
    note = "a hypercall can write `T` and `[T]` where `T: Plain`"
)]
pub unsafe trait Writable {}

// SAFETY: what the trait `Plain` promises.
#[allow(unsafe_code, reason = "states a fact about plain types")]
unsafe impl<T: Plain> Writable for T {}
// SAFETY: what the trait `Plain` promises, of each element.
#[allow(unsafe_code, reason = "states a fact about plain types")]
unsafe impl<T: Plain> Writable for [T] {}

mod sealed {
    pub trait Sealed {}

    impl<T: Copy> Sealed for T {}
    impl<T: Copy> Sealed for [T] {}
}

impl<'a, H: Hypercall + ?Sized, T: ?Sized> HypercallBuffer<'a, H, T> {
    /// A buffer for the hypervisor to read.
    ///
    /// # Errors
    ///
    /// The backend's reason if it cannot bounce `object`: see [`Hypercall::bounce_in`].
    #[inline]
    pub fn to_read(xen: &'a H, object: &'a T) -> Result<Self, Errno>
    where
        T: Readable,
    {
        let (address, length) = (core::ptr::from_ref(object), size_of_val(object));
        Self::new(xen, address.expose_provenance(), length, false)
    }

    /// A buffer for the hypervisor to read and write.
    ///
    /// # Errors
    ///
    /// The backend's reason if it cannot bounce `object`: see [`Hypercall::bounce_in`].
    #[inline]
    pub fn to_write(xen: &'a H, object: &'a mut T) -> Result<Self, Errno>
    where
        T: Writable,
    {
        Self::written(xen, object)
    }

    /// A buffer of which the caller knows that every pattern of bytes is a value.
    #[inline]
    pub(super) fn written(xen: &'a H, object: &'a mut T) -> Result<Self, Errno> {
        let length = size_of_val(object);
        Self::new(xen, core::ptr::from_mut(object).expose_provenance(), length, true)
    }

    #[inline]
    fn new(xen: &'a H, address: usize, length: usize, is_written: bool) -> Result<Self, Errno> {
        let desc = BufferDesc { address, length, is_written };
        // SAFETY: the memory is borrowed, mutably if it is written, until it is bounced out.
        let address = unsafe { xen.bounce_in(desc) }?;
        Ok(Self { xen, desc, address, borrow: PhantomData })
    }

    /// Its address for the hypervisor.
    #[inline]
    #[must_use]
    pub fn address(&self) -> usize {
        self.address
    }

    /// What describes it in a list of buffers.
    #[doc(hidden)]
    #[inline]
    #[must_use]
    pub fn entry<E: BufferEntry>(&self) -> E {
        E::of(self.address, self.desc.length)
    }
}

impl<H: Hypercall + ?Sized, T> HypercallBuffer<'_, H, [T]> {
    /// The guest handle to the elements.
    #[inline]
    #[must_use]
    pub fn handle<G: Handle<Element = T>>(&self) -> G {
        G::to(self.address)
    }

    /// The guest handle to the elements, for a member whose type is a handle to something else.
    #[inline]
    #[must_use]
    pub fn untyped_handle<G: Handle>(&self) -> G {
        G::to(self.address)
    }
}

impl<H: Hypercall + ?Sized, T: ?Sized> Drop for HypercallBuffer<'_, H, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: it was bounced to this address, and is still borrowed.
        unsafe { self.xen.bounce_out(self.desc, self.address) };
    }
}

impl<H: Hypercall + ?Sized, T: ?Sized> fmt::Debug for HypercallBuffer<'_, H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { desc, address, .. } = self;
        f.debug_struct("HypercallBuffer").field("desc", desc).field("address", address).finish()
    }
}
