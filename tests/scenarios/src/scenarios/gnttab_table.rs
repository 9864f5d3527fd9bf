//! The size and the version of a table.

#![allow(unsafe_code, reason = "hypercalls that no typed wrapper makes")]

use core::ptr;

use xen_abi::GuestHandle;
use xen_abi::grant_table::*;
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};
use xen_ops::hypercall::grant_table_op::{
    get_status_frames, get_version, query_size, set_version, setup_table,
};

use crate::outcome::{Outcome, Value};
use crate::{Guest, Run};

const NO_DOMAIN: domid_t = domid_t(777);

pub(crate) fn table<G: Guest>(run: &mut Run<'_, G>) {
    let me = run.guest.domid();
    for (name, dom) in [("query_size", DOMID_SELF), ("query_size, own number", me)] {
        let size = query_size(run.guest.xen(), dom);
        let frames = size.as_ref().map_or(0, |size| size.nr_frames);
        run.step(format_args!("{name}, most frames"), Value(size.map(|size| size.max_nr_frames)));
        run.step(format_args!("{name}, frames"), frames);
    }
    let size = query_size(run.guest.xen(), NO_DOMAIN);
    run.outcome("query_size, no such domain", size);

    let mut frames = [xen_pfn_t(0); 70];
    for (name, dom, count) in [
        ("setup_table, 1 frame", DOMID_SELF, 1),
        ("setup_table, own number", me, 1),
        ("setup_table, no frames", DOMID_SELF, 0),
        ("setup_table, no such domain", NO_DOMAIN, 1),
        ("setup_table, more than there can be", DOMID_SELF, 65),
        ("setup_table, all there can be", DOMID_SELF, 64),
    ] {
        let result = setup_table(run.guest.xen(), dom, &mut frames[..count]);
        run.outcome(name, result);
    }
    let given = frames.iter().take(64);
    let none = given.clone().filter(|frame| frame.0 as u32 == u32::MAX || frame.0 == 0).count();
    run.step("setup_table, all there can be, frames without a number", none);
    let size = query_size(run.guest.xen(), DOMID_SELF);
    run.step("frames after all that", Value(size.map(|size| size.nr_frames)));
    let bad = run.guest.bad_address();
    let list = GuestHandle::from_addr(bad as _);
    let mut setup = gnttab_setup_table {
        dom: DOMID_SELF,
        nr_frames: 1,
        frame_list: list,
        ..gnttab_setup_table::ZERO
    };
    let at = ptr::from_mut(&mut setup).expose_provenance();
    // SAFETY: Xen finds that there is no list.
    unsafe { run.raw_grant("setup_table, bad list", GNTTABOP_setup_table, at, 1) };
    run.step("setup_table, bad list, status", setup.status.name().unwrap_or("unknown"));

    for (name, dom) in [
        ("get_version", DOMID_SELF),
        ("get_version, own number", me),
        ("get_version, no such domain", NO_DOMAIN),
    ] {
        let version = get_version(run.guest.xen(), dom);
        run.step(name, Value(version));
    }
    let mut list = [0];
    for (name, dom, count) in [
        ("get_status_frames in version 1", DOMID_SELF, 1),
        ("get_status_frames in version 1, none", DOMID_SELF, 0),
        ("get_status_frames, no such domain", NO_DOMAIN, 1),
    ] {
        let result = get_status_frames(run.guest.xen(), dom, &mut list[..count]);
        run.outcome(name, result);
    }
    for version in [0, 1, 3, u32::MAX] {
        // SAFETY: nothing relies on a grant.
        let (result, now) = unsafe { set_version(run.guest.xen(), version) };
        run.step(format_args!("set_version {version}"), Outcome::of(&result));
        run.step(format_args!("set_version {version}, in effect"), now);
    }
}
