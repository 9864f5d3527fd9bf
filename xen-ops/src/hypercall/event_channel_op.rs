//! `EVTCHNOP_*`: event channels.
//!
//! Upstream: `xen/include/public/event_channel.h`.

use xen_abi::event_channel::*;
use xen_abi::xen::{__HYPERVISOR_event_channel_op, domid_t};

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_event_channel_op(command, argument);
    commands EVTCHNOP_*, arguments evtchn_*;
    callers pv, hvm, arm as OPERATIONS;

    /// Connects a new port of the caller's to `remote_port` of `remote_dom`, which was allocated for the
    /// caller, and returns it. An event is pending at once: earlier ones may have been lost.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `ESRCH` (no domain `remote_dom`), `ENOSPC` or `ENOMEM` (no port free),
    /// `EINVAL` (another port than one allocated for the caller), `EPERM` (SILO: two domains of which neither
    /// is a control domain).
    single bind_interdomain {
        in remote_dom: domid_t,
        in remote_port: evtchn_port_t,
        out local_port: evtchn_port_t,
    } -> errno;

    /// Makes a port for a virtual interrupt (`VIRQ_*`) and returns it. `vcpu` is 0 for a global interrupt
    /// or one of the domain.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EINVAL` (no such interrupt, or a `vcpu` other than 0 for one that is
    /// not per vCPU), `ENOENT` (no such vCPU), from 4.21 on `EBUSY` (a global interrupt that another domain
    /// handles), `EEXIST` (it has a port already), `ENOSPC` or `ENOMEM` (no port free). Before 4.21 any
    /// domain can bind a global interrupt, but only the one that handles it receives events.
    single bind_virq {
        in virq: u32,
        in vcpu: u32,
        out port: evtchn_port_t,
    } -> errno;

    /// Makes a port for a physical interrupt and returns it. `flags` is `BIND_PIRQ__WILL_SHARE` or 0.
    ///
    /// # Errors
    ///
    /// On x86, in the order of Xen's checks: `EINVAL` (the domain has no such number), `EPERM` (a PV guest
    /// without access to the interrupt), `EEXIST` (it has a port already), `ENOSPC` or `ENOMEM` (no port
    /// free). Then in a PV guest `EINVAL` (the number has no interrupt) and `EBUSY` (it cannot be shared,
    /// or too many domains share it). On Arm no number can be bound: `EOPNOTSUPP` from 4.19 on, before that
    /// `ENOMEM` or, for 1024 and above, `EINVAL`.
    single bind_pirq {
        in pirq: u32,
        in flags: BindPirqFlags,
        out port: evtchn_port_t,
    } -> errno;

    /// Closes a port of the caller's. The port at the other end can be bound by the caller again.
    ///
    /// # Errors
    ///
    /// `EINVAL`: the port is not open, or Xen itself receives its events.
    single close {
        in port: evtchn_port_t,
    } -> errno;

    /// Sends an event to the other end of a port.
    ///
    /// # Errors
    ///
    /// `EINVAL`: the port is not open, is for a virtual or physical interrupt, or Xen itself receives its
    /// events. An event of a port that no domain has bound is lost, which is no error.
    single send {
        in port: evtchn_port_t,
    } -> errno;

    /// The state of a port of `dom`. `status` is one of `EVTCHNSTAT_*`, and determines the member of `u`.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `ESRCH` (no domain `dom`), `EINVAL` (a number beyond the ports that
    /// the domain has had; a closed port is no error), from 4.15 to 4.18 `EACCES` (Xen itself receives its
    /// events), `EPERM` (another domain, for an unprivileged caller).
    single status {
        in dom: domid_t,
        in port: evtchn_port_t,
        out status: u32,
        out vcpu: u32,
        out u: evtchn_status_u,
    } -> errno;

    /// Makes a port of `dom` that `remote_dom` can bind, and returns it.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `ESRCH` (no domain `dom`), `EINVAL` (it is dying), `ENOSPC` or
    /// `ENOMEM` (no port free). With the policy SILO, `ESRCH` (no domain `remote_dom`, which the default
    /// policy does not look up) and `EPERM` (two domains, and neither of them nor the caller
    /// is a control domain).
    /// `EPERM` (another `dom`, for an unprivileged caller).
    single alloc_unbound {
        in dom: domid_t,
        in remote_dom: domid_t,
        out port: evtchn_port_t,
    } -> errno;

    /// Makes a port for interrupts between the caller's vCPUs, which arrive at `vcpu`, and returns it.
    ///
    /// # Errors
    ///
    /// `ENOENT` (no such vCPU), `ENOSPC` or `ENOMEM` (no port free).
    single bind_ipi {
        in vcpu: u32,
        out port: evtchn_port_t,
    } -> errno;

    /// Chooses the vCPU that receives a port's events.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `ENOENT` (no such vCPU), `EINVAL` (the port is not open, is for
    /// interrupts between vCPUs or for a virtual interrupt of one vCPU, or Xen itself receives its events).
    single bind_vcpu {
        in port: evtchn_port_t,
        in vcpu: u32,
    } -> errno;

    /// Unmasks a port, and delivers an event that is pending.
    ///
    /// # Errors
    ///
    /// `EINVAL`: a number beyond the ports that the domain has had. A closed port is no error.
    single unmask {
        in port: evtchn_port_t,
    } -> errno;

    /// Closes every port of `dom`. The event queues end, and ports are bits in the shared information page
    /// again.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `ESRCH` (no such domain), `EPERM` (another domain, for an unprivileged
    /// caller), `EINVAL` (another domain that its toolstack has not paused), `EBUSY` (a reset is under
    /// way), `EAGAIN` (ports were opened meanwhile).
    single reset {
        in dom: domid_t,
    } -> errno;

    /// Registers the control block of a vCPU, at byte `offset` of frame `control_gfn`, and returns how many
    /// bits of an event word link to the next. The first registration replaces the bits by queues.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `ENOENT` (no such vCPU), `EINVAL` (the block would cross the end of
    /// the page, `offset` is not a multiple of 8, the vCPU has a block already, or the frame is not
    /// writable memory of the caller's), `ENOMEM`.
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
    /// # Errors
    ///
    /// In the order of Xen's checks: `EOPNOTSUPP` (ports are bits), `ENOSPC` (the array has all
    /// `EVTCHN_FIFO_NR_CHANNELS` words), `EINVAL` (the frame is not writable memory of the caller's),
    /// `ENOMEM`.
    ///
    /// # Safety
    ///
    /// Xen uses the frame from then on: it is used for nothing else, and accessed as shared memory only.
    unsafe single expand_array {
        in array_gfn: u64,
    } -> errno;

    /// Sets a port's priority, `EVTCHN_FIFO_PRIORITY_MAX` (0) to `EVTCHN_FIFO_PRIORITY_MIN` (15).
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EINVAL` (a number beyond the ports that the domain has had), `ENOSYS`
    /// (ports are bits), `EACCES` (the port is not open), `EINVAL` (no such priority).
    single set_priority {
        in port: evtchn_port_t,
        in priority: u32,
    } -> errno;
}
