//! The smaller hypercalls: as much of each as a guest with grants calls.

mod mmu;
mod sched;
mod version;

use core::mem::offset_of;

use xen_abi::errno::*;
use xen_abi::hvm::hvm_op::*;
use xen_abi::physdev::*;
use xen_abi::vcpu::*;
use xen_abi::xen::*;

use crate::config::Kind;
use crate::error::{Answer, result};
use crate::guest_access::address;
use crate::machine::State;
use crate::transcript::Call;

/// Parameters that a domain has.
const PARAMS: u32 = 39;

/// A call without a batch.
pub(crate) fn call(caller: domid_t, operation: &'static str, answer: Answer) -> Call {
    Call { domain: caller, operation, count: None, result: result(answer), statuses: Vec::new() }
}

impl State {
    pub(crate) fn console_io(&mut self, caller: domid_t, arguments: [usize; 5]) -> Call {
        let (command, count, at) = (arguments[0] as u32, arguments[1] as u32, arguments[2]);
        let (operation, answer) = match command {
            CONSOLEIO_write => ("CONSOLEIO_write", self.console_write(caller, at, count)),
            // Nobody types.
            CONSOLEIO_read => ("CONSOLEIO_read", self.console_allowed(caller).map(|()| 0)),
            _ => ("console_io", Err(XEN_ENOSYS)),
        };
        call(caller, operation, answer)
    }

    /// In a release build of Xen only control domains may.
    fn console_allowed(&self, caller: domid_t) -> Answer<()> {
        if self.caller(caller).privileged { Ok(()) } else { Err(XEN_EPERM) }
    }

    fn console_write(&mut self, caller: domid_t, at: usize, count: u32) -> Answer {
        self.console_allowed(caller)?;
        for index in 0..count as usize {
            let byte: u8 = self.read_at(caller, at, index)?;
            self.caller_mut(caller).console.push(byte);
        }
        Ok(0)
    }

    pub(crate) fn vcpu_op(&mut self, caller: domid_t, arguments: [usize; 5]) -> Call {
        let (command, vcpu, at) = (arguments[0] as u32, arguments[1] as u32, arguments[2]);
        let (operation, answer) = match command {
            VCPUOP_is_up => ("VCPUOP_is_up", Ok(1)),
            VCPUOP_get_runstate_info => {
                ("VCPUOP_get_runstate_info", self.write_runstate(caller, at))
            }
            VCPUOP_register_runstate_memory_area => {
                ("VCPUOP_register_runstate_memory_area", self.register_runstate(caller, at))
            }
            _ => ("vcpu_op", Err(XEN_ENOSYS)),
        };
        // Each domain has one vCPU.
        call(caller, operation, if vcpu == 0 { answer } else { Err(XEN_ENOENT) })
    }

    fn write_runstate(&mut self, caller: domid_t, at: usize) -> Answer {
        let now = self.now();
        let info = vcpu_runstate_info { time: [now, 0, 0, 0], ..vcpu_runstate_info::ZERO };
        self.write(caller, at, info)?;
        Ok(0)
    }

    /// Fills the area once: the vCPU runs, and always will.
    fn register_runstate(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: vcpu_register_runstate_memory_area = self.read(caller, at)?;
        self.write_runstate(caller, address(*op.addr.h()))
    }

    /// Nanoseconds since the machine was started.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub(crate) fn hvm_op(&mut self, caller: domid_t, arguments: [usize; 5]) -> Call {
        let (command, at) = (arguments[0] as u32, arguments[1]);
        let (operation, answer) = match command {
            HVMOP_set_param => ("HVMOP_set_param", self.hvm_param(caller, at, true)),
            HVMOP_get_param => ("HVMOP_get_param", self.hvm_param(caller, at, false)),
            _ => ("hvm_op", Err(XEN_ENOSYS)),
        };
        call(caller, operation, answer)
    }

    fn hvm_param(&mut self, caller: domid_t, at: usize, set: bool) -> Answer {
        let op: xen_hvm_param = self.read(caller, at)?;
        if op.index >= PARAMS {
            return Err(XEN_EINVAL);
        }
        let domid = self.any_domid(caller, op.domid).ok_or(XEN_ESRCH)?;
        if !self.domain(domid).is_some_and(|domain| domain.is_translated()) {
            return Err(XEN_EINVAL);
        }
        if !self.may_target(caller, domid) {
            return Err(XEN_EPERM);
        }
        let domain = self.domain_mut(domid).ok_or(XEN_ESRCH)?;
        if set && domain.kind == Kind::Arm && domid == caller {
            // The toolstack sets what there is.
            return Err(XEN_EPERM);
        }
        if set {
            domain.params.insert(op.index, op.value);
        } else {
            let value = domain.params.get(&op.index).copied().unwrap_or(0);
            self.write(caller, at.wrapping_add(offset_of!(xen_hvm_param, value)), value)?;
        }
        Ok(0)
    }

    pub(crate) fn physdev_op(&mut self, caller: domid_t, arguments: [usize; 5]) -> Call {
        let (command, at) = (arguments[0] as u32, arguments[1]);
        let pv = self.caller(caller).kind == Kind::Pv;
        let (operation, answer) = match command {
            PHYSDEVOP_set_iopl if pv => ("PHYSDEVOP_set_iopl", self.set_iopl(caller, at)),
            PHYSDEVOP_map_pirq if pv => ("PHYSDEVOP_map_pirq", self.map_pirq(caller, at)),
            PHYSDEVOP_unmap_pirq if pv => ("PHYSDEVOP_unmap_pirq", self.unmap_pirq(caller, at)),
            _ => ("physdev_op", Err(XEN_ENOSYS)),
        };
        call(caller, operation, answer)
    }

    fn set_iopl(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: physdev_set_iopl = self.read(caller, at)?;
        if op.iopl > 3 { Err(XEN_EINVAL) } else { Ok(0) }
    }

    /// The interrupt gets the number that was asked for, or that of its line.
    fn map_pirq(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: physdev_map_pirq = self.read(caller, at)?;
        let domid = self.any_domid(caller, op.domid).ok_or(XEN_ESRCH)?;
        if !self.caller(caller).privileged || !self.may_target(caller, domid) {
            return Err(XEN_EPERM);
        }
        if op.type_ != MAP_PIRQ_TYPE_GSI as i32 || op.index < 0 {
            return Err(XEN_EINVAL);
        }
        if op.pirq < 0 {
            op.pirq = op.index;
        }
        self.write(caller, at, op)?;
        Ok(0)
    }

    fn unmap_pirq(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: physdev_unmap_pirq = self.read(caller, at)?;
        self.any_domid(caller, op.domid).ok_or(XEN_ESRCH)?;
        if !self.caller(caller).privileged {
            return Err(XEN_EPERM);
        }
        if op.pirq < 0 { Err(XEN_EINVAL) } else { Ok(0) }
    }
}
