//! Which vCPU receives which port, in the 2-level ABI.

use core::fmt;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Relaxed};

use xen_abi::event_channel::evtchn_port_t;

use super::two_level::protocol::is_own;
use super::{NoSuchPort, TWO_LEVEL_PORTS, TwoLevel, UnmaskError};
use crate::hypercall::Hypercall;

const PORTS: usize = TWO_LEVEL_PORTS as usize;

/// The vCPU of each port of a domain, for a kernel that receives events of the 2-level ABI on several vCPUs.
///
/// The pending bits of the 2-level ABI belong to the domain: a vCPU that walks through them finds those of
/// ports that Xen announces to other vCPUs. With this table [`TwoLevel::for_vcpu`] leaves them pending. The kernel has
/// one, usually a `static`, of 4 bytes a port. At first all ports are vCPU 0's, as in Xen; the kernel
/// [assigns](Self::assign) those that it binds to others. Linux has a `cpu_evtchn_mask` for each processor instead.
///
/// A domain with one vCPU needs none, nor does one that takes all events on vCPU 0, nor the
/// [FIFO ABI](super::FifoVcpu), whose queues are a vCPU's own.
///
/// ```
/// use xen_ops::events::{Port, PortVcpus, TwoLevel, UnmaskError};
/// use xen_ops::hypercall::Hypercall;
///
/// static VCPUS: PortVcpus = PortVcpus::new();
///
/// /// Has the second vCPU receive the events of a port for its interrupts.
/// fn assign<H: Hypercall>(
///     xen: &H,
///     events: TwoLevel<'static>,
///     port: &Port<H>,
/// ) -> Result<TwoLevel<'static>, UnmaskError> {
///     VCPUS.assign(xen, &events, port.number(), 1)?;
///     Ok(events.for_vcpu(1, &VCPUS))
/// }
/// ```
pub struct PortVcpus {
    vcpus: [AtomicU32; PORTS],
}

impl PortVcpus {
    /// All ports are vCPU 0's.
    #[must_use]
    pub const fn new() -> Self {
        Self { vcpus: [const { AtomicU32::new(0) }; PORTS] }
    }

    /// The vCPU of a port.
    ///
    /// # Errors
    ///
    /// [`NoSuchPort`].
    pub fn vcpu_of(&self, port: evtchn_port_t) -> Result<u32, NoSuchPort> {
        self.entry(port).map(|entry| entry.load(Acquire))
    }

    /// Has `vcpu` receive the events of a port. Xen announces them there: the port is for interrupts to that
    /// vCPU or for a virtual interrupt of its own, or `EVTCHNOP_bind_vcpu` has chosen the vCPU. Call this after each
    /// operation that binds a port, for Xen gives the numbers of closed ports out again. `events` are those
    /// of any vCPU.
    ///
    /// An event that is pending is announced to the vCPU, so that none is lost, even if it came before this. The
    /// port is masked meanwhile, and masked or not afterwards as before. A vCPU that received the port's events
    /// until now may still be in its handler.
    ///
    /// # Errors
    ///
    /// [`UnmaskError`]. If the hypercall fails, the port is assigned, and masked.
    pub fn assign<H: Hypercall>(
        &self,
        xen: &H,
        events: &TwoLevel<'_>,
        port: evtchn_port_t,
        vcpu: u32,
    ) -> Result<(), UnmaskError> {
        let entry = self.entry(port).map_err(UnmaskError::NoSuchPort)?;
        let is_masked = events.mask(port).map_err(UnmaskError::NoSuchPort)?;
        entry.store(vcpu, Relaxed);
        // What unmasks it releases the entry, now or later.
        if is_masked { Ok(()) } else { events.unmask(xen, port) }
    }

    /// Whether a port of which an event is pending belongs to `vcpu`.
    #[inline]
    pub(super) fn is_own(&self, port: evtchn_port_t, vcpu: u32) -> bool {
        self.entry(port).is_ok_and(|entry| is_own(entry, vcpu))
    }

    #[inline]
    fn entry(&self, port: evtchn_port_t) -> Result<&AtomicU32, NoSuchPort> {
        self.vcpus.get(port.0 as usize).ok_or(NoSuchPort { port, ports: TWO_LEVEL_PORTS })
    }
}

impl Default for PortVcpus {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PortVcpus {
    /// The ports that other vCPUs than the first one have.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vcpus = self.vcpus.iter().map(|vcpu| vcpu.load(Relaxed)).enumerate();
        f.debug_map().entries(vcpus.filter(|(_, vcpu)| *vcpu != 0)).finish()
    }
}
