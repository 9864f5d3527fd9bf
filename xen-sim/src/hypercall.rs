//! Dispatch of hypercalls by their number.

use xen_abi::errno::*;
use xen_abi::xen::*;

use crate::error::result;
use crate::machine::Machine;
use crate::record::HypercallRecord;

impl Machine {
    /// Makes a hypercall of the domain `caller`. Returns what it leaves in the result register.
    pub(crate) fn hypercall(&self, caller: domid_t, number: u32, arguments: [usize; 5]) -> isize {
        if number == __HYPERVISOR_multicall {
            return self.multicall(caller, arguments);
        }
        let (record, mut next) = self.part(caller, number, arguments);
        let Some(mut record) = record else { return result(Err(XEN_ESRCH)) };
        while let Some(arguments) = next {
            self.tell_continuation(caller);
            let part;
            (part, next) = self.part(caller, number, arguments);
            // Who was destroyed meanwhile does not learn of the end.
            let Some(part) = part else { return result(Err(XEN_ESRCH)) };
            record.result = part.result;
            record.statuses.extend(part.statuses);
        }
        self.tell(&record);
        record.result
    }

    /// Executes a hypercall up to where Xen interrupts it: returns the arguments to continue with
    /// in that case. No record if the domain is destroyed, which has no vCPU that could call.
    pub(crate) fn part(
        &self,
        caller: domid_t,
        number: u32,
        arguments: [usize; 5],
    ) -> (Option<HypercallRecord>, Option<[usize; 5]>) {
        let mut state = self.lock();
        if state.domain(caller).is_none_or(|domain| domain.destroyed) {
            return (None, None);
        }
        state.expire_timers();
        let record = match number {
            // May wait, and unlocks the state to do so.
            __HYPERVISOR_sched_op => return (Some(self.sched_op(state, caller, arguments)), None),
            __HYPERVISOR_update_va_mapping => state.update_va_mapping(caller, arguments),
            __HYPERVISOR_memory_op => state.memory_op(caller, arguments),
            __HYPERVISOR_xen_version => state.xen_version(caller, arguments),
            __HYPERVISOR_console_io => state.console_io(caller, arguments),
            __HYPERVISOR_grant_table_op => state.grant_table_op(caller, arguments),
            __HYPERVISOR_set_timer_op => state.set_timer_op(caller, arguments),
            __HYPERVISOR_vm_assist => state.vm_assist(caller, arguments),
            __HYPERVISOR_vcpu_op => state.vcpu_op(caller, arguments),
            __HYPERVISOR_event_channel_op => state.event_channel_op(caller, arguments),
            __HYPERVISOR_physdev_op => state.physdev_op(caller, arguments),
            __HYPERVISOR_domctl => state.domctl(caller, arguments),
            __HYPERVISOR_sysctl => state.sysctl(caller, arguments),
            __HYPERVISOR_hvm_op => state.hvm_op(caller, arguments),
            __HYPERVISOR_dm_op => state.dm_op(caller, arguments),
            _ => state.refused(caller, number, arguments),
        };
        let next = state.continuation.take();
        drop(state);
        // What may have raised an event, or set when one is due.
        let wakes =
            [__HYPERVISOR_event_channel_op, __HYPERVISOR_set_timer_op, __HYPERVISOR_vcpu_op];
        if wakes.contains(&number) {
            self.wake();
        }
        (Some(record), next)
    }
}
