//! Shared rings: sizes, and how far the free-running indices are apart.
//!
//! Upstream: `xen/include/public/io/ring.h`. Its macros work on a ring end's private structure, which
//! is no part of the ABI; these functions take the indices out of it. Indices count up and wrap at
//! 2^32; a ring's size is a power of two. `size` is in entries, and in bytes for the byte rings whose
//! functions start with `flex_`.
//!
//! An index that the peer wrote must be read once, into a local variable, and checked there.

use super::FRAME_SIZE;

/// Bytes in front of the first entry: `offsetof(struct *_sring, ring)`, the same for every ring.
pub const HEADER_SIZE: u32 = 64;

#[cfg(feature = "io")]
const _: () = assert!(core::mem::offset_of!(crate::io::blkif::blkif_sring, ring) == 64);

/// The largest power of two not above `n`; 0 for 0.
///
/// `__RD32` of `io/ring.h`.
#[inline]
#[must_use]
pub const fn round_down_pow2(n: u32) -> u32 {
    if n == 0 { 0 } else { 1 << n.ilog2() }
}

/// Entries of `entry_size` bytes in a shared ring of `bytes` bytes, its header included: as many as
/// fit, rounded down to a power of two. 0 if none fits or an entry has no size, where C divides by
/// zero or wraps around.
///
/// `__RING_SIZE` of `io/ring.h`.
///
/// ```
/// # use xen_abi::macros::ring::ring_size;
/// assert_eq!(ring_size(4096, 112), 32); // a page of blkif
/// ```
#[inline]
#[must_use]
pub const fn ring_size(bytes: u32, entry_size: u32) -> u32 {
    match bytes.saturating_sub(HEADER_SIZE).checked_div(entry_size) {
        Some(entries) => round_down_pow2(entries),
        None => 0,
    }
}

/// [`ring_size`] for entries of type `E`, such as `blkif_sring_entry`.
///
/// `__CONST_RING_SIZE` of `io/ring.h`.
///
/// ```
/// # use xen_abi::macros::ring::const_ring_size;
/// assert_eq!(const_ring_size::<[u32; 28]>(2 * 4096), 64); // two pages of blkif
/// ```
#[inline]
#[must_use]
pub const fn const_ring_size<E>(bytes: u32) -> u32 {
    let entry_size = size_of::<E>();
    // No entry so large fits: the cast below would cut it.
    if entry_size > bytes as usize { 0 } else { ring_size(bytes, entry_size as u32) }
}

/// The place of the entry with free-running index `index` in a ring of `size` entries: what
/// `RING_GET_REQUEST` and `RING_GET_RESPONSE` of `io/ring.h` index with. Below `size`, or 0 if that
/// is 0.
#[inline]
#[must_use]
pub const fn slot(index: u32, size: u32) -> u32 {
    index & size.saturating_sub(1)
}

/// Requests a front end may still put in: `size` less those without a consumed response. 0 where the
/// indices are further apart than the ring is long, where C wraps around.
///
/// `RING_FREE_REQUESTS` of `io/ring.h`.
///
/// ```
/// # use xen_abi::macros::ring::free_requests;
/// assert_eq!(free_requests(32, 5, u32::MAX - 1), 25); // 7 on their way across the wrap
/// ```
#[inline]
#[must_use]
pub const fn free_requests(size: u32, req_prod_pvt: u32, rsp_cons: u32) -> u32 {
    size.saturating_sub(req_prod_pvt.wrapping_sub(rsp_cons))
}

/// Whether a front end must wait for a response before its next request.
///
/// `RING_FULL` of `io/ring.h`, which takes a ring that is over-full for one that is not.
#[inline]
#[must_use]
pub const fn ring_full(size: u32, req_prod_pvt: u32, rsp_cons: u32) -> bool {
    free_requests(size, req_prod_pvt, rsp_cons) == 0
}

/// Requests a back end can take: those the peer's `req_prod` announces, but no more than the ring can
/// hold beside the `req_cons - rsp_prod_pvt` that are taken and not answered.
///
/// `XEN_RING_NR_UNCONSUMED_REQUESTS` of `io/ring.h`.
///
/// ```
/// # use xen_abi::macros::ring::nr_unconsumed_requests;
/// assert_eq!(nr_unconsumed_requests(32, 10, 4, 2), 6);
/// // A peer that claims too much is held to the ring's size.
/// assert_eq!(nr_unconsumed_requests(32, 10_000, 4, 2), 30);
/// ```
#[inline]
#[must_use]
pub const fn nr_unconsumed_requests(
    size: u32,
    req_prod: u32,
    req_cons: u32,
    rsp_prod_pvt: u32,
) -> u32 {
    let announced = req_prod.wrapping_sub(req_cons);
    let space = size.saturating_sub(req_cons.wrapping_sub(rsp_prod_pvt));
    if announced < space { announced } else { space }
}

/// Whether there is a request to take, see [`nr_unconsumed_requests`].
///
/// `RING_HAS_UNCONSUMED_REQUESTS` of `io/ring.h`.
#[inline]
#[must_use]
pub const fn has_unconsumed_requests(
    size: u32,
    req_prod: u32,
    req_cons: u32,
    rsp_prod_pvt: u32,
) -> bool {
    nr_unconsumed_requests(size, req_prod, req_cons, rsp_prod_pvt) != 0
}

/// Responses the peer's `rsp_prod` announces, not checked: see [`response_prod_overflow`].
///
/// `XEN_RING_NR_UNCONSUMED_RESPONSES` of `io/ring.h`.
#[inline]
#[must_use]
pub const fn nr_unconsumed_responses(rsp_prod: u32, rsp_cons: u32) -> u32 {
    rsp_prod.wrapping_sub(rsp_cons)
}

/// Whether there is a response to take.
///
/// `RING_HAS_UNCONSUMED_RESPONSES` of `io/ring.h`.
#[inline]
#[must_use]
pub const fn has_unconsumed_responses(rsp_prod: u32, rsp_cons: u32) -> bool {
    nr_unconsumed_responses(rsp_prod, rsp_cons) != 0
}

/// Whether a back end that takes the request at `cons` would have more of them open than the ring has
/// entries.
///
/// `RING_REQUEST_CONS_OVERFLOW` of `io/ring.h`.
#[inline]
#[must_use]
pub const fn request_cons_overflow(size: u32, cons: u32, rsp_prod_pvt: u32) -> bool {
    cons.wrapping_sub(rsp_prod_pvt) >= size
}

/// Whether the front end's `prod` announces more requests than the ring has entries: a fatal error of
/// the peer's.
///
/// `RING_REQUEST_PROD_OVERFLOW` of `io/ring.h`.
#[inline]
#[must_use]
pub const fn request_prod_overflow(size: u32, prod: u32, rsp_prod_pvt: u32) -> bool {
    prod.wrapping_sub(rsp_prod_pvt) > size
}

/// Whether the back end's `prod` announces more responses than the ring has entries: a fatal error of
/// the peer's.
///
/// `RING_RESPONSE_PROD_OVERFLOW` of `io/ring.h`.
#[inline]
#[must_use]
pub const fn response_prod_overflow(size: u32, prod: u32, rsp_cons: u32) -> bool {
    prod.wrapping_sub(rsp_cons) > size
}

/// Whether the peer wants an event when a producer index moves from `old` to `new`: `event` is the
/// `req_event` or `rsp_event` it left, read after `new` is published and a full fence.
///
/// The comparison within `RING_PUSH_REQUESTS_AND_CHECK_NOTIFY` and
/// `RING_PUSH_RESPONSES_AND_CHECK_NOTIFY` of `io/ring.h`; the stores and fences are the caller's.
///
/// ```
/// # use xen_abi::macros::ring::needs_notify;
/// assert!(needs_notify(4, 7, 5)); // asked for a word once entry 5 - 1 is there
/// assert!(!needs_notify(4, 7, 8)); // asks for none yet
/// ```
#[inline]
#[must_use]
pub const fn needs_notify(old: u32, new: u32, event: u32) -> bool {
    new.wrapping_sub(event) < new.wrapping_sub(old)
}

/// Bytes of each direction's ring where `order` pages (2^order) hold both halves, or `None` above
/// order 20, whose bytes an index of 32 bits cannot count. The order may come from the peer.
///
/// `XEN_FLEX_RING_SIZE` of `io/ring.h`.
///
/// ```
/// # use xen_abi::macros::ring::flex_ring_size;
/// assert_eq!(flex_ring_size(0), Some(2048));
/// assert_eq!(flex_ring_size(21), None);
/// ```
#[inline]
#[must_use]
pub const fn flex_ring_size(order: u32) -> Option<u32> {
    if order > 20 { None } else { Some((FRAME_SIZE / 2) << order) }
}

/// Bytes waiting in a ring of `size` bytes: at most `size`, for any indices.
///
/// The function `NAME_queued` that `DEFINE_XEN_FLEX_RING` of `io/ring.h` declares; its `NAME_mask` is
/// [`slot`].
///
/// ```
/// # use xen_abi::macros::ring::flex_queued;
/// assert_eq!(flex_queued(5, u32::MAX, 2048), 6);
/// assert_eq!(flex_queued(2048, 0, 2048), 2048);
/// ```
#[inline]
#[must_use]
pub const fn flex_queued(prod: u32, cons: u32, size: u32) -> u32 {
    match slot(prod.wrapping_sub(cons), size) {
        // As far apart as the ring is long, or a multiple of it: full.
        0 if prod != cons => size,
        queued => queued,
    }
}
