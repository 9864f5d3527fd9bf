//! Every status and every error number that grant and memory operations have is produced here by
//! what a guest can do, without injected faults.

use std::collections::BTreeSet;

use xen_abi::errno::*;
use xen_abi::grant_table::*;
use xen_abi::memory::*;
use xen_abi::xen::*;
use xen_abi::{Errno, GrantStatus, GuestHandle};
use xen_ops::page::{MapTarget as _, Page as _};
use xen_sim::{DomainConfig, GuestKind, Release, Xen, Xsm};

use crate::support::*;

/// Maps reference 8 after `change`, in a pair of that kind.
fn map_after(
    kind: GuestKind,
    change: impl FnOnce(&xen_sim::Domain, &xen_sim::Domain, &mut gnttab_map_grant_ref),
) -> GrantStatus {
    let (_xen, a, b) = pair(kind);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let target = b.target();
    let mut op = map_op(&a, 8, GNTMAP_host_map, &target);
    change(&a, &b, &mut op);
    assert_eq!(grant_op(&b, GNTTABOP_map_grant_ref, std::slice::from_mut(&mut op)), 0);
    op.status
}

fn okay() -> GrantStatus {
    map_after(GuestKind::Pvh, |_, _, _| ())
}

fn general_error() -> GrantStatus {
    map_after(GuestKind::Pvh, |_, _, op| op.flags |= GNTMAP_device_map)
}

fn bad_domain() -> GrantStatus {
    map_after(GuestKind::Pvh, |_, _, op| op.dom = DOMID_SELF)
}

fn bad_gntref() -> GrantStatus {
    map_after(GuestKind::Pvh, |_, _, op| op.ref_ = grant_ref_t(u32::MAX))
}

fn bad_handle() -> GrantStatus {
    let (_xen, a) = machine(GuestKind::Pvh);
    unmap(&a, grant_handle_t(0), 0x1000, 0)
}

#[cfg(not(target_arch = "x86"))]
fn bad_virt_addr() -> GrantStatus {
    let (_xen, a) = machine(GuestKind::Pvh);
    let mut op = [gnttab_setup_table {
        dom: DOMID_SELF,
        nr_frames: 1,
        frame_list: GuestHandle::NULL,
        ..gnttab_setup_table::ZERO
    }];
    assert_eq!(grant_op(&a, GNTTABOP_setup_table, &mut op), 0);
    op[0].status
}

fn bad_dev_addr() -> GrantStatus {
    let (_xen, a, b) = pair(GuestKind::Pv);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let op = map(&b, &a, 8, GNTMAP_device_map, &b.target());
    unmap(&b, op.handle, 0, op.dev_bus_addr + 1)
}

fn without_handles(release: Release) -> GrantStatus {
    let xen = Xen::builder().release(release).build();
    let a = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(2).max_maptrack_frames(0));
    map(&a, &a, 8, GNTMAP_host_map, &a.target()).status
}

fn permission_denied() -> GrantStatus {
    let xen = Xen::builder().xsm(Xsm::Silo).build();
    let a = guest(&xen, DomainConfig::new(GuestKind::Arm).pages(2));
    let b = guest(&xen, DomainConfig::new(GuestKind::Arm).pages(2));
    map(&b, &a, 8, GNTMAP_host_map, &b.target()).status
}

fn bad_page() -> GrantStatus {
    map_after(GuestKind::Pvh, |a, b, _| {
        grant(a, 8, GTF_permit_access, domid(b), xen_pfn_t(0xdead));
    })
}

fn bad_copy_arg() -> GrantStatus {
    let (_xen, a, b) = pair(GuestKind::Pvh);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let own = b.page().unwrap();
    copy(&b, by_ref(&a, 8, 4000), by_frame(&own, 0), 100, GNTCOPY_source_gref)
}

/// A frame number of 32-bit x86 always fits.
#[cfg(not(target_arch = "x86"))]
fn address_too_big() -> GrantStatus {
    let xen = Xen::builder().first_frame(xen_pfn_t(1 << 32)).build();
    let a = guest(&xen, DomainConfig::new(GuestKind::Pv).pages(2));
    let page = a.page().unwrap();
    let mut op = [gnttab_transfer { mfn: page.frame(), domid: domid(&a), ..gnttab_transfer::ZERO }];
    assert_eq!(grant_op(&a, GNTTABOP_transfer, &mut op), 0);
    op[0].status
}

/// Where nothing is paged out, an entry in use that is to be swapped.
fn eagain() -> GrantStatus {
    let (_xen, a, b) = pair(GuestKind::Pvh);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    map_okay(&b, &a, 8, false, &b.target());
    let mut op = [gnttab_swap_grant_ref {
        ref_a: grant_ref_t(8),
        ref_b: grant_ref_t(9),
        ..gnttab_swap_grant_ref::ZERO
    }];
    assert_eq!(grant_op(&a, GNTTABOP_swap_grant_ref, &mut op), 0);
    op[0].status
}

#[test]
fn every_status_is_produced() {
    type Row = (GrantStatus, fn() -> GrantStatus);
    let ledger: &[Row] = &[
        (GNTST_okay, okay),
        (GNTST_general_error, general_error),
        (GNTST_bad_domain, bad_domain),
        (GNTST_bad_gntref, bad_gntref),
        (GNTST_bad_handle, bad_handle),
        #[cfg(not(target_arch = "x86"))]
        (GNTST_bad_virt_addr, bad_virt_addr),
        (GNTST_bad_dev_addr, bad_dev_addr),
        (GNTST_no_device_space, || without_handles(Release::V4_14)),
        (GNTST_permission_denied, permission_denied),
        (GNTST_bad_page, bad_page),
        (GNTST_bad_copy_arg, bad_copy_arg),
        #[cfg(not(target_arch = "x86"))]
        (GNTST_address_too_big, address_too_big),
        (GNTST_eagain, eagain),
        (GNTST_no_space, || without_handles(Release::V4_20)),
    ];
    let produced: BTreeSet<i16> = ledger
        .iter()
        .map(|(status, produce)| {
            assert_eq!(produce(), *status);
            status.0
        })
        .collect();
    // Guests of 32 bits have no such frame numbers, and do not learn of such a list.
    let only_wide = [GNTST_address_too_big.0, GNTST_bad_virt_addr.0];
    let can_be = |status: &i16| !COMPAT || !only_wide.contains(status);
    assert_eq!(produced, (-13..=0).filter(can_be).collect());
}

/// Adds a frame of that space to the address space of a domain of that kind.
fn add(kind: GuestKind, space: u32, idx: u64, gfn: u64) -> isize {
    let (_xen, a) = machine(kind);
    add_to_physmap(&a, space, idx, gfn)
}

fn raw(number: u32, command: usize, at: usize, count: usize) -> isize {
    let (_xen, a) = machine(GuestKind::Pvh);
    call(&a, number, [command, at, count, 0, 0])
}

fn exchange(kind: GuestKind, order: u32) -> isize {
    let (_xen, a) = machine(kind);
    let page = a.page().unwrap();
    let mut list = [page.frame()];
    let reservation = xen_memory_reservation {
        extent_start: GuestHandle::from_mut_slice(&mut list),
        nr_extents: 1,
        extent_order: order,
        domid: DOMID_SELF,
        ..xen_memory_reservation::ZERO
    };
    let mut op = xen_memory_exchange { in_: reservation, out: reservation, nr_exchanged: 0 };
    a.faults().no_memory(1);
    memory_op(&a, XENMEM_exchange, &mut op)
}

fn acquire(release: Release, privileged: bool, nr_frames: u32, fails: Option<u32>) -> isize {
    let xen = Xen::builder().release(release).build();
    let a = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(2));
    let config = DomainConfig::new(GuestKind::Pvh).pages(2);
    let tools = guest(&xen, if privileged { config.privileged() } else { config });
    if let Some(frames) = fails {
        tools.faults().acquire_fails_after(frames);
    }
    let mut list: Vec<_> = (0..u64::from(nr_frames)).map(|at| pfn(0x20_0000 + at)).collect();
    let mut op = xen_mem_acquire_resource {
        domid: domid(&a),
        type_: XENMEM_resource_grant_table as u16,
        nr_frames,
        frame_list: GuestHandle::from_mut_slice(&mut list),
        ..xen_mem_acquire_resource::ZERO
    };
    memory_op(&tools, XENMEM_acquire_resource, &mut op)
}

fn remove_hole() -> isize {
    let (_xen, a) = machine(GuestKind::Pvh);
    let gpfn = xen_pfn_t(0xdead);
    let mut op =
        xen_remove_from_physmap { domid: DOMID_SELF, gpfn, ..xen_remove_from_physmap::ZERO };
    memory_op(&a, XENMEM_remove_from_physmap, &mut op)
}

/// What is at a frame number when something is to be mapped there that cannot be taken away.
fn map_over_a_grant() -> isize {
    let (_xen, a, b) = pair(GuestKind::Pvh);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let target = b.target();
    map_okay(&b, &a, 8, false, &target);
    add_to_physmap(&b, XENMAPSPACE_shared_info, 0, target.host_addr() >> 12)
}

fn version_of(dom: domid_t) -> isize {
    let (_xen, a) = machine(GuestKind::Pvh);
    let _other = guest(&_xen, DomainConfig::new(GuestKind::Pvh).pages(2));
    let mut op = [gnttab_get_version { dom, ..gnttab_get_version::ZERO }];
    grant_op(&a, GNTTABOP_get_version, &mut op)
}

fn leave_version_2(change: impl FnOnce(&xen_sim::Domain)) -> isize {
    let (_xen, a) = machine(GuestKind::Pvh);
    assert_eq!(set_version(&a, 2).0, 0);
    change(&a);
    set_version(&a, 1).0
}

fn transfer_on_arm() -> isize {
    let (_xen, a) = machine(GuestKind::Arm);
    grant_op(&a, GNTTABOP_transfer, &mut [gnttab_transfer::ZERO])
}

fn vnuma_sizes() -> isize {
    let (_xen, a) = machine(GuestKind::Pvh);
    a.set_vnuma(xen_sim::VnumaTopology {
        vdistance: vec![10],
        ..xen_sim::VnumaTopology::default()
    });
    let mut op = xen_vnuma_topology_info { domid: DOMID_SELF, ..xen_vnuma_topology_info::ZERO };
    memory_op(&a, XENMEM_get_vnumainfo, &mut op)
}

#[cfg(not(target_arch = "x86"))]
fn overflowing_range() -> isize {
    let (_xen, a) = machine(GuestKind::Pvh);
    let mut op = xen_add_to_physmap {
        domid: DOMID_SELF,
        size: 2,
        space: XENMAPSPACE_gmfn_range,
        idx: xen_ulong_t::MAX,
        gpfn: xen_pfn_t(0),
    };
    memory_op(&a, XENMEM_add_to_physmap, &mut op)
}

/// The batch is shorter than what is said to be done of it.
fn continued_too_far() -> isize {
    let (_xen, a) = machine(GuestKind::Pvh);
    let mut op = xen_add_to_physmap_batch {
        domid: DOMID_SELF,
        space: XENMAPSPACE_grant_table as u16,
        ..xen_add_to_physmap_batch::ZERO
    };
    let at = std::ptr::from_mut(&mut op).expose_provenance();
    let command = XENMEM_add_to_physmap_batch as usize | 1 << 6;
    call(&a, __HYPERVISOR_memory_op, [command, at, 0, 0, 0])
}

#[test]
fn every_error_number_is_produced() {
    const GRANT: u32 = __HYPERVISOR_grant_table_op;
    const MEMORY: u32 = __HYPERVISOR_memory_op;
    let shared_info = XENMAPSPACE_shared_info;
    type Row = (Errno, Box<dyn Fn() -> isize>);
    let ledger: &[Row] = &[
        (XEN_EPERM, Box::new(|| version_of(domid_t(2)))),
        (XEN_ENOENT, Box::new(remove_hole)),
        (XEN_ESRCH, Box::new(|| version_of(domid_t(77)))),
        (XEN_EIO, Box::new(|| acquire(Release::V4_20, true, 2, Some(1)))),
        (XEN_ENXIO, Box::new(map_over_a_grant)),
        (XEN_E2BIG, Box::new(|| acquire(Release::V4_14, true, 33, None))),
        (XEN_EAGAIN, Box::new(|| leave_version_2(|a| a.faults().copying(1)))),
        (XEN_ENOMEM, Box::new(|| exchange(GuestKind::Pv, 0))),
        (XEN_EACCES, Box::new(|| acquire(Release::V4_17, false, 1, None))),
        (XEN_EFAULT, Box::new(|| raw(GRANT, GNTTABOP_copy as usize, 0, 1))),
        (
            XEN_EBUSY,
            Box::new(|| {
                let (_xen, a) = machine(GuestKind::Arm);
                add_to_physmap(&a, XENMAPSPACE_grant_table, 0, TABLE_GFN + 1)
            }),
        ),
        (XEN_EINVAL, Box::new(|| raw(GRANT, GNTTABOP_copy as usize, 0, 1 << 31))),
        (XEN_EDOM, Box::new(|| raw(MEMORY, XENMEM_add_to_physmap as usize | 1 << 22, 0, 0))),
        (
            XEN_ERANGE,
            Box::new(|| leave_version_2(|a| grant2(a, 0, GTF_transitive, domid(a), 0, 0))),
        ),
        (XEN_ENOSYS, Box::new(|| raw(GRANT, GNTTABOP_dump_table as usize, 0, 1))),
        #[cfg(not(target_arch = "x86"))]
        (XEN_EOVERFLOW, Box::new(overflowing_range)),
        (XEN_EILSEQ, Box::new(continued_too_far)),
        (XEN_EOPNOTSUPP, Box::new(transfer_on_arm)),
        (XEN_EOPNOTSUPP, Box::new(|| exchange(GuestKind::Pvh, 0))),
        (XEN_ENOBUFS, Box::new(vnuma_sizes)),
        (XEN_EACCES, Box::new(move || add(GuestKind::Pv, shared_info, 0, 1))),
    ];
    let produced: BTreeSet<u32> = ledger
        .iter()
        .map(|(errno, produce)| {
            assert_eq!(Errno::from_result(produce()), Some(*errno), "{errno}");
            errno.0
        })
        .collect();
    let listed = [1, 2, 3, 5, 6, 7, 11, 12, 13, 14, 16, 22, 33, 34, 38, 75, 84, 95, 105];
    // No range of 32-bit numbers ends beyond all numbers.
    let can_be = |errno: &u32| !COMPAT || *errno != XEN_EOVERFLOW.0;
    assert_eq!(produced, listed.into_iter().filter(can_be).collect());
}
