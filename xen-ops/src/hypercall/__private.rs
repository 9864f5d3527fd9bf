//! What the expansion of `hypercalls!` uses. Not a public interface.

#![allow(unsafe_code, reason = "casts between the states of one transparent type")]

use xen_abi::{Errno, GrantStatus, GuestHandle64, Plain};

use super::{Error, Hypercall, HypercallBuffer};

/// The result of a hypercall with bounced buffers, or the backend's reason if it cannot bounce one.
#[inline]
pub fn bouncing(call: impl FnOnce() -> Result<isize, Errno>) -> isize {
    call().unwrap_or_else(|errno| (errno.0 as isize).wrapping_neg())
}

/// A number of elements, limited to what Xen reads of it. Xen does not go past that.
#[inline]
#[must_use]
pub fn saturated(length: usize) -> usize {
    length.min(u32::MAX as usize)
}

/// A guest handle of either width.
#[diagnostic::on_unimplemented(
    message = "the member of type `{Self}` is no guest handle, so no slice can be given for it",
    label = "a slice is given for this member",
    note = "`name: [type]` in a row is for members of type `GuestHandle<type>`"
)]
pub trait Handle {
    /// The type of the elements at the address.
    type Element;

    /// The handle to `address`.
    fn to(address: usize) -> Self;
}

impl<T> Handle for GuestHandle64<T> {
    type Element = T;

    #[inline]
    fn to(address: usize) -> Self {
        Self::from_addr(address as u64)
    }
}

#[cfg(target_pointer_width = "32")]
impl<T> Handle for xen_abi::GuestHandle32<T> {
    type Element = T;

    #[inline]
    fn to(address: usize) -> Self {
        Self::from_addr(address as u32)
    }
}

/// A member that holds the number of a slice's elements.
#[diagnostic::on_unimplemented(
    message = "the member of type `{Self}` cannot hold the number of a slice's elements",
    label = "`counted by` names this member",
    note = "a number of elements is a `u16`, `u32` or `u64`"
)]
pub trait Length {
    /// The length, limited to what the member can hold. The hypervisor does not go past that.
    fn of(length: usize) -> Self;
}

macro_rules! length {
    ($($int:ty),*) => {$(
        impl Length for $int {
            #[inline]
            fn of(length: usize) -> Self {
                <$int>::try_from(length).unwrap_or(<$int>::MAX)
            }
        }
    )*};
}
length!(u16, u32, u64);

#[cfg(target_arch = "x86")]
impl Length for xen_abi::int::align8::u64 {
    #[inline]
    fn of(length: usize) -> Self {
        Self::new(length as u64)
    }
}

/// An argument that a register holds.
#[diagnostic::on_unimplemented(
    message = "an argument of type `{Self}` does not fit a register",
    label = "is passed in a register",
    note = "integers and domain numbers do; what lies in memory is `&type`, `&mut type` or `[type]`"
)]
pub trait Register {
    /// The register's bits: a signed number is extended by its sign.
    fn of(self) -> usize;
}

macro_rules! register {
    ($($int:ty),*) => {$(
        impl Register for $int {
            #[inline]
            fn of(self) -> usize {
                self as usize
            }
        }
    )*};
}
register!(u8, u16, u32, u64, usize, i32, i64, isize);

impl Register for xen_abi::xen::domid_t {
    #[inline]
    fn of(self) -> usize {
        usize::from(self.0)
    }
}

/// A structure that describes a buffer, in a list of buffers.
pub trait BufferEntry {
    /// The entry of a buffer at an address of the hypervisor's.
    fn of(address: usize, length: usize) -> Self;
}

#[cfg(feature = "device-model")]
impl BufferEntry for xen_abi::hvm::dm_op::xen_dm_op_buf {
    #[inline]
    fn of(address: usize, length: usize) -> Self {
        Self { h: Handle::to(address), size: length as _ }
    }
}

/// A batch's element before the call.
///
/// # Safety
///
/// It is transparent over `Argument`, and so is `Done`.
pub unsafe trait Element {
    /// Upstream's structure.
    type Argument: Plain;
    /// The element after the call.
    type Done;
}

/// A buffer of elements, for the hypervisor to write. What is in them is plain.
///
/// # Errors
///
/// As [`HypercallBuffer::to_write`].
#[inline]
pub fn written<'a, H: Hypercall + ?Sized, E: Element>(
    xen: &'a H,
    elements: &'a mut [E],
) -> Result<HypercallBuffer<'a, H, [E]>, Errno> {
    HypercallBuffer::written(xen, elements)
}

/// The elements after the call.
#[inline]
pub fn done<E: Element>(elements: &mut [E]) -> &mut [E::Done] {
    let length = elements.len();
    // SAFETY: both are transparent over one plain structure; the whole borrow is converted.
    unsafe { core::slice::from_raw_parts_mut(elements.as_mut_ptr().cast(), length) }
}

/// Result of a call whose convention is `errno`: 0 or an error number.
#[inline]
pub fn errno(operation: &'static str, result: isize) -> Result<(), Error> {
    if result == 0 { Ok(()) } else { Err(Error::from_result(operation, result)) }
}

/// Result of a single call that leaves a grant status in its argument.
#[inline]
pub fn status(operation: &'static str, result: isize, status: GrantStatus) -> Result<(), Error> {
    errno(operation, result)?;
    if status.is_okay() { Ok(()) } else { Err(Error::from_status(operation, status)) }
}

/// Result of a call that returns how many of `asked` elements were done, and never an error number
/// for a failure of one.
#[inline]
pub fn count(operation: &'static str, result: isize, asked: usize) -> Result<usize, Error> {
    match usize::try_from(result) {
        Ok(done) if done <= asked => Ok(done),
        _ => Err(Error::from_result(operation, result)),
    }
}

/// Result of a call that returns a value that is not negative, or an error number.
#[inline]
pub fn value(operation: &'static str, result: isize) -> Result<usize, Error> {
    usize::try_from(result).map_err(|_| Error::from_result(operation, result))
}
