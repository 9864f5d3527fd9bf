//! The console's rings.
//!
//! Upstream: `xen/include/public/io/console.h`.

/// The place of free-running index `idx` in a ring of `size` bytes, a power of two: the length of
/// `xencons_interface.in_` or `out`. Below `size`, or 0 if that is 0.
///
/// `MASK_XENCONS_IDX` of `io/console.h`, which takes the size from the array.
#[must_use]
pub const fn mask_xencons_idx(idx: u32, size: usize) -> usize {
    idx as usize & size.saturating_sub(1)
}
