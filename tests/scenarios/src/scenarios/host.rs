//! What asks Xen about the machine and about itself: `platform_op`, `hypfs_op`, `xsm_op`, `kexec_op`, `mca` and
//! `xenpmu_op`. Nothing here changes the machine.

#![allow(
    unsafe_code,
    reason = "one text for all kinds of guests, of which some have none of these"
)]

use core::ptr;

use xen_abi::hypfs::{XEN_HYPFS_OP_get_version, XEN_HYPFS_OP_read, XEN_HYPFS_OP_write_contents};
use xen_abi::kexec::*;
use xen_abi::platform::*;
use xen_abi::xen::*;
use xen_abi::xsm::flask_op::{FLASK_GETENFORCE, XEN_FLASK_INTERFACE_VERSION, xen_flask_op};
use xen_ops::hypercall::Hypercall;

use super::control::{UNKNOWN, call};
use crate::outcome::Returned;
use crate::{Guest, Run};

pub(crate) fn host<G: Guest>(run: &mut Run<'_, G>) {
    platform(run);
    hypfs(run);
    xsm(run);
    kexec(run);
    mca(run);
    counters(run);
}

fn platform<G: Guest>(run: &mut Run<'_, G>) {
    let bad = run.guest.bad_address();
    // SAFETY: Xen cannot reach the argument.
    unsafe { run.raw("platform_op, bad address", __HYPERVISOR_platform_op, [bad, 0, 0]) };
    let mut step = |name: &str, cmd, interface_version, u| {
        let mut op = xen_platform_op { cmd, interface_version, u };
        let result = call(run, __HYPERVISOR_platform_op, &mut op);
        run.step(name, Returned(result));
        op.u
    };
    type Argument = xen_platform_op_u;
    let known = XENPF_INTERFACE_VERSION;
    step("platform_op, a version of no release", XENPF_get_cpuinfo, 1, Argument::ZERO);
    step("platform_op, unknown command", UNKNOWN, known, Argument::ZERO);
    let time = xenpf_settime64 { mbz: 1, ..xenpf_settime64::ZERO };
    step("settime64, more", XENPF_settime64, known, Argument::from_settime64(time));
    let info = step("get_cpuinfo", XENPF_get_cpuinfo, known, Argument::ZERO);
    let model = step("get_cpu_version", XENPF_get_cpu_version, known, Argument::ZERO);
    step("cpu_offline, CPU 0", XENPF_cpu_offline, known, Argument::ZERO);
    let absent = Argument::from_cpu_ol(xenpf_cpu_ol { cpuid: u32::MAX });
    step("cpu_online, no such CPU", XENPF_cpu_online, known, absent);
    step("change_freq", XENPF_change_freq, known, Argument::ZERO);
    step("getidletime", XENPF_getidletime, known, Argument::ZERO);
    let four = xenpf_resource_op { nr_entries: 4, ..xenpf_resource_op::ZERO };
    step("resource_op, four", XENPF_resource_op, known, Argument::from_resource_op(four));
    step("firmware_info, no such type", XENPF_firmware_info, known, {
        Argument::from_firmware_info(xenpf_firmware_info { type_: 99, ..xenpf_firmware_info::ZERO })
    });
    let symbol = step("get_symbol", XENPF_get_symbol, known, Argument::ZERO);
    let last = xenpf_symdata { symnum: u32::MAX, ..xenpf_symdata::ZERO };
    step("get_symbol, no such symbol", XENPF_get_symbol, known, Argument::from_symdata(last));
    run.step("get_cpuinfo, CPUs", info.pcpu_info().max_present + 1);
    run.step("get_cpu_version, CPUs", model.pcpu_version().max_present + 1);
    run.step("get_symbol, the next", symbol.symdata().symnum);
}

fn hypfs<G: Guest>(run: &mut Run<'_, G>) {
    let (bad, mut buffer) = (run.guest.bad_address(), [0_u64; 4]);
    let buffer = buffer.as_mut_ptr().expose_provenance();
    let mut step = |name: &str, command: u32, path: &[u8], data: usize, size: usize| {
        let (at, length) =
            if path.is_empty() { (0, 0) } else { (path.as_ptr().expose_provenance(), path.len()) };
        let arguments = [command as usize, at, length, data, size];
        // SAFETY: nothing is written but the buffer, of `size` bytes.
        let result = unsafe { run.guest.xen().call(__HYPERVISOR_hypfs_op, arguments) };
        run.step(format_args!("hypfs_op, {name}"), Returned(result));
    };
    step("get_version", XEN_HYPFS_OP_get_version, b"", 0, 0);
    step("get_version, an argument", XEN_HYPFS_OP_get_version, b"/\0", 0, 0);
    step("read, no path", XEN_HYPFS_OP_read, b"", buffer, 32);
    step("read, no end", XEN_HYPFS_OP_read, b"/", buffer, 32);
    step("read, not absolute", XEN_HYPFS_OP_read, b"params\0", buffer, 32);
    step("read, no such entry", XEN_HYPFS_OP_read, b"/absent\0", buffer, 32);
    step("read, no directory", XEN_HYPFS_OP_read, b"/buildinfo/version/major/x\0", buffer, 32);
    step("read, no place", XEN_HYPFS_OP_read, b"/\0", 0, 0);
    step("read, too small", XEN_HYPFS_OP_read, b"/\0", buffer, 32);
    step("read, bad address", XEN_HYPFS_OP_read, b"/\0", bad, 4096);
    step("write, a directory", XEN_HYPFS_OP_write_contents, b"/\0", buffer, 0);
    step("unknown command", UNKNOWN, b"/\0", buffer, 32);
    step("unknown command, no such entry", UNKNOWN, b"/absent\0", buffer, 32);
}

fn xsm<G: Guest>(run: &mut Run<'_, G>) {
    let bad = run.guest.bad_address();
    // SAFETY: Xen cannot reach the argument.
    unsafe { run.raw("xsm_op, bad address", __HYPERVISOR_xsm_op, [bad, 0, 0]) };
    let mut op = xen_flask_op {
        cmd: FLASK_GETENFORCE,
        interface_version: XEN_FLASK_INTERFACE_VERSION,
        ..xen_flask_op::ZERO
    };
    let result = call(run, __HYPERVISOR_xsm_op, &mut op);
    run.step("xsm_op, getenforce", Returned(result));
}

fn kexec<G: Guest>(run: &mut Run<'_, G>) {
    let bad = run.guest.bad_address();
    let mut step = |name: &str, command: u32, at| {
        // SAFETY: the argument is of the command, or Xen looks at none.
        unsafe { run.raw(name, __HYPERVISOR_kexec_op, [command as usize, at, 0]) };
    };
    step("kexec_op, unknown command", UNKNOWN, bad);
    step("kexec_get_range, bad address", KEXEC_CMD_kexec_get_range, bad);
    let mut range = |name, range, nr| {
        let mut range = xen_kexec_range { range, nr, ..xen_kexec_range::ZERO };
        step(name, KEXEC_CMD_kexec_get_range, ptr::from_mut(&mut range).expose_provenance());
        range
    };
    let crash = range("kexec_get_range, crash kernel", KEXEC_RANGE_MA_CRASH as i32, 0);
    range("kexec_get_range, no such CPU", KEXEC_RANGE_MA_CPU as i32, -1);
    range("kexec_get_range, no such range", 99, 0);
    run.step("kexec_get_range, crash kernel, size", crash.size);
}

/// Upstream's names, which Arm's headers leave out.
const XEN_MCA_INTERFACE_VERSION: u32 = 0x01ec_c003;
const XEN_MC_PHYSCPUINFO: u32 = 3;
const MCA: u32 = __HYPERVISOR_arch_0;

fn mca<G: Guest>(run: &mut Run<'_, G>) {
    let bad = run.guest.bad_address();
    // SAFETY: Xen cannot reach the argument.
    unsafe { run.raw("mca, bad address", MCA, [bad, 0, 0]) };
    let mut step = |name: &str, cmd, version| {
        // More than the structure's words.
        let mut op = [0_u32; 128];
        op[..2].copy_from_slice(&[cmd, version]);
        let result = call(run, MCA, &mut op);
        run.step(name, Returned(result));
    };
    step("mca, a version of no release", XEN_MC_PHYSCPUINFO, 1);
    step("mca, unknown command", UNKNOWN, XEN_MCA_INTERFACE_VERSION);
    step("mca, physcpuinfo", XEN_MC_PHYSCPUINFO, XEN_MCA_INTERFACE_VERSION);
}

fn counters<G: Guest>(run: &mut Run<'_, G>) {
    let bad = run.guest.bad_address();
    // SAFETY: Xen cannot reach the argument.
    unsafe { run.raw("xenpmu_op, bad address", __HYPERVISOR_xenpmu_op, [0, bad, 0]) };
}
