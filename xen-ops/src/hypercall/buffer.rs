//! Memory that a hypercall reads and writes.

#![allow(unsafe_code, reason = "vouches for borrowed memory")]

use core::fmt;
use core::marker::PhantomData;

use xen_abi::Errno;

use super::__private::Handle;
use super::Hypercall;

/// Memory that the hypervisor is to reach during a hypercall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferDesc {
    /// Where the caller has it.
    pub address: usize,
    /// Bytes in it.
    pub length: usize,
    /// Whether the hypervisor may write there; it may read in any case.
    pub is_written: bool,
}

/// A value or a slice that is lent to the hypervisor for a hypercall, and given back when this is
/// dropped.
///
/// The typed wrappers lend what their operations take, by themselves. Lists behind handles in a
/// structure that the caller fills are lent by the caller:
///
/// ```
/// # use xen_ops::backend::Script;
/// # use xen_ops::hypercall::HypercallBuffer;
/// # use xen_ops::xen_abi::{GuestHandle, xen::xen_pfn_t};
/// # let xen = unsafe { Script::new(&[]) };
/// let frames = [xen_pfn_t(1), xen_pfn_t(2)];
/// let lent = HypercallBuffer::to_read(&xen, &frames[..])?;
/// let handle: GuestHandle<xen_pfn_t> = lent.handle();
/// # assert_eq!(handle, GuestHandle::from_slice(&frames));
/// # Ok::<(), xen_ops::xen_abi::Errno>(())
/// ```
///
/// If it is never dropped the backend misses for ever what it took to lend the memory.
#[must_use = "dropping it gives the memory back"]
pub struct HypercallBuffer<'a, H: Hypercall + ?Sized, T: ?Sized> {
    xen: &'a H,
    memory: BufferDesc,
    address: usize,
    borrow: PhantomData<&'a mut T>,
}

/// What can be lent for reading: values and slices of what is `Copy`.
///
/// A backend may copy what it lends while others look at it, so nothing of it may change behind a shared
/// reference, as atomics and cells do. Those are not `Copy`.
///
/// ```compile_fail,E0277
/// # use core::sync::atomic::AtomicU32;
/// # use xen_ops::hypercall::{Hypercall, HypercallBuffer};
/// fn bounce_in(xen: &impl Hypercall, counter: &AtomicU32) {
///     let _ = HypercallBuffer::to_read(xen, counter);
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` may change while it is lent for reading",
    label = "not `Copy`, nor a slice of what is",
    note = "what can be lent for reading is `T` and `[T]` where `T: Copy`"
)]
pub trait Readable: sealed::Sealed {}

impl<T: Copy> Readable for T {}
impl<T: Copy> Readable for [T] {}

mod sealed {
    pub trait Sealed {}

    impl<T: Copy> Sealed for T {}
    impl<T: Copy> Sealed for [T] {}
}

impl<'a, H: Hypercall + ?Sized, T: ?Sized> HypercallBuffer<'a, H, T> {
    /// Lends `object` for the hypervisor to read.
    ///
    /// # Errors
    ///
    /// What the backend says if it cannot: see [`Hypercall::bounce_in`].
    #[inline]
    pub fn to_read(xen: &'a H, object: &'a T) -> Result<Self, Errno>
    where
        T: Readable,
    {
        let (address, length) = (core::ptr::from_ref(object), size_of_val(object));
        Self::new(xen, address.expose_provenance(), length, false)
    }

    /// Lends `object` for the hypervisor to read and write.
    ///
    /// # Errors
    ///
    /// What the backend says if it cannot: see [`Hypercall::bounce_in`].
    #[inline]
    pub fn to_write(xen: &'a H, object: &'a mut T) -> Result<Self, Errno> {
        let length = size_of_val(object);
        Self::new(xen, core::ptr::from_mut(object).expose_provenance(), length, true)
    }

    #[inline]
    fn new(xen: &'a H, address: usize, length: usize, is_written: bool) -> Result<Self, Errno> {
        let memory = BufferDesc { address, length, is_written };
        // SAFETY: the memory is borrowed, for writing if it is written, until it has been given back.
        let address = unsafe { xen.bounce_in(memory) }?;
        Ok(Self { xen, memory, address, borrow: PhantomData })
    }

    /// Where the hypervisor finds it.
    #[inline]
    #[must_use]
    pub fn address(&self) -> usize {
        self.address
    }
}

impl<H: Hypercall + ?Sized, T> HypercallBuffer<'_, H, [T]> {
    /// The handle by which the hypervisor finds the elements.
    #[inline]
    #[must_use]
    pub fn handle<G: Handle<Element = T>>(&self) -> G {
        G::to(self.address)
    }

    /// The same, for a member that does not say what it is a handle to.
    #[inline]
    #[must_use]
    pub fn untyped_handle<G: Handle>(&self) -> G {
        G::to(self.address)
    }
}

impl<H: Hypercall + ?Sized, T: ?Sized> Drop for HypercallBuffer<'_, H, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: it was lent to this address, and is borrowed still.
        unsafe { self.xen.bounce_out(self.memory, self.address) };
    }
}

impl<H: Hypercall + ?Sized, T: ?Sized> fmt::Debug for HypercallBuffer<'_, H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory, address, .. } = self;
        f.debug_struct("HypercallBuffer").field("memory", memory).field("address", address).finish()
    }
}
