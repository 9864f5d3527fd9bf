//! `set_timer_op`: the vCPU's timer.
//!
//! Upstream: `xen/include/public/xen.h`.

use xen_abi::xen::*;

use super::hypercalls;

hypercalls! {
    unsafe hypercalls __HYPERVISOR_*;
    callers pv, hvm as OPERATIONS;

    /// Raises `VIRQ_TIMER` when the system time reaches `timeout` nanoseconds; at once if that has passed. 0
    /// ends the timer. It is the timer of [`set_singleshot_timer`].
    ///
    /// A time that is negative, or 2^50 ns or more away, is taken as one 100 ms away.
    ///
    /// [`set_singleshot_timer`]: super::vcpu_op::set_singleshot_timer
    call set_timer_op(in timeout: i64) -> errno;
}
