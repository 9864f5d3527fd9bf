//! `multicall`: hypercalls of a list, one after the other.

use core::mem::offset_of;

use xen_abi::errno::*;
use xen_abi::xen::*;

use crate::abi::{ulong, ulong_to_u64};
use crate::config::{GuestKind, Release};
use crate::error::{Answer, result};
use crate::machine::Machine;
use crate::record::HypercallRecord;

impl Machine {
    /// Makes the hypercalls of a list; each is recorded too.
    pub(crate) fn multicall(&self, caller: domid_t, [list, count, ..]: [usize; 5]) -> isize {
        let kind = self.lock().domain(caller).filter(|domain| !domain.destroyed).map(|d| d.kind);
        let Some(kind) = kind else { return result(Err(XEN_ESRCH)) };
        let old = self.lock().release == Release::V4_14;
        let answer = match kind {
            GuestKind::Pvh if old => Err(XEN_ENOSYS),
            // The number had 32 bits.
            _ if old => self.entries(caller, list, count as u32 as usize),
            _ => self.entries(caller, list, count),
        };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let record = HypercallRecord::new(caller, "multicall", answer);
        self.tell(&HypercallRecord { count: Some(count), ..record });
        result(answer)
    }

    fn entries(&self, caller: domid_t, list: usize, count: usize) -> Answer {
        self.lock().check_array(caller, list)?;
        let mut index = 0;
        while index < count {
            // Xen looks whether it is needed elsewhere between two entries.
            if self.lock().domain_mut(caller).is_some_and(|d| d.faults.take_interrupt(index)) {
                self.tell_continuation(caller);
                self.lock().check_array(caller, list)?;
            }
            index += usize::from(self.entry(caller, list, index)?);
        }
        Ok(0)
    }

    /// Makes the hypercall of one entry, as far as Xen does without interruption. False if it was
    /// interrupted: the entry then has the arguments to continue with.
    fn entry(&self, caller: domid_t, list: usize, index: usize) -> Answer<bool> {
        let place = index.checked_mul(size_of::<multicall_entry>());
        let at = place.and_then(|place| list.checked_add(place)).ok_or(XEN_EFAULT)?;
        let mut entry: multicall_entry = self.lock().read(caller, at)?;
        let number = u32::try_from(ulong_to_u64(entry.op)).unwrap_or(u32::MAX);
        let [a, b, c, d, e, _] = entry.args.map(|argument| ulong_to_u64(argument) as usize);
        let (answer, next) = match number {
            // A list in a list is refused.
            __HYPERVISOR_multicall => (result(Err(XEN_EINVAL)), None),
            _ => {
                let (record, next) = self.part(caller, number, [a, b, c, d, e]);
                if let Some(record) = &record {
                    self.tell(record);
                }
                (record.map_or(result(Err(XEN_ESRCH)), |record| record.result), next)
            }
        };
        if let Some(next) = next {
            for (argument, next) in entry.args.iter_mut().zip(next) {
                *argument = ulong(next as u64);
            }
            self.lock().write(caller, at, entry)?;
            self.tell_continuation(caller);
            return Ok(false);
        }
        let answer = ulong(answer as u64);
        self.lock().write(caller, at.wrapping_add(offset_of!(multicall_entry, result)), answer)?;
        Ok(true)
    }
}
