//! `vcpu_op`. The first vCPU of a domain is up from the start; the others run no code, whatever is done to
//! them.

mod context;
pub(crate) mod registers;

use xen_abi::arch_x86::xen::vcpu_guest_context;
use xen_abi::errno::*;
use xen_abi::hvm::hvm_vcpu::vcpu_hvm_context;
use xen_abi::sched::SHUTDOWN_poweroff;
use xen_abi::vcpu::*;
use xen_abi::xen::{domid_t, vcpu_info, vcpu_time_info};
use xen_ops::page::PAGE_SIZE;

use crate::abi::COMPAT;
use crate::config::{GuestKind, Release};
use crate::error::Answer;
use crate::record::HypercallRecord;
use crate::state::State;
use crate::state::guest_access::address;
use crate::state::p2m;
use crate::state::vcpu::VcpuArea;
use crate::vcpu::registers::Registers;

/// The shortest period of a timer, in nanoseconds.
const SHORTEST: u64 = 1_000_000;
/// The longest period of a timer, in nanoseconds.
const LONGEST: u64 = u64::MAX >> 2;
/// A time so far away is taken as one that is near, in nanoseconds.
const HUGE: u64 = 1 << 50;
const SOON: u64 = 100_000_000;
/// Alignment of areas, in bytes.
const ALIGN: usize = 8;
/// vCPUs that have a place in the shared information page, and need none of their own to start.
const LEGACY_VCPUS: u32 = 32;

impl State {
    pub(crate) fn vcpu_op(&mut self, caller: domid_t, arguments: [usize; 5]) -> HypercallRecord {
        let (command, vcpu, at) = (arguments[0] as u32, arguments[1] as u32, arguments[2]);
        let arm = self.caller(caller).kind == GuestKind::Arm;
        let known = !arm
            || matches!(command, VCPUOP_register_vcpu_info | VCPUOP_register_runstate_memory_area);
        // Xen looks for the vCPU first, except on Arm before 4.17.
        let first = known || self.release > Release::V4_14;
        if vcpu as usize >= self.caller(caller).vcpus.len() && first {
            return HypercallRecord::new(caller, "vcpu_op", Err(XEN_ENOENT));
        }
        if !known {
            return HypercallRecord::new(caller, "vcpu_op", Err(XEN_EINVAL));
        }
        let phys = self.release >= Release::V4_20;
        // 4.14's `arch_compat_vcpu_op` does not have it.
        let time = !COMPAT || self.release > Release::V4_14;
        let (operation, answer) = match command {
            VCPUOP_initialise => ("VCPUOP_initialise", self.initialise(caller, vcpu, at)),
            VCPUOP_up => ("VCPUOP_up", self.vcpu_up(caller, vcpu)),
            VCPUOP_is_up => {
                let is_up = self.vcpu(caller, vcpu).is_up;
                ("VCPUOP_is_up", Ok(is_up.into()))
            }
            VCPUOP_get_runstate_info => {
                ("VCPUOP_get_runstate_info", self.write_runstate(caller, vcpu, at))
            }
            VCPUOP_register_runstate_memory_area => {
                ("VCPUOP_register_runstate_memory_area", self.register_runstate(caller, vcpu, at))
            }
            VCPUOP_register_vcpu_time_memory_area if time => {
                ("VCPUOP_register_vcpu_time_memory_area", self.register_time(caller, at))
            }
            VCPUOP_register_runstate_phys_area if phys => {
                let size = size_of::<vcpu_runstate_info>();
                let answer = self.register_phys(caller, vcpu, at, VcpuArea::Runstate, size);
                ("VCPUOP_register_runstate_phys_area", answer)
            }
            VCPUOP_register_vcpu_time_phys_area if phys => {
                let size = size_of::<vcpu_time_info>();
                let answer = self.register_phys(caller, vcpu, at, VcpuArea::Time, size);
                ("VCPUOP_register_vcpu_time_phys_area", answer)
            }
            VCPUOP_register_vcpu_info => {
                ("VCPUOP_register_vcpu_info", self.register_info(caller, vcpu, at))
            }
            VCPUOP_set_periodic_timer => {
                ("VCPUOP_set_periodic_timer", self.periodic_timer(caller, vcpu, at))
            }
            VCPUOP_stop_periodic_timer => {
                self.vcpu_mut(caller, vcpu).periodic = None;
                self.timers_changed();
                ("VCPUOP_stop_periodic_timer", Ok(0))
            }
            VCPUOP_set_singleshot_timer => {
                ("VCPUOP_set_singleshot_timer", self.singleshot_timer(caller, vcpu, at))
            }
            VCPUOP_stop_singleshot_timer => {
                ("VCPUOP_stop_singleshot_timer", self.stop_singleshot(caller, vcpu))
            }
            VCPUOP_get_physid => ("VCPUOP_get_physid", self.physid(caller, at)),
            VCPUOP_down => ("VCPUOP_down", self.vcpu_down(caller, vcpu)),
            // vCPUs take no interrupts here: the NMI stays pending.
            VCPUOP_send_nmi => ("VCPUOP_send_nmi", if at == 0 { Ok(0) } else { Err(XEN_EINVAL) }),
            _ => ("vcpu_op", Err(XEN_ENOSYS)),
        };
        HypercallRecord::new(caller, operation, answer)
    }

    fn write_runstate(&mut self, caller: domid_t, vcpu: u32, at: usize) -> Answer {
        let (now, is_up) = (self.now(), self.vcpu(caller, vcpu).is_up);
        let zero = vcpu_runstate_info::ZERO;
        let state = if is_up { RUNSTATE_running } else { RUNSTATE_offline };
        let entered = 1;
        let mut info =
            vcpu_runstate_info { state: state as i32, state_entry_time: entered, ..zero };
        info.time[state as usize] = now;
        self.write(caller, at, info)?;
        Ok(0)
    }

    /// Writes the area once: the vCPU's state does not change by itself.
    fn register_runstate(&mut self, caller: domid_t, vcpu: u32, at: usize) -> Answer {
        let op: vcpu_register_runstate_memory_area = self.read(caller, at)?;
        let area = address(*op.addr.h());
        self.check_array(caller, area)?;
        // Xen does not look whether it could write.
        let _ = self.write_runstate(caller, vcpu, area);
        Ok(0)
    }

    /// Leaves the area as it is: the simulator has no clock for it.
    fn register_time(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: vcpu_register_time_memory_area = self.read(caller, at)?;
        self.check_array(caller, address(*op.addr.h()))?;
        Ok(0)
    }

    /// Both kinds of area have their address at the same offset.
    fn register_phys(
        &mut self,
        caller: domid_t,
        vcpu: u32,
        at: usize,
        area: VcpuArea,
        size: usize,
    ) -> Answer {
        let op: vcpu_register_time_memory_area = self.read(caller, at)?;
        let phys = *op.addr.p();
        let place = (phys != u64::MAX).then(|| (phys >> 12, (phys % PAGE_SIZE as u64) as usize));
        if place.is_some_and(|(_, offset)| offset + size > PAGE_SIZE || offset % ALIGN != 0) {
            return Err(XEN_ENXIO);
        }
        self.set_area(caller, vcpu, area, place.map(|(gfn, _)| gfn))?;
        Ok(0)
    }

    fn register_info(&mut self, caller: domid_t, vcpu: u32, at: usize) -> Answer {
        let op: vcpu_register_vcpu_info = self.read(caller, at)?;
        let offset = op.offset as usize;
        let fits = offset <= PAGE_SIZE - size_of::<vcpu_info>() && offset % ALIGN == 0;
        let areas = &self.vcpu(caller, vcpu).areas;
        let taken = areas[VcpuArea::Info as usize].is_some();
        match self.release {
            Release::V4_14 if !fits || taken => return Err(XEN_EINVAL),
            Release::V4_14 => {}
            Release::V4_17 if !fits => return Err(XEN_ENXIO),
            Release::V4_17 if taken => return Err(XEN_EINVAL),
            Release::V4_17 => {}
            // The two make one address, which must be in that frame.
            _ if offset >= PAGE_SIZE || op.mfn > u64::MAX >> 12 => return Err(XEN_EINVAL),
            _ if taken => return Err(XEN_EBUSY),
            _ if !fits => return Err(XEN_ENXIO),
            _ => {}
        }
        self.set_area(caller, vcpu, VcpuArea::Info, Some(op.mfn))?;
        Ok(0)
    }

    /// Registers an area in a frame of the domain's, or unregisters it.
    fn set_area(
        &mut self,
        caller: domid_t,
        vcpu: u32,
        area: VcpuArea,
        gfn: Option<u64>,
    ) -> Answer<()> {
        let mut held = None;
        if let Some(gfn) = gfn {
            self.populate_on_use(caller, gfn);
            let found = self.look_up(caller, gfn).filter(|entry| entry.kind == p2m::EntryKind::Ram);
            let mfn = found.ok_or(XEN_EINVAL)?.mfn;
            if !self.frames.hold(mfn, caller) {
                return Err(XEN_EINVAL);
            }
            held = Some(mfn);
        }
        let place = &mut self.vcpu_mut(caller, vcpu).areas[area as usize];
        if let Some(old) = std::mem::replace(place, held) {
            self.put(old);
        }
        Ok(())
    }

    /// The hardware domain's vCPU is pinned to the machine's one processor; others are not told.
    fn physid(&self, caller: domid_t, at: usize) -> Answer {
        if !self.caller(caller).privileged {
            return Err(XEN_EINVAL);
        }
        self.write(caller, at, vcpu_get_physid::ZERO)?;
        Ok(0)
    }

    fn initialise(&mut self, caller: domid_t, vcpu: u32, at: usize) -> Answer {
        let kind = self.caller(caller).kind;
        let state = self.vcpu(caller, vcpu);
        let has_info = vcpu < LEGACY_VCPUS || state.areas[VcpuArea::Info as usize].is_some();
        // Since 4.18 only PV guests need a place for `vcpu_info` first.
        let needs_info = kind == GuestKind::Pv || self.release < Release::V4_20;
        if needs_info && !has_info {
            return Err(XEN_EINVAL);
        }
        let registers = if kind == GuestKind::Pvh {
            let context: vcpu_hvm_context = self.read(caller, at)?;
            if self.vcpu(caller, vcpu).is_initialised {
                return Err(XEN_EEXIST);
            }
            context::check(&context)?;
            Registers::of_hvm(&context)
        } else {
            // What a PV guest's registers can be is not checked here.
            let context: vcpu_guest_context = self.read(caller, at)?;
            if self.vcpu(caller, vcpu).is_initialised {
                return Err(XEN_EEXIST);
            }
            Registers::Pv(Box::new(context))
        };
        let vcpu = self.vcpu_mut(caller, vcpu);
        (vcpu.is_initialised, vcpu.registers) = (true, Some(registers));
        Ok(0)
    }

    fn vcpu_up(&mut self, caller: domid_t, vcpu: u32) -> Answer {
        let vcpu = self.vcpu_mut(caller, vcpu);
        if !vcpu.is_initialised {
            return Err(XEN_EINVAL);
        }
        vcpu.is_up = true;
        Ok(0)
    }

    /// The domain shuts down with its last vCPU, which stays up.
    fn vcpu_down(&mut self, caller: domid_t, vcpu: u32) -> Answer {
        let domain = self.caller_mut(caller);
        let others = (0..).zip(&domain.vcpus).filter(|(index, _)| *index != vcpu);
        if others.into_iter().any(|(_, other)| other.is_up) {
            domain.vcpus[vcpu as usize].is_up = false;
        } else {
            domain.shutdown.get_or_insert(SHUTDOWN_poweroff as u8);
        }
        Ok(0)
    }

    fn periodic_timer(&mut self, caller: domid_t, vcpu: u32, at: usize) -> Answer {
        let op: vcpu_set_periodic_timer = self.read(caller, at)?;
        if !(SHORTEST..=LONGEST).contains(&op.period_ns) {
            return Err(XEN_EINVAL);
        }
        let next = self.now().saturating_add(op.period_ns);
        self.vcpu_mut(caller, vcpu).periodic = Some((op.period_ns, next));
        self.timers_changed();
        Ok(0)
    }

    /// A moment in the past expires at once. Since 4.17 the flag is ignored that refuses it.
    fn singleshot_timer(&mut self, caller: domid_t, vcpu: u32, at: usize) -> Answer {
        // A vCPU sets its own timer, and the first one calls.
        if vcpu != 0 {
            return Err(XEN_EINVAL);
        }
        let op: vcpu_set_singleshot_timer = self.read(caller, at)?;
        let future = op.flags.contains(VCPU_SSHOTTMR_future) && self.release == Release::V4_14;
        if future && op.timeout_abs_ns < self.now() {
            return Err(XEN_ETIME);
        }
        self.vcpu_mut(caller, vcpu).singleshot = Some(op.timeout_abs_ns);
        self.timers_changed();
        Ok(0)
    }

    fn stop_singleshot(&mut self, caller: domid_t, vcpu: u32) -> Answer {
        if vcpu != 0 {
            return Err(XEN_EINVAL);
        }
        self.vcpu_mut(caller, vcpu).singleshot = None;
        self.timers_changed();
        Ok(0)
    }

    /// `set_timer_op`: the same timer, for x86 guests.
    pub(crate) fn set_timer_op(
        &mut self,
        caller: domid_t,
        arguments: [usize; 5],
    ) -> HypercallRecord {
        let mut timeout = arguments[0] as u64;
        if COMPAT {
            // Two registers.
            timeout |= (arguments[1] as u64) << 32;
        }
        let (now, domain) = (self.now(), self.caller_mut(caller));
        let answer = if domain.kind == GuestKind::Arm {
            Err(XEN_ENOSYS)
        } else {
            let is_huge = timeout > i64::MAX as u64 || timeout.saturating_sub(now) >= HUGE;
            domain.vcpus[0].singleshot = match timeout {
                0 => None,
                _ if is_huge => Some(now + SOON),
                timeout => Some(timeout),
            };
            Ok(0)
        };
        self.timers_changed();
        HypercallRecord::new(caller, "set_timer_op", answer)
    }
}
