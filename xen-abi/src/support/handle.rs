//! Guest handles: addresses in the guest's memory, as the hypervisor reads them.
//!
//! Upstream: `XEN_GUEST_HANDLE` in `xen/include/public/arch-*`. An address crosses the ABI as an
//! integer, pointer-wide on x86 and 64 bits on Arm; the type parameter says what lies there.

use core::fmt;
use core::marker::PhantomData;

use crate::support::int::align8;

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident, $storage:ty, $int:ty) => {
        $(#[$doc])*
        #[cfg_attr(
            feature = "zerocopy",
            derive(
                zerocopy::FromBytes,
                zerocopy::IntoBytes,
                zerocopy::KnownLayout,
                zerocopy::Immutable
            )
        )]
        #[repr(transparent)]
        pub struct $name<T>($storage, PhantomData<fn() -> T>);

        // SAFETY: transparent over an integer.
        #[allow(unsafe_code, reason = "states a fact about a transparent wrapper")]
        unsafe impl<T: 'static> crate::support::plain::Plain for $name<T> {}
        crate::support::plain::byte_valued! { $name<T> }

        impl<T> $name<T> {
            /// The handle that points nowhere.
            pub const NULL: Self = Self(crate::support::plain::zeroed(), PhantomData);

            /// A handle to the address `addr`, in bytes.
            #[must_use]
            pub fn from_addr(addr: $int) -> Self {
                Self(addr.into(), PhantomData)
            }

            /// The address, in bytes.
            #[must_use]
            pub fn addr(self) -> $int {
                self.0.into()
            }

            /// Whether it points nowhere.
            #[must_use]
            pub fn is_null(self) -> bool {
                self.addr() == 0
            }

            /// The same address with something else there.
            #[must_use]
            pub fn cast<U>(self) -> $name<U> {
                $name(self.0, PhantomData)
            }
        }

        // By hand, since deriving would ask the same of T.
        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<T> Copy for $name<T> {}

        impl<T> PartialEq for $name<T> {
            fn eq(&self, other: &Self) -> bool {
                self.addr() == other.addr()
            }
        }

        impl<T> Eq for $name<T> {}

        impl<T> Default for $name<T> {
            fn default() -> Self {
                Self::NULL
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.addr())
            }
        }
    };
}

/// Handles made from Rust's own memory, where an address fits.
macro_rules! from_memory {
    ($name:ident, $int:ty) => {
        /// Handles to Rust's own memory. A handle does not borrow. The caller of the hypercall that
        /// uses it must keep the memory alive and free of other writers until the call returns.
        impl<T> $name<T> {
            /// A handle to one value that the hypervisor reads.
            #[must_use]
            pub fn from_ref(value: &T) -> Self {
                Self::from_addr(core::ptr::from_ref(value).expose_provenance() as $int)
            }

            /// A handle to one value that the hypervisor writes.
            #[must_use]
            pub fn from_mut(value: &mut T) -> Self {
                Self::from_addr(core::ptr::from_mut(value).expose_provenance() as $int)
            }

            /// A handle to the first of several values that the hypervisor reads.
            #[must_use]
            pub fn from_slice(values: &[T]) -> Self {
                Self::from_addr(values.as_ptr().expose_provenance() as $int)
            }

            /// A handle to the first of several values that the hypervisor writes.
            #[must_use]
            pub fn from_mut_slice(values: &mut [T]) -> Self {
                Self::from_addr(values.as_mut_ptr().expose_provenance() as $int)
            }
        }
    };
}

handle! {
    /// A guest handle of 32 bits: 32-bit x86.
    GuestHandle32, u32, u32
}
handle! {
    /// A guest handle of 64 bits, aligned to 8 bytes: 64-bit x86, both Arms, and everywhere a header
    /// says `XEN_GUEST_HANDLE_64`.
    GuestHandle64, align8::u64, u64
}

from_memory!(GuestHandle64, u64);
#[cfg(target_pointer_width = "32")]
from_memory!(GuestHandle32, u32);

/// `XEN_GUEST_HANDLE` of the architecture this is compiled for.
#[cfg(target_arch = "x86")]
pub type GuestHandle<T> = GuestHandle32<T>;
/// `XEN_GUEST_HANDLE` of the architecture this is compiled for.
#[cfg(not(target_arch = "x86"))]
pub type GuestHandle<T> = GuestHandle64<T>;

/// A pointer of C's on the architecture this is compiled for, as an integer: what `linux` has where
/// its structures point to memory.
#[cfg(any(target_arch = "arm", target_arch = "x86"))]
pub type PointerHandle<T> = GuestHandle32<T>;
/// A pointer of C's on the architecture this is compiled for, as an integer: what `linux` has where
/// its structures point to memory.
#[cfg(not(any(target_arch = "arm", target_arch = "x86")))]
pub type PointerHandle<T> = GuestHandle64<T>;
