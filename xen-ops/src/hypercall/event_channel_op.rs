//! `EVTCHNOP_*`: event channels.
//!
//! Upstream: `xen/include/public/event_channel.h`.

use xen_abi::event_channel::*;
use xen_abi::xen::{__HYPERVISOR_event_channel_op, domid_t};

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_event_channel_op(command, argument);
    commands EVTCHNOP_*, arguments evtchn_*;

    /// Connects a new port of the caller's to `remote_port` of `remote_dom`, which was allocated for the
    /// caller, and returns it. An event is pending at once: earlier ones may have been lost. `EINVAL` for
    /// another port, `ENOSPC` if no port is free, which Xen checks first.
    single bind_interdomain {
        in remote_dom: domid_t,
        in remote_port: evtchn_port_t,
        out local_port: evtchn_port_t,
    } -> errno;

    /// Makes a port for a virtual interrupt (`VIRQ_*`) and returns it. `vcpu` is 0 for a global interrupt
    /// or one of the domain. `EEXIST` if it has a port already; from 4.21 on `EBUSY` for a global interrupt
    /// that another domain handles.
    single bind_virq {
        in virq: u32,
        in vcpu: u32,
        out port: evtchn_port_t,
    } -> errno;

    /// Makes a port for a physical interrupt and returns it. `flags` is `BIND_PIRQ__WILL_SHARE` or 0.
    single bind_pirq {
        in pirq: u32,
        in flags: u32,
        out port: evtchn_port_t,
    } -> errno;

    /// Closes a port of the caller's. The port at the other end can be bound by the caller again.
    single close {
        in port: evtchn_port_t,
    } -> errno;

    /// Sends an event to the other end of a port.
    single send {
        in port: evtchn_port_t,
    } -> errno;

    /// The state of a port of `dom`. `status` is one of `EVTCHNSTAT_*`, and determines the member of `u`.
    single status {
        in dom: domid_t,
        in port: evtchn_port_t,
        out status: u32,
        out vcpu: u32,
        out u: evtchn_status_u,
    } -> errno;

    /// Makes a port of `dom` that `remote_dom` can bind, and returns it. `ENOSPC` if no port is free, which
    /// Xen checks first. With the policy SILO, `ESRCH` if `remote_dom` does not exist.
    single alloc_unbound {
        in dom: domid_t,
        in remote_dom: domid_t,
        out port: evtchn_port_t,
    } -> errno;

    /// Makes a port for interrupts between the caller's vCPUs, which arrive at `vcpu`, and returns it.
    single bind_ipi {
        in vcpu: u32,
        out port: evtchn_port_t,
    } -> errno;

    /// Chooses the vCPU that receives a port's events. `EINVAL` for a port whose vCPU is fixed.
    single bind_vcpu {
        in port: evtchn_port_t,
        in vcpu: u32,
    } -> errno;

    /// Unmasks a port, and delivers an event that is pending.
    single unmask {
        in port: evtchn_port_t,
    } -> errno;

    /// Closes every port of `dom`. The event queues end, and ports are bits in the shared information page
    /// again.
    single reset {
        in dom: domid_t,
    } -> errno;

    /// Registers the control block of a vCPU, at byte `offset` of frame `control_gfn`, and returns how many
    /// bits of an event word link to the next. The first registration replaces the bits by queues.
    ///
    /// # Safety
    ///
    /// Xen uses the block from then on: those `size_of::<evtchn_fifo_control_block>()` bytes are used for
    /// nothing else, and accessed as shared memory only.
    unsafe single init_control {
        in control_gfn: u64,
        in offset: u32,
        in vcpu: u32,
        out link_bits: u8,
    } -> errno;

    /// Adds the frame `array_gfn` to the array of event words.
    ///
    /// # Safety
    ///
    /// Xen uses the frame from then on: it is used for nothing else, and accessed as shared memory only.
    unsafe single expand_array {
        in array_gfn: u64,
    } -> errno;

    /// Sets a port's priority, `EVTCHN_FIFO_PRIORITY_MAX` (0) to `EVTCHN_FIFO_PRIORITY_MIN` (15). `ENOSYS`
    /// while ports are bits.
    single set_priority {
        in port: evtchn_port_t,
        in priority: u32,
    } -> errno;
}
