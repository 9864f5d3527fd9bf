//! `dm_op`: ioreq servers.

#![allow(clippy::useless_conversion, reason = "64-bit integers of 32-bit ABIs are wrapped")]

use xen_abi::errno::*;
use xen_abi::event_channel::evtchn_port_t;
use xen_abi::hvm::dm_op::*;
use xen_abi::hvm::hvm_op::{HVMOP_set_param, xen_hvm_param};
use xen_abi::hvm::params::*;
use xen_abi::memory::*;
use xen_abi::xen::*;
use xen_abi::{Errno, GuestHandle};
use xen_ops::hypercall::{Error, dm_op, event_channel_op};
use xen_sim::{Domain, DomainConfig, GuestKind, Release, Xen};

use crate::support::*;

fn errno<T>(result: Result<T, Error>) -> Result<T, Errno> {
    result.map_err(|error| error.errno().unwrap())
}

/// A machine with a control domain, an emulated domain, and another.
fn machines(kind: GuestKind) -> (Xen, Domain, Domain, Domain) {
    let xen = Xen::new();
    let control = xen.domain(DomainConfig::new(kind).privileged()).unwrap();
    let target = xen.domain(DomainConfig::new(GuestKind::Pvh).vcpus(2)).unwrap();
    let other = xen.domain(DomainConfig::new(GuestKind::Pv)).unwrap();
    (xen, control, target, other)
}

#[test]
fn checks_come_in_their_order() {
    let (_xen, control, target, other) = machines(GuestKind::Pvh);
    let target_id = domid(&target);
    let create =
        |xen: &Domain, domid, handling| errno(dm_op::create_ioreq_server(xen, domid, handling));
    assert_eq!(create(&control, domid_t(99), 9), Err(XEN_ESRCH));
    assert_eq!(create(&control, DOMID_SELF, 0), Err(XEN_ESRCH));
    assert_eq!(create(&control, domid(&control), 0), Err(XEN_EPERM));
    // A PV domain has no emulated devices. The caller does not matter.
    assert_eq!(create(&target, domid(&other), 0), Err(XEN_EINVAL));
    assert_eq!(create(&other, target_id, 9), Err(XEN_EPERM));
    assert_eq!(create(&control, target_id, 3), Err(XEN_EINVAL));
    let raw = |count: usize, at: usize| {
        call(&control, __HYPERVISOR_dm_op, [target_id.0.into(), count, at, 0, 0])
    };
    assert_eq!((raw(0, 0), raw(3, 0), raw(1, 0)), (-61, -7, -14));
    let mut op = xen_dm_op { op: 99, ..xen_dm_op::ZERO };
    let with = |size: u64, op: &mut xen_dm_op| {
        let h = GuestHandle::from_addr(core::ptr::from_mut(op).expose_provenance() as _);
        let mut buffer = xen_dm_op_buf { h, size: ulong(size) };
        raw(1, core::ptr::from_mut(&mut buffer).expose_provenance())
    };
    assert_eq!((with(7, &mut op), with(8, &mut op)), (-14, -95));
    op.op = XEN_DMOP_create_ioreq_server;
    assert_eq!(with(8, &mut op), -14);
    op.pad = 1;
    assert_eq!(with(16, &mut op), -22);
    let old = Xen::builder().release(Release::V4_14).build();
    let control = old.domain(DomainConfig::new(GuestKind::Pv).privileged()).unwrap();
    let target = old.domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
    assert_eq!(errno(dm_op::nr_vcpus(&control, domid(&target))), Err(XEN_EOPNOTSUPP));
}

#[test]
fn a_server_has_ranges_and_ports_until_it_is_destroyed() {
    let (xen, control, target, other) = machines(GuestKind::Pv);
    let to = domid(&target);
    assert_eq!(errno(dm_op::nr_vcpus(&control, to)), Ok(2));
    let id = dm_op::create_ioreq_server(&control, to, 1).unwrap();
    let info = dm_op::get_ioreq_server_info(&control, to, id, XEN_DMOP_no_gfns).unwrap();
    // The port of the ring follows the first vCPU's.
    assert_eq!(info.bufioreq_port, evtchn_port_t(2));
    assert!(event_channel_op::bind_interdomain(&control, to, info.bufioreq_port).is_ok());
    assert!(event_channel_op::bind_interdomain(&control, to, evtchn_port_t(4)).is_err());
    let map = |type_, start: u64, end: u64| {
        let range = (start.into(), end.into());
        errno(dm_op::map_io_range_to_ioreq_server(&control, to, id, type_, range.0, range.1))
    };
    let unmap = |start: u64, end: u64| {
        let range = (start.into(), end.into());
        errno(dm_op::unmap_io_range_from_ioreq_server(&control, to, id, 0, range.0, range.1))
    };
    assert_eq!(map(0, 2, 1), Err(XEN_EINVAL));
    assert_eq!(map(7, 1, 2), Err(XEN_EINVAL));
    assert_eq!(map(0, 10, 20), Ok(()));
    assert_eq!(map(0, 20, 30), Err(XEN_EEXIST));
    assert_eq!(unmap(15, 21), Err(XEN_ENOENT));
    assert_eq!(unmap(12, 20), Ok(()));
    let state = |id, enabled| errno(dm_op::set_ioreq_server_state(&control, to, id, enabled));
    assert_eq!((state(id, 1), state(id + 1, 1)), (Ok(()), Err(XEN_ENOENT)));
    let mut bitmap = [0xff; 2];
    let track = |bitmap: &mut [u8], nr| {
        errno(dm_op::track_dirty_vram(&control, to, nr, 0_u64.into(), bitmap))
    };
    assert_eq!(track(&mut bitmap, 17), Err(XEN_EINVAL));
    assert_eq!((track(&mut bitmap, 9), bitmap), (Ok(()), [0, 0]));
    // Another control domain is not who made it.
    let second = xen.domain(DomainConfig::new(GuestKind::Pvh).privileged()).unwrap();
    assert_eq!(errno(dm_op::destroy_ioreq_server(&second, to, id)), Err(XEN_EPERM));
    assert_eq!(errno(dm_op::destroy_ioreq_server(&other, to, id)), Err(XEN_EPERM));
    assert_eq!(errno(dm_op::destroy_ioreq_server(&control, to, id)), Ok(()));
    assert_eq!(errno(dm_op::destroy_ioreq_server(&control, to, id)), Err(XEN_ENOENT));
    for server in 0..8 {
        assert_eq!(errno(dm_op::create_ioreq_server(&control, to, 0)), Ok(server));
    }
    assert_eq!(errno(dm_op::create_ioreq_server(&control, to, 0)), Err(XEN_ENOSPC));
    target.destroy();
    assert_eq!(xen.check_invariants(), Ok(()));
}

fn set_param(control: &Domain, domid: domid_t, index: u32, value: u64) {
    let mut op = xen_hvm_param { domid, index, value, ..xen_hvm_param::ZERO };
    let at = core::ptr::from_mut(&mut op).expose_provenance();
    assert_eq!(call(control, __HYPERVISOR_hvm_op, [HVMOP_set_param as usize, at, 0, 0, 0]), 0);
}

/// The pages of a server are frames of the domain's that the toolstack set aside, or Xen's own, and not one
/// after the other.
#[test]
fn the_pages_of_a_server_have_a_place_or_are_a_resource() {
    let (xen, control, target, _other) = machines(GuestKind::Pv);
    let to = domid(&target);
    let placed = dm_op::create_ioreq_server(&control, to, 1).unwrap();
    let info =
        |id| errno(dm_op::get_ioreq_server_info(&control, to, id, IoreqServerInfoFlags::empty()));
    assert_eq!(info(placed).map(|_| ()), Err(XEN_ENOMEM));
    let pages = [target.page().unwrap(), target.page().unwrap()];
    let frames = pages.each_ref().map(|page| pfn_to_u64(xen_ops::page::Page::frame(page)));
    set_param(&control, to, HVM_PARAM_IOREQ_PFN, frames[0]);
    set_param(&control, to, HVM_PARAM_BUFIOREQ_PFN, frames[1]);
    let found = info(placed).unwrap();
    assert_eq!([found.ioreq_gfn, found.bufioreq_gfn].map(u64::from), frames);
    // While the server is on, its pages are not the domain's.
    assert!(machine_frame(&target, frames[0]).is_some());
    dm_op::set_ioreq_server_state(&control, to, placed, 1).unwrap();
    assert_eq!(machine_frame(&target, frames[0]), None);
    assert_eq!(xen.check_invariants(), Ok(()));

    let resource = |id: ioservid_t, frame| {
        let mut list = [xen_pfn_t(0)];
        let mut op = xen_mem_acquire_resource {
            domid: to,
            type_: XENMEM_resource_ioreq_server as u16,
            id: id.into(),
            nr_frames: 1,
            frame,
            frame_list: GuestHandle::from_mut_slice(&mut list),
            ..xen_mem_acquire_resource::ZERO
        };
        let at = core::ptr::from_mut(&mut op).expose_provenance();
        let command = XENMEM_acquire_resource as usize;
        (call(&control, __HYPERVISOR_memory_op, [command, at, 0, 0, 0]), pfn_to_u64(list[0]))
    };
    assert_eq!(resource(placed, 1).0, -1);
    let mapped = dm_op::create_ioreq_server(&control, to, 0).unwrap();
    let (result, frame) = resource(mapped, 1);
    assert_eq!((result, frame != 0), (0, true));
    assert_eq!(resource(mapped, 0).0, -2);
    assert_eq!(info(mapped).map(|_| ()), Err(XEN_EPERM));
    dm_op::destroy_ioreq_server(&control, to, placed).unwrap();
    assert!(machine_frame(&target, frames[0]).is_some());
    dm_op::destroy_ioreq_server(&control, to, mapped).unwrap();
    assert_eq!(xen.check_invariants(), Ok(()));
}
