//! `vcpu_op`, as far as the one vCPU goes.

#![allow(unsafe_code, reason = "gives Xen memory to write to")]

use core::ptr;

use xen_abi::Plain;
use xen_abi::vcpu::*;
use xen_abi::xen::__HYPERVISOR_vcpu_op;
use xen_ops::field;
use xen_ops::page::Page;

use crate::frame::number;
use crate::{Guest, Run};

/// A vCPU that the domain does not have.
const NONE: usize = 99;

pub(crate) fn vcpu<G: Guest>(run: &mut Run<'_, G>) {
    states(run);
    timers(run);
    areas(run);
    info(run);
    let bad = run.guest.bad_address();
    let initialise = VCPUOP_initialise as usize;
    // SAFETY: there is no argument, or no such vCPU, and Xen says so.
    unsafe {
        run.raw("initialise, no such vcpu", __HYPERVISOR_vcpu_op, [initialise, NONE, bad]);
        run.raw("unknown command", __HYPERVISOR_vcpu_op, [99, 0, 0]);
    }
}

/// An operation without an argument, on the vCPU and on one that there is not.
fn plain<G: Guest>(run: &mut Run<'_, G>, name: &str, command: u32) {
    for (which, vcpu) in [("", 0), (", no such vcpu", NONE)] {
        let arguments = [command as usize, vcpu, 0];
        // SAFETY: there is no argument, and the vCPU goes on.
        unsafe { run.raw(format_args!("{name}{which}"), __HYPERVISOR_vcpu_op, arguments) };
    }
}

fn op<G: Guest, T: Plain>(run: &mut Run<'_, G>, name: &str, command: u32, argument: &mut T) {
    let at = ptr::from_mut(argument).expose_provenance();
    // SAFETY: Xen reads and writes the argument, and memory that nothing else uses.
    unsafe { run.raw(name, __HYPERVISOR_vcpu_op, [command as usize, 0, at]) };
}

fn states<G: Guest>(run: &mut Run<'_, G>) {
    plain(run, "is_up", VCPUOP_is_up);
    plain(run, "up", VCPUOP_up);
    for (name, command) in [("down", VCPUOP_down), ("send_nmi", VCPUOP_send_nmi)] {
        let arguments = [command as usize, NONE, 0];
        // SAFETY: there is no such vCPU.
        unsafe {
            run.raw(format_args!("{name}, no such vcpu"), __HYPERVISOR_vcpu_op, arguments);
        }
    }
    let mut info = vcpu_runstate_info { state: 77, ..vcpu_runstate_info::ZERO };
    op(run, "get_runstate_info", VCPUOP_get_runstate_info, &mut info);
    run.step("get_runstate_info, state", info.state);
    let mut physid = vcpu_get_physid::ZERO;
    op(run, "get_physid", VCPUOP_get_physid, &mut physid);
}

fn timers<G: Guest>(run: &mut Run<'_, G>) {
    let mut short = vcpu_set_periodic_timer { period_ns: 1 };
    op(run, "set_periodic_timer, too short", VCPUOP_set_periodic_timer, &mut short);
    plain(run, "stop_periodic_timer", VCPUOP_stop_periodic_timer);
    let zero = vcpu_set_singleshot_timer::ZERO;
    let mut far = vcpu_set_singleshot_timer { timeout_abs_ns: 1 << 60, ..zero };
    op(run, "set_singleshot_timer", VCPUOP_set_singleshot_timer, &mut far);
    plain(run, "stop_singleshot_timer", VCPUOP_stop_singleshot_timer);
}

/// Areas that Xen keeps up to date, by virtual and by physical address.
fn areas<G: Guest>(run: &mut Run<'_, G>) {
    let page = run.guest.page();
    let virt = page.address().as_ptr().expose_provenance() as u64;
    let phys = number(page.frame()) << 12;
    // A virtual address is of the guest's width, in the first bytes; a physical one has 64 bits.
    let runstate = |at| vcpu_register_runstate_memory_area {
        addr: vcpu_register_runstate_memory_area_addr::from_p(at),
    };
    let time = |at| vcpu_register_time_memory_area {
        addr: vcpu_register_time_memory_area_addr::from_p(at),
    };
    let command = VCPUOP_register_runstate_memory_area;
    op(run, "register_runstate_memory_area", command, &mut runstate(virt));
    let mut entered = [0; 8];
    let since = field!(vcpu_runstate_info, state_entry_time).offset();
    page.view().read(since, &mut entered).unwrap_or_default();
    run.step("register_runstate_memory_area, written", entered != [0; 8]);
    op(run, "register_runstate_memory_area, none", command, &mut runstate(0));
    let command = VCPUOP_register_vcpu_time_memory_area;
    op(run, "register_vcpu_time_memory_area", command, &mut time(virt + 128));
    let command = VCPUOP_register_runstate_phys_area;
    op(run, "register_runstate_phys_area", command, &mut runstate(phys + 256));
    op(run, "register_runstate_phys_area, across pages", command, &mut runstate(phys + 4090));
    let command = VCPUOP_register_vcpu_time_phys_area;
    op(run, "register_vcpu_time_phys_area", command, &mut time(phys + 384));
}

fn info<G: Guest>(run: &mut Run<'_, G>) {
    let (page, zero) = (run.guest.page(), vcpu_register_vcpu_info::ZERO);
    let frame = number(page.frame());
    for (name, mfn, offset) in [
        ("register_vcpu_info, no such frame", 0x7fff_ffff, 0),
        ("register_vcpu_info, across the end of the page", frame, 4090),
        ("register_vcpu_info, a place", frame, 0),
        ("register_vcpu_info, another place", frame, 1024),
    ] {
        let mut argument = vcpu_register_vcpu_info { mfn, offset, ..zero };
        op(run, name, VCPUOP_register_vcpu_info, &mut argument);
    }
}
