//! `vcpu_op`. A domain has one vCPU, which is always up.

use xen_abi::errno::*;
use xen_abi::sched::SHUTDOWN_poweroff;
use xen_abi::vcpu::*;
use xen_abi::xen::{domid_t, vcpu_info, vcpu_time_info};
use xen_ops::page::PAGE_SIZE;

use crate::config::{GuestKind, Release};
use crate::error::Answer;
use crate::record::HypercallRecord;
use crate::state::State;
use crate::state::domain::VcpuArea;
use crate::state::guest_access::address;
use crate::state::p2m;

/// The shortest period of a timer, in nanoseconds.
const SHORTEST: u64 = 1_000_000;
/// The longest period of a timer, in nanoseconds.
const LONGEST: u64 = u64::MAX >> 2;
/// Alignment of areas, in bytes.
const ALIGN: usize = 8;

impl State {
    pub(crate) fn vcpu_op(&mut self, caller: domid_t, arguments: [usize; 5]) -> HypercallRecord {
        let (command, vcpu, at) = (arguments[0] as u32, arguments[1] as u32, arguments[2]);
        let arm = self.caller(caller).kind == GuestKind::Arm;
        let known = !arm
            || matches!(command, VCPUOP_register_vcpu_info | VCPUOP_register_runstate_memory_area);
        // Xen looks for the vCPU first, except on Arm before 4.17.
        let first = known || self.release > Release::V4_14;
        if vcpu != 0 && first {
            return HypercallRecord::new(caller, "vcpu_op", Err(XEN_ENOENT));
        }
        if !known {
            return HypercallRecord::new(caller, "vcpu_op", Err(XEN_EINVAL));
        }
        let phys = self.release >= Release::V4_20;
        let (operation, answer) = match command {
            VCPUOP_initialise => {
                // The one vCPU runs; Xen reads the context first.
                let context = self.read::<u8>(caller, at).map_err(Into::into);
                ("VCPUOP_initialise", context.and(Err(XEN_EEXIST)))
            }
            VCPUOP_up => ("VCPUOP_up", Ok(0)),
            VCPUOP_is_up => ("VCPUOP_is_up", Ok(1)),
            VCPUOP_get_runstate_info => {
                ("VCPUOP_get_runstate_info", self.write_runstate(caller, at))
            }
            VCPUOP_register_runstate_memory_area => {
                ("VCPUOP_register_runstate_memory_area", self.register_runstate(caller, at))
            }
            VCPUOP_register_vcpu_time_memory_area => {
                ("VCPUOP_register_vcpu_time_memory_area", self.register_time(caller, at))
            }
            VCPUOP_register_runstate_phys_area if phys => {
                let size = size_of::<vcpu_runstate_info>();
                let answer = self.register_phys(caller, at, VcpuArea::Runstate, size);
                ("VCPUOP_register_runstate_phys_area", answer)
            }
            VCPUOP_register_vcpu_time_phys_area if phys => {
                let size = size_of::<vcpu_time_info>();
                let answer = self.register_phys(caller, at, VcpuArea::Time, size);
                ("VCPUOP_register_vcpu_time_phys_area", answer)
            }
            VCPUOP_register_vcpu_info => {
                ("VCPUOP_register_vcpu_info", self.register_info(caller, at))
            }
            VCPUOP_set_periodic_timer => {
                ("VCPUOP_set_periodic_timer", self.periodic_timer(caller, at))
            }
            // Timers never expire here.
            VCPUOP_stop_periodic_timer => ("VCPUOP_stop_periodic_timer", Ok(0)),
            VCPUOP_set_singleshot_timer => {
                ("VCPUOP_set_singleshot_timer", self.singleshot_timer(caller, at))
            }
            VCPUOP_stop_singleshot_timer => ("VCPUOP_stop_singleshot_timer", Ok(0)),
            VCPUOP_get_physid => ("VCPUOP_get_physid", self.physid(caller, at)),
            VCPUOP_down => ("VCPUOP_down", Ok(self.last_vcpu_down(caller))),
            // The vCPU takes no interrupts: the NMI stays pending.
            VCPUOP_send_nmi => ("VCPUOP_send_nmi", if at == 0 { Ok(0) } else { Err(XEN_EINVAL) }),
            _ => ("vcpu_op", Err(XEN_ENOSYS)),
        };
        HypercallRecord::new(caller, operation, answer)
    }

    fn write_runstate(&mut self, caller: domid_t, at: usize) -> Answer {
        let now = self.now();
        let zero = vcpu_runstate_info::ZERO;
        let info = vcpu_runstate_info { state_entry_time: 1, time: [now, 0, 0, 0], ..zero };
        self.write(caller, at, info)?;
        Ok(0)
    }

    /// Writes the area once: the vCPU's state does not change.
    fn register_runstate(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: vcpu_register_runstate_memory_area = self.read(caller, at)?;
        let area = address(*op.addr.h());
        self.check_array(caller, area)?;
        // Xen does not look whether it could write.
        let _ = self.write_runstate(caller, area);
        Ok(0)
    }

    /// Leaves the area as it is: the simulator has no clock for it.
    fn register_time(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: vcpu_register_time_memory_area = self.read(caller, at)?;
        self.check_array(caller, address(*op.addr.h()))?;
        Ok(0)
    }

    /// Both kinds of area have their address at the same offset.
    fn register_phys(&mut self, caller: domid_t, at: usize, area: VcpuArea, size: usize) -> Answer {
        let op: vcpu_register_time_memory_area = self.read(caller, at)?;
        let phys = *op.addr.p();
        let place = (phys != u64::MAX).then(|| (phys >> 12, (phys % PAGE_SIZE as u64) as usize));
        if place.is_some_and(|(_, offset)| offset + size > PAGE_SIZE || offset % ALIGN != 0) {
            return Err(XEN_ENXIO);
        }
        self.set_area(caller, area, place.map(|(gfn, _)| gfn))?;
        Ok(0)
    }

    fn register_info(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: vcpu_register_vcpu_info = self.read(caller, at)?;
        let offset = op.offset as usize;
        let fits = offset <= PAGE_SIZE - size_of::<vcpu_info>() && offset % ALIGN == 0;
        let taken = self.caller(caller).vcpu_areas[VcpuArea::Info as usize].is_some();
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
        self.set_area(caller, VcpuArea::Info, Some(op.mfn))?;
        Ok(0)
    }

    /// Registers an area in a frame of the domain's, or unregisters it.
    fn set_area(&mut self, caller: domid_t, area: VcpuArea, gfn: Option<u64>) -> Answer<()> {
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
        let place = &mut self.caller_mut(caller).vcpu_areas[area as usize];
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

    /// The domain shuts down with its last vCPU.
    fn last_vcpu_down(&mut self, caller: domid_t) -> isize {
        self.caller_mut(caller).shutdown.get_or_insert(SHUTDOWN_poweroff as u8);
        0
    }

    fn periodic_timer(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: vcpu_set_periodic_timer = self.read(caller, at)?;
        if (SHORTEST..=LONGEST).contains(&op.period_ns) { Ok(0) } else { Err(XEN_EINVAL) }
    }

    /// Timers never expire here. Since 4.17 the flag is ignored that refuses a moment in the past.
    fn singleshot_timer(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: vcpu_set_singleshot_timer = self.read(caller, at)?;
        let future = op.flags.contains(VCPU_SSHOTTMR_future) && self.release == Release::V4_14;
        if future && op.timeout_abs_ns < self.now() { Err(XEN_ETIME) } else { Ok(0) }
    }
}
