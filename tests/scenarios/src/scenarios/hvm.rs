//! `hvm_op`: the parameters of a domain, and what else a translated guest asks for.

#![allow(unsafe_code, reason = "hypercalls without a typed wrapper")]

use core::ptr;

use xen_abi::Plain;
use xen_abi::hvm::hvm_op::*;
use xen_abi::hvm::params::*;
use xen_abi::xen::{__HYPERVISOR_hvm_op, DOMID_SELF, domid_t};
use xen_ops::hypercall::hvm_op::get_param;
use xen_ops::page::Page;

use crate::frame::number;
use crate::outcome::{LongHex, Value};
use crate::{Guest, Run};

pub(crate) fn hvm<G: Guest>(run: &mut Run<'_, G>) {
    let bad = run.guest.bad_address();
    let absent = domid_t(777);
    let mut param = |name: &str, command: u32, domid: domid_t, index: u32| {
        let mut param = xen_hvm_param { domid, index, value: 0, ..xen_hvm_param::ZERO };
        op(run, name, command, &mut param);
    };
    for (name, command, domid, index) in [
        ("get_param", HVMOP_get_param, DOMID_SELF, HVM_PARAM_STORE_PFN),
        ("get_param, no such domain", HVMOP_get_param, absent, HVM_PARAM_STORE_PFN),
        ("get_param, no such parameter", HVMOP_get_param, DOMID_SELF, HVM_NR_PARAMS),
        ("get_param, interrupt", HVMOP_get_param, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ),
        ("get_param, console", HVMOP_get_param, DOMID_SELF, HVM_PARAM_CONSOLE_EVTCHN),
        ("get_param, for tools", HVMOP_get_param, DOMID_SELF, HVM_PARAM_MONITOR_RING_PFN),
        ("set_param, no interrupt", HVMOP_set_param, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ),
        ("set_param, no such domain", HVMOP_set_param, absent, HVM_PARAM_CALLBACK_IRQ),
        ("set_param, no such parameter", HVMOP_set_param, DOMID_SELF, HVM_NR_PARAMS),
        ("set_param, for tools", HVMOP_set_param, DOMID_SELF, HVM_PARAM_STORE_PFN),
    ] {
        param(name, command, domid, index);
    }
    for (name, index) in [("interrupt", HVM_PARAM_CALLBACK_IRQ), ("timers", HVM_PARAM_TIMER_MODE)] {
        let value = get_param(run.guest.xen(), DOMID_SELF, index).map(LongHex);
        run.step(format_args!("get_param, {name}, value"), Value(value));
    }
    let frame = number(run.guest.page().frame());
    let type_of = |domid| xen_hvm_get_mem_type { domid, pfn: frame, ..xen_hvm_get_mem_type::ZERO };
    let mut own = type_of(DOMID_SELF);
    op(run, "get_mem_type", HVMOP_get_mem_type, &mut own);
    run.step("type of a page", own.mem_type);
    op(run, "get_mem_type, no such domain", HVMOP_get_mem_type, &mut type_of(absent));
    let mut time = xen_hvm_get_time::ZERO;
    op(run, "get_time", HVMOP_get_time, &mut time);
    let mut dying = xen_hvm_pagetable_dying { domid: absent, ..xen_hvm_pagetable_dying::ZERO };
    op(run, "pagetable_dying, no such domain", HVMOP_pagetable_dying, &mut dying);
    let mut long = xen_hvm_xentrace { extra_bytes: 29, ..xen_hvm_xentrace::ZERO };
    op(run, "xentrace, too long", HVMOP_xentrace, &mut long);
    let mut altp2m = xen_hvm_altp2m_op::ZERO;
    op(run, "altp2m, no such version", HVMOP_altp2m, &mut altp2m);
    let mut argument = 0_u32;
    let request = HVMOP_guest_request_vm_event;
    op(run, "guest_request_vm_event, an argument", request, &mut argument);
    // SAFETY: there is no argument, or none is wanted, and Xen says so.
    unsafe {
        let get = HVMOP_get_param as usize;
        run.raw("get_param, bad address", __HYPERVISOR_hvm_op, [get, bad, 0]);
        run.raw(
            "set_evtchn_upcall_vector, bad address",
            __HYPERVISOR_hvm_op,
            [SET_EVTCHN_UPCALL_VECTOR, bad, 0],
        );
        run.raw("flush_tlbs", __HYPERVISOR_hvm_op, [HVMOP_flush_tlbs as usize, 0, 0]);
        run.raw("unknown command", __HYPERVISOR_hvm_op, [99, 0, 0]);
    }
}

/// Upstream's number of the operation, which Arm's headers leave out.
const SET_EVTCHN_UPCALL_VECTOR: usize = 23;

fn op<G: Guest, T: Plain>(run: &mut Run<'_, G>, name: &str, command: u32, argument: &mut T) {
    let at = ptr::from_mut(argument).expose_provenance();
    // SAFETY: Xen reads and writes the argument, which belongs to the command.
    unsafe { run.raw(name, __HYPERVISOR_hvm_op, [command as usize, at, 0]) };
}
