//! Trace records: their first word, and numbers of events that are put together.
//!
//! Upstream: `xen/include/public/trace.h`.

#![allow(
    clippy::unnecessary_cast,
    reason = "C's unsigned long is u32 on some of the architectures"
)]

use crate::trace::{
    TRACE_EXTRA_MAX, TRACE_EXTRA_SHIFT, TRC_HD_CYCLE_FLAG, TRC_SCHED_CLASS, TRC_SCHED_EVT_MASK,
    TRC_SCHED_ID_MASK, TRC_SCHED_ID_SHIFT,
};

/// Arguments a hypercall can have.
const MAX_ARGS: u32 = 6;

/// The event of a record whose first word is `header`: `TRC_*`.
///
/// `TRC_HD_TO_EVENT` of `trace.h`.
#[must_use]
pub const fn trc_hd_to_event(header: u32) -> u32 {
    header & ((1 << TRACE_EXTRA_SHIFT) - 1)
}

/// Whether two words of cycle counter follow the first word.
///
/// `TRC_HD_INCLUDES_CYCLE_COUNT` of `trace.h`.
#[must_use]
pub const fn trc_hd_includes_cycle_count(header: u32) -> bool {
    header & TRC_HD_CYCLE_FLAG as u32 != 0
}

/// Words of data at the record's end, 0 to 7.
///
/// `TRC_HD_EXTRA` of `trace.h`.
///
/// ```
/// # use xen_abi::macros::trace::{trc_hd_extra, trc_hd_includes_cycle_count};
/// let header = 0xa002_f001;
/// let words = 1 + 2 * trc_hd_includes_cycle_count(header) as u32 + trc_hd_extra(header);
/// assert_eq!(words, 5);
/// ```
#[must_use]
pub const fn trc_hd_extra(header: u32) -> u32 {
    header >> TRACE_EXTRA_SHIFT & TRACE_EXTRA_MAX
}

/// The bit of a `TRC_PV_HYPERCALL_V2` record that says argument `i` follows as 32 bits, or `None`
/// above 5.
///
/// `TRC_PV_HYPERCALL_V2_ARG_32` of `trace.h`.
#[must_use]
pub const fn trc_pv_hypercall_v2_arg_32(i: u32) -> Option<u32> {
    if i < MAX_ARGS { Some(1 << (20 + 2 * i)) } else { None }
}

/// The bit of a `TRC_PV_HYPERCALL_V2` record that says argument `i` follows as 64 bits, or `None`
/// above 5.
///
/// `TRC_PV_HYPERCALL_V2_ARG_64` of `trace.h`.
#[must_use]
pub const fn trc_pv_hypercall_v2_arg_64(i: u32) -> Option<u32> {
    if i < MAX_ARGS { Some(2 << (20 + 2 * i)) } else { None }
}

/// The number of a scheduler's own event; `scheduler` is one of `TRC_SCHED_CSCHED` and its like.
///
/// `TRC_SCHED_CLASS_EVT` of `trace.h`.
///
/// ```
/// # use xen_abi::macros::trace::trc_sched_class_evt;
/// # use xen_abi::trace::TRC_SCHED_CSCHED2;
/// assert_eq!(trc_sched_class_evt(TRC_SCHED_CSCHED2, 1), 0x2_2201);
/// ```
#[must_use]
pub const fn trc_sched_class_evt(scheduler: u32, event: u32) -> u32 {
    let scheduler = scheduler << TRC_SCHED_ID_SHIFT & TRC_SCHED_ID_MASK as u32;
    (TRC_SCHED_CLASS | scheduler).wrapping_add(event & TRC_SCHED_EVT_MASK as u32)
}
