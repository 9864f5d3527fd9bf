//! `xen_version`: what Xen says of itself.

#![allow(unsafe_code, reason = "hypercalls without a typed wrapper")]
#![allow(non_upper_case_globals, reason = "upstream's constants are matched against")]

use core::ptr;

use xen_abi::version::*;
use xen_abi::xen::__HYPERVISOR_xen_version;
use xen_ops::hypercall::Hypercall;
use xen_ops::hypercall::xen_version::*;

use crate::outcome::{LongHex, Value};
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
        told(run, name, command, &argument);
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
    texts(run);
}

/// What was written, as far as it is not the build's own.
fn told<G: Guest>(run: &mut Run<'_, G>, name: &str, command: u32, argument: &Argument) {
    let bytes = &argument.0;
    let text = || {
        let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(0);
        core::str::from_utf8(&bytes[..length]).unwrap_or("no text")
    };
    let number = |at: usize| {
        let bytes = bytes[at..].first_chunk().copied().unwrap_or_default();
        if cfg!(target_pointer_width = "64") || command == XENVER_get_features {
            u64::from_le_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes) & u64::from(u32::MAX)
        }
    };
    match command {
        XENVER_capabilities => run.step(format_args!("{name}, text"), text().trim_end()),
        XENVER_commandline => run.step(format_args!("{name}, denied"), text() == "<denied>"),
        XENVER_extraversion | XENVER_changeset => {
            run.step(format_args!("{name}, denied"), text() == "<denied>");
        }
        XENVER_platform_parameters => {
            run.step(format_args!("{name}, virt_start"), LongHex(number(0)));
        }
        XENVER_get_features => {
            // The number of the map comes first.
            run.step(format_args!("{name}, features"), LongHex(number(0) >> 32));
        }
        _ => {}
    }
}

/// What has a length of its own: asked for, and read with and without enough room.
fn texts<G: Guest>(run: &mut Run<'_, G>) {
    let xen = run.guest.xen();
    let (mut few, mut many) = (Varbuf::<[u8; 1]>::new(), Varbuf::<[u8; 1024]>::new());
    let answers = [
        ("build_id, length", build_id_size(xen)),
        ("build_id", build_id(xen, &mut many)),
        ("build_id, too little room", build_id(xen, &mut few)),
        ("extraversion2, length", extraversion2_size(xen)),
        ("extraversion2", extraversion2(xen, &mut many)),
        ("extraversion2, too little room", extraversion2(xen, &mut few)),
        ("capabilities2, length", capabilities2_size(xen)),
        ("capabilities2", capabilities2(xen, &mut many)),
        ("capabilities2, too little room", capabilities2(xen, &mut few)),
        ("changeset2, length", changeset2_size(xen)),
        ("changeset2", changeset2(xen, &mut many)),
        ("commandline2, length", commandline2_size(xen)),
        ("commandline2", commandline2(xen, &mut many)),
        ("commandline2, too little room", commandline2(xen, &mut few)),
    ];
    let [_, build_id, _, extraversion_length, extraversion, ..] = answers;
    for (name, answer) in answers {
        run.outcome(name, answer);
    }
    run.step("build_id, bytes", Value(build_id.1));
    let same = (extraversion_length.1.ok(), extraversion.1.ok());
    run.step("length of extraversion2, as it was said", same.0 == same.1);
}
