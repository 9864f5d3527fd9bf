//! The spaces of `XENMEM_add_to_physmap`, batches of them, removal, and acquired resources.

use xen_abi::GuestHandle;
use xen_abi::grant_table::GrantEntryFlags;
use xen_abi::memory::*;
use xen_abi::xen::*;
use xen_ops::page::Page as _;
use xen_sim::{Domain, DomainConfig, GuestKind, Release, Xen};

use crate::support::*;

/// Frame numbers that the simulator's guests do not use.
const UNUSED: u64 = 0x20_0000;
const SHARED_INFO: u32 = XENMAPSPACE_shared_info;
const TABLE: u32 = XENMAPSPACE_grant_table;

fn remove(domain: &Domain, domid: domid_t, gfn: u64) -> isize {
    let mut op = xen_remove_from_physmap { domid, gpfn: pfn(gfn), ..xen_remove_from_physmap::ZERO };
    memory_op(domain, XENMEM_remove_from_physmap, &mut op)
}

fn range(domain: &Domain, idx: u64, gfn: u64, size: u16) -> isize {
    let mut op = xen_add_to_physmap {
        domid: DOMID_SELF,
        size,
        space: XENMAPSPACE_gmfn_range,
        idx: ulong(idx),
        gpfn: pfn(gfn),
    };
    memory_op(domain, XENMEM_add_to_physmap, &mut op)
}

fn batch(
    domain: &Domain,
    space: u32,
    foreign: domid_t,
    idxs: &mut [xen_ulong_t],
    gfns: &mut [xen_pfn_t],
    errs: &mut [i32],
) -> isize {
    let mut op = xen_add_to_physmap_batch {
        domid: DOMID_SELF,
        space: space as u16,
        size: idxs.len() as u16,
        u: xen_add_to_physmap_batch_extra::from_foreign_domid(foreign),
        idxs: GuestHandle::from_mut_slice(idxs),
        gpfns: GuestHandle::from_mut_slice(gfns),
        errs: GuestHandle::from_mut_slice(errs),
    };
    memory_op(domain, XENMEM_add_to_physmap_batch, &mut op)
}

#[test]
fn each_space_has_its_own_errors() {
    for kind in [GuestKind::Pvh, GuestKind::Arm] {
        let (xen, a, b) = pair(kind);
        let arm = kind == GuestKind::Arm;
        assert_eq!(add_to_physmap(&a, SHARED_INFO, 0, UNUSED), 0);
        assert_eq!(add_to_physmap(&a, SHARED_INFO, 1, UNUSED + 1), -22);
        assert_eq!(add_to_physmap(&a, TABLE, 64, UNUSED + 1), -22);
        let is_frame = COMPAT && add_to_physmap(&a, TABLE, 1, u64::MAX) == 0;
        assert!(is_frame || add_to_physmap(&a, TABLE, 1, u64::MAX) == -22);
        assert_eq!(add_to_physmap(&a, XENMAPSPACE_gmfn_foreign, 0, UNUSED), -38);
        assert_eq!(add_to_physmap(&a, 77, 0, UNUSED + 1), if arm { -38 } else { -22 });
        assert_eq!(add_to_physmap(&a, XENMAPSPACE_dev_mmio, 0, UNUSED + 1), -13);
        let again = if arm { -16 } else { 0 };
        assert_eq!(add_to_physmap(&a, SHARED_INFO, 0, UNUSED + 2), again);
        a.faults().busy(1);
        assert_eq!(add_to_physmap(&a, TABLE, 1, TABLE_GFN + 1), -16);
        let mut op = xen_add_to_physmap { domid: domid(&b), ..xen_add_to_physmap::ZERO };
        assert_eq!(memory_op(&a, XENMEM_add_to_physmap, &mut op), -1);
        op.domid = domid_t(77);
        assert_eq!(memory_op(&a, XENMEM_add_to_physmap, &mut op), -3);
        let command = XENMEM_add_to_physmap as usize;
        assert_eq!(call(&a, __HYPERVISOR_memory_op, [command, 0, 0, 0, 0]), -14);
        assert_eq!(call(&a, __HYPERVISOR_memory_op, [command | 1 << 22, 0, 0, 0, 0]), -33);
        xen.check_invariants().unwrap();
    }
    let (_, pv) = machine(GuestKind::Pv);
    assert_eq!(add_to_physmap(&pv, SHARED_INFO, 0, UNUSED), -13);
    assert_eq!(remove(&pv, DOMID_SELF, UNUSED), -13);
}

#[test]
fn before_4_17_arm_maps_a_frame_again() {
    let xen = Xen::builder().release(Release::V4_14).build();
    let a = guest(&xen, DomainConfig::new(GuestKind::Arm).pages(4));
    assert_eq!(add_to_physmap(&a, TABLE, 0, TABLE_GFN + 9), 0);
    xen.check_invariants().unwrap();
}

#[test]
fn a_frame_that_is_mapped_over_is_freed_on_x86() {
    let (xen, a) = machine(GuestKind::Pvh);
    let page = a.page().unwrap();
    assert_eq!(add_to_physmap(&a, SHARED_INFO, 0, pfn_to_u64(page.frame())), 0);
    assert_eq!(a.pages(), 7);
    // Xen's own frames are just moved.
    assert_eq!(add_to_physmap(&a, TABLE, 0, pfn_to_u64(page.frame())), 0);
    assert_eq!((a.pages(), machine_frame(&a, TABLE_GFN)), (7, None));
    drop(page);
    xen.check_invariants().unwrap();
}

#[test]
fn pages_are_moved_one_by_one_and_in_ranges() {
    let (xen, a) = machine(GuestKind::Pvh);
    let first = 0x100;
    let frames: Vec<_> = (first..first + 4).map(|gfn| machine_frame(&a, gfn).unwrap()).collect();
    assert_eq!(add_to_physmap(&a, XENMAPSPACE_gmfn, first, UNUSED), 0);
    assert_eq!((machine_frame(&a, first), machine_frame(&a, UNUSED)), (None, Some(frames[0])));
    assert_eq!(add_to_physmap(&a, XENMAPSPACE_gmfn, first, UNUSED + 1), -13);
    assert_eq!(add_to_physmap(&a, XENMAPSPACE_gmfn, UNUSED, first), 0);
    // A range that overlaps itself loses nothing, whichever way it goes.
    assert_eq!(range(&a, first, UNUSED, 4), 0);
    assert_eq!(range(&a, UNUSED, UNUSED + 1, 4), 0);
    assert_eq!(range(&a, UNUSED + 1, UNUSED, 4), 0);
    for (at, frame) in frames.iter().enumerate() {
        assert_eq!(machine_frame(&a, UNUSED + at as u64), Some(*frame));
    }
    assert_eq!(range(&a, UNUSED, first, 5), -13);
    // To 64 bits an index of 32 is one like any other: nothing is there.
    assert_eq!(range(&a, u64::MAX, first, 1), if COMPAT { -13 } else { -75 });
    assert_eq!(a.pages(), 8);
    xen.check_invariants().unwrap();
    let (_, arm) = machine(GuestKind::Arm);
    assert_eq!(add_to_physmap(&arm, XENMAPSPACE_gmfn, first, UNUSED), -38);
}

#[test]
fn a_batch_succeeds_whatever_its_entries_do() {
    let (xen, a) = machine(GuestKind::Pvh);
    let (mut idxs, mut errs) = ([1, 64, 2], [7; 3]);
    let mut gfns = [1, 2, 3].map(|at| pfn(UNUSED + at));
    let table = |idxs: &mut [xen_ulong_t], gfns: &mut [xen_pfn_t], errs: &mut [i32]| {
        batch(&a, TABLE, DOMID_SELF, idxs, gfns, errs)
    };
    assert_eq!(table(&mut idxs, &mut gfns, &mut errs), 0);
    assert_eq!(errs, [0, -22, 0]);
    // A frame number that is none ends it, and has no error of its own.
    (gfns[1], errs) = (pfn(u64::MAX), [7; 3]);
    assert_eq!(table(&mut idxs, &mut gfns, &mut errs), if COMPAT { 0 } else { -22 });
    assert_eq!(errs, if COMPAT { [0, -22, 0] } else { [0, 7, 7] });
    assert_eq!(table(&mut [], &mut [], &mut []), 0);
    (gfns[1], errs) = (pfn(UNUSED), [7; 3]);
    a.faults().unreadable(1);
    assert_eq!(table(&mut idxs, &mut gfns, &mut errs), -14);
    // All is read before anything is placed if it has to be translated.
    assert_eq!(errs, [if COMPAT { 7 } else { 0 }, 7, 7]);
    let (space, none) = (XENMAPSPACE_gmfn_range, DOMID_SELF);
    assert_eq!(batch(&a, space, none, &mut idxs, &mut gfns, &mut errs), -95);
    // Nothing is left to do, or less than nothing.
    let command = XENMEM_add_to_physmap_batch as usize | 5 << 6;
    let mut op =
        xen_add_to_physmap_batch { domid: none, space: 1, ..xen_add_to_physmap_batch::ZERO };
    let at = std::ptr::from_mut(&mut op).expose_provenance();
    assert_eq!(call(&a, __HYPERVISOR_memory_op, [command, at, 0, 0, 0]), -84);
    assert_eq!(call(&a, __HYPERVISOR_memory_op, [command | 1 << 22, at, 0, 0, 0]), -33);
    xen.check_invariants().unwrap();
}

#[test]
fn foreign_frames_are_for_toolstacks() {
    for kind in [GuestKind::Pvh, GuestKind::Arm] {
        let (xen, a) = machine(kind);
        let tools = guest(&xen, DomainConfig::new(kind).pages(8).privileged());
        let page = a.page().unwrap();
        page.view().write(0, b"seen").unwrap();
        let foreign = |domain: &Domain, owner: domid_t, idx: u64, gfn: u64| {
            let (mut idxs, mut gfns, mut errs) = ([ulong(idx)], [pfn(gfn)], [7]);
            let space = XENMAPSPACE_gmfn_foreign;
            let done = batch(domain, space, owner, &mut idxs, &mut gfns, &mut errs);
            (done, errs[0])
        };
        assert_eq!(foreign(&tools, domid(&a), pfn_to_u64(page.frame()), UNUSED), (0, 0));
        assert_eq!(machine_frame(&tools, UNUSED), machine_frame(&a, pfn_to_u64(page.frame())));
        assert_eq!(a.references(page.frame()), 2);
        xen.check_invariants().unwrap();
        assert_eq!(foreign(&tools, domid(&a), 0xdead, UNUSED + 1), (0, -22));
        assert_eq!(foreign(&tools, domid(&tools), 0x100, UNUSED + 1), (0, -1));
        assert_eq!(foreign(&tools, DOMID_SELF, 0x100, UNUSED + 1), (0, -3));
        assert_eq!(foreign(&a, domid(&tools), 0x100, UNUSED + 1), (0, -1));
        // What is mapped by force is not the mapper's to grant, to copy or to map over.
        assert_eq!(remove(&tools, DOMID_SELF, UNUSED), 0);
        assert_eq!((a.references(page.frame()), machine_frame(&tools, UNUSED)), (1, None));
        assert_eq!(remove(&tools, DOMID_SELF, UNUSED), -2);
        xen.check_invariants().unwrap();
    }
}

/// Before it looked whether the domain may map others' frames; afterwards there was no such domain.
#[test]
fn in_4_14_no_domain_maps_domid_self_s_frames() {
    for (release, kind, error) in [
        (Release::V4_14, GuestKind::Pvh, -22),
        (Release::V4_17, GuestKind::Pvh, -1),
        (Release::V4_20, GuestKind::Pvh, -3),
        (Release::V4_17, GuestKind::Arm, -22),
        (Release::V4_20, GuestKind::Arm, -3),
    ] {
        let xen = Xen::builder().release(release).build();
        let a = guest(&xen, DomainConfig::new(kind).pages(4));
        let (mut idxs, mut gfns, mut errs) = ([ulong(0x100)], [pfn(UNUSED)], [7]);
        let space = XENMAPSPACE_gmfn_foreign;
        assert_eq!(batch(&a, space, DOMID_SELF, &mut idxs, &mut gfns, &mut errs), 0);
        assert_eq!(errs, [error], "{release:?} {kind:?}");
    }
}

#[test]
fn a_removed_page_stays_the_domains() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let target = b.target();
    map_okay(&b, &a, 8, false, &target);
    let mapped = xen_ops::page::MapTarget::host_addr(&target) >> 12;
    assert_eq!(remove(&b, DOMID_SELF, mapped), -2, "a grant is unmapped otherwise");
    assert_eq!(remove(&a, DOMID_SELF, pfn_to_u64(page.frame())), 0);
    assert_eq!((a.pages(), machine_frame(&a, pfn_to_u64(page.frame()))), (8, None));
    assert_eq!(remove(&a, domid(&b), 0x100), -1);
    assert_eq!(remove(&a, domid_t(77), 0x100), -3);
    drop(page);
    xen.check_invariants().unwrap();
}

fn acquire(domain: &Domain, op: xen_mem_acquire_resource, list: &mut [xen_pfn_t]) -> (isize, u32) {
    let frame_list = match list.len() {
        0 => GuestHandle::NULL,
        _ => GuestHandle::from_mut_slice(list),
    };
    let mut op = xen_mem_acquire_resource { frame_list, ..op };
    (memory_op(domain, XENMEM_acquire_resource, &mut op), op.nr_frames)
}

#[test]
fn a_toolstack_acquires_grant_tables() {
    for kind in [GuestKind::Pv, GuestKind::Pvh, GuestKind::Arm] {
        let (xen, a, b) = pair(kind);
        let tools = guest(&xen, DomainConfig::new(kind).pages(8).privileged());
        let table = xen_mem_acquire_resource {
            domid: domid(&a),
            type_: XENMEM_resource_grant_table as u16,
            ..xen_mem_acquire_resource::ZERO
        };
        assert_eq!(acquire(&tools, table, &mut []), (0, 64));
        let status = xen_mem_acquire_resource { id: 1, ..table };
        let statuses = if kind == GuestKind::Arm { (-22, 0) } else { (0, 8) };
        assert_eq!(acquire(&tools, status, &mut []), statuses);
        let mut gfns: Vec<_> = (0..40).map(|at| pfn(UNUSED + at)).collect();
        let two = xen_mem_acquire_resource { nr_frames: 2, ..table };
        assert_eq!(acquire(&tools, two, &mut gfns).0, 0);
        // The toolstack writes an entry for the guest.
        assert_eq!(machine_frame(&tools, pfn_to_u64(gfns[1])).is_some(), kind != GuestKind::Pv);
        let page = a.page().unwrap();
        grant(&a, 520, xen_abi::grant_table::GTF_permit_access, domid(&b), page.frame());
        map_okay(&b, &a, 520, true, &b.target());
        xen.check_invariants().unwrap();
        // More than one stride.
        let all = xen_mem_acquire_resource { nr_frames: 40, ..table };
        if kind == GuestKind::Pv {
            assert_eq!(acquire(&tools, all, &mut gfns).0, 0);
        }

        let errno = |domain: &Domain, op, list: &mut [xen_pfn_t]| acquire(domain, op, list).0;
        let one = &mut gfns[2..3];
        let nr_frames = 1;
        let table = xen_mem_acquire_resource { nr_frames, ..table };
        assert_eq!(errno(&tools, xen_mem_acquire_resource { pad: 1, ..table }, one), -22);
        let wide = xen_mem_acquire_resource { frame: 1 << 32, ..table };
        assert_eq!(errno(&tools, wide, one), -22);
        let far = xen_mem_acquire_resource { frame: 64, ..table };
        assert_eq!(errno(&tools, far, one), -22);
        for (domid, error) in [(domid_t(77), -3), (DOMID_SELF, -3), (domid(&tools), -1)] {
            assert_eq!(errno(&tools, xen_mem_acquire_resource { domid, ..table }, one), error);
        }
        assert_eq!(errno(&b, table, one), -1);
        assert_eq!(errno(&tools, table, &mut []), -22, "no list for one frame");
        let none = xen_mem_acquire_resource { nr_frames: 0, ..table };
        assert_eq!(errno(&tools, none, one), -22, "a list for none");
        let status = xen_mem_acquire_resource { id: 1, ..table };
        assert_eq!(errno(&tools, status, one), -22, "version 1 has no status frames");
        for (type_, id) in [(1, 2), (2, 0), (3, 0)] {
            assert_eq!(errno(&tools, xen_mem_acquire_resource { type_, id, ..table }, one), -22);
        }
        xen.check_invariants().unwrap();
    }
}

#[test]
fn an_acquisition_can_fail_half_done() {
    let (xen, a) = machine(GuestKind::Pvh);
    let tools = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(8).privileged());
    let op = xen_mem_acquire_resource {
        domid: domid(&a),
        type_: XENMEM_resource_grant_table as u16,
        nr_frames: 3,
        ..xen_mem_acquire_resource::ZERO
    };
    let mut gfns = [0, 1, 2].map(|at| pfn(UNUSED + at));
    tools.faults().acquire_fails_after(2);
    assert_eq!(acquire(&tools, op, &mut gfns).0, -5);
    let mapped = gfns.map(|gfn| machine_frame(&tools, pfn_to_u64(gfn)).is_some());
    assert_eq!(mapped, [true, true, false]);
    xen.check_invariants().unwrap();
    for gfn in &gfns[..2] {
        assert_eq!(remove(&tools, DOMID_SELF, pfn_to_u64(*gfn)), 0);
    }
    tools.faults().acquire_fails_after(0);
    assert_eq!(acquire(&tools, op, &mut gfns).0, -12);
    let server = xen_mem_acquire_resource { type_: 0, nr_frames: 1, ..op };
    assert_eq!(acquire(&tools, server, &mut gfns).0, -2, "there is no such server");
    xen.check_invariants().unwrap();
}

#[test]
fn before_4_20_only_toolstacks_acquire_on_x86() {
    let xen = Xen::builder().release(Release::V4_14).build();
    let a = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(8));
    let tools = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(8).privileged());
    let op = xen_mem_acquire_resource {
        domid: domid(&tools),
        type_: XENMEM_resource_grant_table as u16,
        ..xen_mem_acquire_resource::ZERO
    };
    assert_eq!(acquire(&a, op, &mut []).0, -13);
    // The size was how many frames could be asked for at a time.
    let op = xen_mem_acquire_resource { domid: domid(&a), ..op };
    assert_eq!(acquire(&tools, op, &mut []), (0, 32));
    let op = xen_mem_acquire_resource { nr_frames: 33, ..op };
    assert_eq!(acquire(&tools, op, &mut [pfn(UNUSED); 33]).0, -7);
}
