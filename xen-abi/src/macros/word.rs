//! Word sizes as types.

/// An unsigned integer as wide as some guest's word: `u32` or `u64`.
///
/// For the 2-level event ABI that is `xen_ulong_t`, 64 bits everywhere but on 32-bit x86; for
/// [`cr3`](super::cr3) it is the width of the guest's registers.
pub trait Word: sealed::Sealed {
    /// Its width in bits.
    const BITS: u32;
}

impl Word for u32 {
    const BITS: u32 = Self::BITS;
}

impl Word for u64 {
    const BITS: u32 = Self::BITS;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u32 {}
    impl Sealed for u64 {}
}
