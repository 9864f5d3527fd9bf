//! 64-bit integers with the alignment of one architecture, on every host.
//!
//! The i386 ABI aligns them to four bytes, all others to eight. On a host that agrees the type is
//! the primitive itself; elsewhere it is a wrapper: in modules of foreign architectures, and for
//! `uint64_aligned_t` on 32-bit x86.

/// Alignment 8.
pub mod align8 {
    #[cfg(not(target_arch = "x86"))]
    mod host {
        /// A 64-bit unsigned integer aligned to 8 bytes.
        pub type u64 = core::primitive::u64;
        /// A 64-bit signed integer aligned to 8 bytes.
        pub type i64 = core::primitive::i64;
    }
    #[cfg(target_arch = "x86")]
    mod host {
        super::super::wrapper!(u64, "unsigned", #[repr(C, align(8))], core::primitive::u64);
        super::super::wrapper!(i64, "signed", #[repr(C, align(8))], core::primitive::i64);
    }
    pub use host::{i64, u64};
}

/// Alignment 4.
pub mod align4 {
    #[cfg(target_arch = "x86")]
    mod host {
        /// A 64-bit unsigned integer aligned to 4 bytes.
        pub type u64 = core::primitive::u64;
        /// A 64-bit signed integer aligned to 4 bytes.
        pub type i64 = core::primitive::i64;
    }
    #[cfg(not(target_arch = "x86"))]
    mod host {
        super::super::wrapper!(u64, "unsigned", #[repr(C, packed(4))], core::primitive::u64);
        super::super::wrapper!(i64, "signed", #[repr(C, packed(4))], core::primitive::i64);
    }
    pub use host::{i64, u64};
}

#[allow(unused_macros, reason = "each host needs it for one of the two alignments")]
macro_rules! wrapper {
    ($name:ident, $sign:literal, #[$repr:meta], $inner:ty) => {
        #[doc = concat!("A 64-bit ", $sign, " integer with a foreign architecture's alignment.")]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(
            feature = "zerocopy",
            derive(
                zerocopy::FromBytes,
                zerocopy::IntoBytes,
                zerocopy::KnownLayout,
                zerocopy::Immutable
            )
        )]
        #[$repr]
        pub struct $name($inner);

        impl $name {
            /// Wraps a value.
            #[must_use]
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// The value.
            #[must_use]
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                // Read first: it may be packed.
                core::fmt::Display::fmt(&self.get(), f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }

        impl From<$name> for $inner {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        // SAFETY: a 64-bit integer of any alignment: no padding, no invalid pattern.
        #[allow(unsafe_code, reason = "states a fact about an integer")]
        unsafe impl $crate::support::plain::Plain for $name {}
        $crate::support::plain::byte_valued! { $name }
    };
}
#[allow(unused_imports, reason = "each host needs it for one of the two alignments")]
pub(crate) use wrapper;
