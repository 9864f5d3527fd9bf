//! The rings of XenStore.
//!
//! Upstream: `xen/include/public/io/xs_wire.h`.

use crate::io::xs_wire::XENSTORE_RING_SIZE;

/// The place of free-running index `idx` in one of the rings of `xenstore_domain_interface`, below
/// `XENSTORE_RING_SIZE`.
///
/// `MASK_XENSTORE_IDX` of `io/xs_wire.h`.
#[must_use]
pub const fn mask_xenstore_idx(idx: u32) -> usize {
    (idx & (XENSTORE_RING_SIZE - 1)) as usize
}
