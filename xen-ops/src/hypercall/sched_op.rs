//! `SCHEDOP_*`: when a vCPU runs, and when its domain ends.
//!
//! Upstream: `xen/include/public/sched.h`.

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::sched::*;
use xen_abi::xen::{__HYPERVISOR_sched_op, domid_t};

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_sched_op(command, argument);
    commands SCHEDOP_*, arguments sched_*;
    callers pv, hvm, arm as OPERATIONS;

    /// Yields the physical CPU to other vCPUs.
    single yield_ -> errno;

    /// Waits for an event, with events delivered.
    ///
    /// # Safety
    ///
    /// Xen unmasks event delivery to this vCPU: no critical section relies on its being masked.
    unsafe single block -> errno;

    /// Ends the domain for `reason` (`SHUTDOWN_*`) and does not return, unless the reason is
    /// `SHUTDOWN_suspend`: then it returns 0 where the domain is resumed, and 1 if the suspension was
    /// cancelled or only a copy was taken. A PV guest suspends with [`suspend`].
    ///
    /// # Safety
    ///
    /// After a suspension, grants, mappings, event channels and registered memory are gone, and nothing
    /// relies on them. Other reasons have no requirement.
    unsafe single shutdown {
        in reason: u32,
    } -> value;

    /// Waits until an event is pending on one of `ports`, at most 128, or until the system time in
    /// nanoseconds reaches `timeout`; 0 is no limit. Delivery stays masked.
    ///
    /// # Errors
    ///
    /// `EINVAL` (more than 128 ports). Xen then looks at the ports in their order, up to the first with an
    /// event: `EINVAL` for one that the domain has not had. From 4.15 on a port that is not open is
    /// `EINVAL` too; before it has no event.
    single poll {
        in ports: [evtchn_port_t] counted by nr_ports,
        in timeout: u64,
    } -> errno;

    /// Reports that another domain has ended, and why (`SHUTDOWN_*`). For the domain's device model.
    ///
    /// # Errors
    ///
    /// `ESRCH` (no such domain, or `DOMID_SELF`), `EPERM` (an unprivileged caller).
    single remote_shutdown {
        in domain_id: domid_t,
        in reason: u32,
    } -> errno;

    /// Sets the reason (`SHUTDOWN_*`) that Xen reports for the domain's end, in place of that of the
    /// shutdown.
    single shutdown_code: sched_shutdown {
        in reason: u32,
    } -> errno;

    /// Sets a timer that ends the domain after `timeout` seconds. With `id` 0 it is a new one, whose
    /// number is returned; with a number it is set again, or removed if `timeout` is 0, and 0 is
    /// returned. If both timers are set already, a 64-bit Xen returns 4294967268: `ENOSPC`
    /// that lost its sign.
    ///
    /// # Errors
    ///
    /// `EINVAL`: an `id` above 2, or of a timer that is not set.
    single watchdog {
        in id: u32,
        in timeout: u32,
    } -> value;

    /// Pins the vCPU to a physical CPU; a negative one ends that. For the hardware domain.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EPERM` (not the hardware domain), `EINVAL` (no such CPU), `EBUSY`
    /// (the vCPU is pinned this way already, or pinned to another CPU for some other reason), `EINVAL` (the
    /// CPU is offline; a negative `pcpu` for a vCPU that is not pinned).
    single pin_override {
        in pcpu: i32,
    } -> errno;
}

hypercalls! {
    unsafe hypercall __HYPERVISOR_sched_op(command, argument, start_info: usize);
    callers pv;

    /// [`shutdown`] for a PV guest that suspends: `reason` is `SHUTDOWN_suspend`, and `start_info` the
    /// machine frame number of its start information page, which the toolstack fills again. Returns
    /// what [`shutdown`] does.
    ///
    /// # Safety
    ///
    /// As [`shutdown`].
    unsafe single suspend = SCHEDOP_shutdown: sched_shutdown on x86 by pv {
        in reason: u32,
    } -> value;
}
