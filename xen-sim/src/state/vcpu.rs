//! What Xen knows of a vCPU, and its timers.

use std::time::Duration;

use xen_abi::xen::{VIRQ_TIMER, domid_t};

use crate::state::State;
use crate::state::frames::Mfn;
use crate::vcpu::registers::Registers;

/// A vCPU.
#[derive(Debug, Default)]
pub(crate) struct Vcpu {
    /// Whether it has registers to start with.
    pub(crate) is_initialised: bool,
    pub(crate) is_up: bool,
    /// What it was initialised with, if the guest did that.
    pub(crate) registers: Option<Registers>,
    /// Frames that hold its areas.
    pub(crate) areas: [Option<Mfn>; VcpuArea::COUNT],
    /// The moment at which its timer expires, in nanoseconds of Xen's time.
    pub(crate) singleshot: Option<u64>,
    /// The period of its other timer, and when that expires next.
    pub(crate) periodic: Option<(u64, u64)>,
}

/// Areas of a vCPU that a guest registers by physical address. Xen holds the frame of each.
#[derive(Clone, Copy)]
pub(crate) enum VcpuArea {
    Info,
    Runstate,
    Time,
}

impl VcpuArea {
    /// Number of kinds.
    pub(crate) const COUNT: usize = 3;
}

impl Vcpu {
    /// The vCPUs of a new domain.
    pub(crate) fn all(count: u32) -> Vec<Self> {
        let of = |index| Self { is_initialised: index == 0, is_up: index == 0, ..Self::default() };
        (0..count).map(of).collect()
    }

    /// Whether a timer has expired by `now`. A periodic one is set again.
    fn expires(&mut self, now: u64) -> bool {
        let single = self.singleshot.take_if(|at| *at <= now).is_some();
        let Some((period, next)) = &mut self.periodic else { return single };
        let periodic = *next <= now;
        if periodic {
            // Ticks that were missed are not made up for.
            *next = now.saturating_add(*period);
        }
        single || periodic
    }

    /// When its next timer expires.
    fn next(&self) -> Option<u64> {
        self.singleshot.into_iter().chain(self.periodic.map(|(_, next)| next)).min()
    }
}

impl State {
    /// A vCPU of the domain that makes the hypercall, which has one of that number.
    pub(crate) fn vcpu(&self, caller: domid_t, vcpu: u32) -> &Vcpu {
        &self.caller(caller).vcpus[vcpu as usize]
    }

    /// A vCPU of the domain that makes the hypercall, which has one of that number.
    pub(crate) fn vcpu_mut(&mut self, caller: domid_t, vcpu: u32) -> &mut Vcpu {
        &mut self.caller_mut(caller).vcpus[vcpu as usize]
    }

    /// Raises `VIRQ_TIMER` for the timers that have expired. It belongs to a vCPU, and ports to the first.
    ///
    /// Every hypercall comes here, and nearly always finds in `next_timer` that there is nothing to do.
    pub(crate) fn expire_timers(&mut self) {
        if self.next_timer.is_none_or(|at| self.now() < at) {
            return;
        }
        let now = self.now();
        for domain in self.domains.values_mut().filter(|domain| !domain.destroyed) {
            for (index, vcpu) in domain.vcpus.iter_mut().enumerate() {
                if vcpu.expires(now) && index == 0 {
                    domain.ports.raise_virq(VIRQ_TIMER);
                }
            }
        }
        self.find_next_timer();
    }

    /// What follows after a timer was set or stopped: it may have expired at once.
    pub(crate) fn timers_changed(&mut self) {
        self.find_next_timer();
        self.expire_timers();
    }

    fn find_next_timer(&mut self) {
        let domains = self.domains.values().filter(|domain| !domain.destroyed);
        let vcpus = domains.flat_map(|domain| &domain.vcpus);
        self.next_timer = vcpus.filter_map(Vcpu::next).min();
    }

    /// How long it is until the next timer expires.
    pub(crate) fn until_timer(&self) -> Option<Duration> {
        self.next_timer.map(|at| Duration::from_nanos(at.saturating_sub(self.now())))
    }
}
