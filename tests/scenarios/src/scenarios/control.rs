//! `domctl`, `sysctl` and `dm_op`, of which every argument is checked before anything is done.

#![allow(unsafe_code, reason = "reads what the control domain may, and is refused the rest")]

use core::ptr;

use xen_abi::domctl::*;
use xen_abi::hvm::dm_op::*;
use xen_abi::sysctl::*;
use xen_abi::xen::*;
use xen_abi::{GuestHandle, Plain};
use xen_ops::hypercall::Hypercall;

use crate::outcome::Returned;
use crate::{Guest, Run, interface_version};

/// A domain that there is not.
const NONE: domid_t = domid_t(777);
/// A command that no release has.
pub(super) const UNKNOWN: u32 = 0xfff0;

pub(crate) fn control<G: Guest>(run: &mut Run<'_, G>) {
    domctl(run);
    sysctl(run);
    dm_op(run);
}

/// Makes a hypercall whose argument has the command, which reads, into the argument alone, or is refused.
pub(super) fn call<G: Guest, T: Plain>(run: &Run<'_, G>, number: u32, argument: &mut T) -> isize {
    let at = ptr::from_mut(argument).expose_provenance();
    // SAFETY: the commands here read, into the argument alone, or are refused.
    unsafe { run.guest.xen().call1(number, [at]) }
}

fn domctl<G: Guest>(run: &mut Run<'_, G>) {
    let me = run.guest.domid();
    let argument = |cmd, domain, interface_version| xen_domctl {
        cmd,
        domain,
        interface_version,
        ..xen_domctl::ZERO
    };
    let ask = |version| {
        call(run, __HYPERVISOR_domctl, &mut argument(XEN_DOMCTL_getdomaininfo, me, version))
    };
    let version = interface_version(ask).unwrap_or(u32::MAX);
    let bad = run.guest.bad_address();
    // SAFETY: Xen cannot reach the argument.
    unsafe { run.raw("domctl, bad address", __HYPERVISOR_domctl, [bad, 0, 0]) };
    let mut step = |name: &str, cmd, domain, version| {
        let mut argument = argument(cmd, domain, version);
        let result = call(run, __HYPERVISOR_domctl, &mut argument);
        run.step(name, Returned(result));
        argument
    };
    step("domctl, a version of no release", XEN_DOMCTL_getdomaininfo, me, 1);
    let info = step("getdomaininfo", XEN_DOMCTL_getdomaininfo, me, version);
    step("getvcpuinfo, no such domain", XEN_DOMCTL_getvcpuinfo, NONE, version);
    step("domctl, unknown command", UNKNOWN, me, version);
    step("domctl, unknown command, no such domain", UNKNOWN, NONE, version);
    let vcpu = step("getvcpuinfo", XEN_DOMCTL_getvcpuinfo, me, version);
    let size = step("get_address_size", XEN_DOMCTL_get_address_size, me, version);
    run.step("getdomaininfo, the domain", info.domain.0);
    run.step("getvcpuinfo, online", vcpu.u.getvcpuinfo().online);
    run.step("get_address_size, bits", size.u.address_size().size);
}

fn sysctl<G: Guest>(run: &mut Run<'_, G>) {
    let argument =
        |cmd, interface_version| xen_sysctl { cmd, interface_version, ..xen_sysctl::ZERO };
    let ask = |version| call(run, __HYPERVISOR_sysctl, &mut argument(XEN_SYSCTL_sched_id, version));
    let version = interface_version(ask).unwrap_or(u32::MAX);
    let bad = run.guest.bad_address();
    // SAFETY: Xen cannot reach the argument.
    unsafe { run.raw("sysctl, bad address", __HYPERVISOR_sysctl, [bad, 0, 0]) };
    let mut step = |name: &str, cmd, version| {
        let mut argument = argument(cmd, version);
        let result = call(run, __HYPERVISOR_sysctl, &mut argument);
        run.step(name, Returned(result));
        argument
    };
    step("sysctl, a version of no release", XEN_SYSCTL_physinfo, 1);
    step("sysctl, unknown command", UNKNOWN, version);
    let physinfo = step("physinfo", XEN_SYSCTL_physinfo, version);
    step("availheap", XEN_SYSCTL_availheap, version);
    let scheduler = step("sched_id", XEN_SYSCTL_sched_id, version);
    let topology = step("cputopoinfo", XEN_SYSCTL_cputopoinfo, version);
    let list = step("getdomaininfolist, no place", XEN_SYSCTL_getdomaininfolist, version);
    run.step("physinfo, CPUs", physinfo.u.physinfo().nr_cpus);
    run.step("sched_id, the scheduler", scheduler.u.sched_id().sched_id);
    run.step("cputopoinfo, CPUs", topology.u.cputopoinfo().num_cpus);
    run.step("getdomaininfolist, no place, domains", list.u.getdomaininfolist().num_domains);
}

fn dm_op<G: Guest>(run: &mut Run<'_, G>) {
    let (me, bad) = (usize::from(run.guest.domid().0), run.guest.bad_address());
    let none = usize::from(NONE.0);
    // SAFETY: Xen cannot reach the list, or there are too many.
    unsafe {
        run.raw("dm_op, too many buffers", __HYPERVISOR_dm_op, [me, 3, bad]);
        run.raw("dm_op, bad list", __HYPERVISOR_dm_op, [me, 1, bad]);
    }
    let mut op = xen_dm_op { op: XEN_DMOP_nr_vcpus, ..xen_dm_op::ZERO };
    let at = ptr::from_mut(&mut op).expose_provenance();
    let h = GuestHandle::from_addr(at as _);
    let buffer = xen_dm_op_buf { h, size: size_of::<xen_dm_op>() as xen_ulong_t };
    let list = ptr::from_ref(&buffer).expose_provenance();
    for (name, domid) in [("this domain", me), ("DOMID_SELF", 0x7ff0), ("no such domain", none)] {
        // SAFETY: it is refused: a domain is no device model of its own.
        unsafe {
            run.raw(format_args!("dm_op, {name}"), __HYPERVISOR_dm_op, [domid, 1, list]);
        }
    }
}
