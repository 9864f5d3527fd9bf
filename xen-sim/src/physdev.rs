//! `physdev_op`: as much of it as guests without devices call.

use xen_abi::errno::*;
use xen_abi::physdev::*;
use xen_abi::xen::domid_t;

use crate::config::{GuestKind, Release};
use crate::error::Answer;
use crate::record::HypercallRecord;
use crate::state::State;

impl State {
    pub(crate) fn physdev_op(&mut self, caller: domid_t, arguments: [usize; 5]) -> HypercallRecord {
        let (command, at) = (arguments[0] as u32, arguments[1]);
        let kind = self.caller(caller).kind;
        let pv = kind == GuestKind::Pv;
        // 4.20 lets translated guests of x86 map interrupts, and the checks after that decide.
        let maps = pv || kind == GuestKind::Pvh && self.release >= Release::V4_20;
        let (operation, answer) = match command {
            PHYSDEVOP_set_iopl if pv => ("PHYSDEVOP_set_iopl", self.set_iopl(caller, at)),
            PHYSDEVOP_map_pirq if maps => ("PHYSDEVOP_map_pirq", self.map_pirq(caller, at)),
            PHYSDEVOP_unmap_pirq if maps => ("PHYSDEVOP_unmap_pirq", self.unmap_pirq(caller, at)),
            // The result was an `int` on Arm, whose upper half of a register is not set.
            _ if kind == GuestKind::Arm && self.release == Release::V4_14 => {
                ("physdev_op", Ok(XEN_ENOSYS.0.wrapping_neg() as isize))
            }
            _ => ("physdev_op", Err(XEN_ENOSYS)),
        };
        HypercallRecord::new(caller, operation, answer)
    }

    fn set_iopl(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: physdev_set_iopl = self.read(caller, at)?;
        if op.iopl > 3 { Err(XEN_EINVAL) } else { Ok(0) }
    }

    /// The interrupt gets the number in the argument, or else that of its line.
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
