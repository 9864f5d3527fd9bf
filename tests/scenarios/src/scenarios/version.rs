//! `xen_version`: what Xen says of itself.

#![allow(unsafe_code, reason = "hypercalls without a typed wrapper")]

use core::ptr;

use xen_abi::version::*;
use xen_abi::xen::__HYPERVISOR_xen_version;
use xen_ops::hypercall::Hypercall;

use crate::{Guest, Run};

/// Larger than all that any of the operations writes, and read by one of them.
#[repr(C, align(8))]
struct Argument([u8; 4096]);

pub(crate) fn version<G: Guest>(run: &mut Run<'_, G>) {
    // SAFETY: no pointer is handed over.
    let version = unsafe { run.guest.xen().call2(__HYPERVISOR_xen_version, [0, 0]) };
    run.step("version", format_args!("{}.{}", version >> 16, version & 0xffff));

    for (name, command, first_byte) in [
        ("extraversion", XENVER_extraversion, 0),
        ("compile_info", XENVER_compile_info, 0),
        ("capabilities", XENVER_capabilities, 0),
        ("changeset", XENVER_changeset, 0),
        ("platform_parameters", XENVER_platform_parameters, 0),
        ("get_features, submap 0", XENVER_get_features, 0),
        ("get_features, submap 1", XENVER_get_features, 1),
        ("pagesize, an argument", XENVER_pagesize, 0),
        ("guest_handle", XENVER_guest_handle, 0),
        ("commandline", XENVER_commandline, 0),
        ("unknown command", 99, 0),
    ] {
        let mut argument = Argument([0; 4096]);
        argument.0[0] = first_byte;
        let at = ptr::from_mut(&mut argument).expose_provenance();
        // SAFETY: the argument is large enough for each of them.
        unsafe { run.raw(name, __HYPERVISOR_xen_version, [command as usize, at, 0]) };
    }
    // SAFETY: no pointer is handed over.
    unsafe {
        let pagesize = XENVER_pagesize as usize;
        run.raw("pagesize, no argument", __HYPERVISOR_xen_version, [pagesize, 0, 0]);
    }
    let bad = run.guest.bad_address();
    for (name, command) in [
        ("extraversion, bad address", XENVER_extraversion),
        ("get_features, bad address", XENVER_get_features),
    ] {
        // SAFETY: there is no argument, and Xen says so.
        unsafe { run.raw(name, __HYPERVISOR_xen_version, [command as usize, bad, 0]) };
    }
}
