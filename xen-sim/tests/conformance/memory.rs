//! `memory_op`: reservations, exchange, values, maps.

use xen_abi::GuestHandle;
use xen_abi::grant_table::GrantEntryFlags;
use xen_abi::memory::*;
use xen_abi::xen::*;
use xen_ops::page::Page as _;
use xen_sim::{Domain, DomainConfig, GuestKind, VnumaTopology, Xen};

use crate::support::*;

/// Frame numbers that the simulator's guests do not use.
const UNUSED: u64 = 0x20_0000;

/// Does `command` on extents of 2 to the power of `order` pages.
fn reserve(domain: &Domain, command: u32, list: &mut [xen_pfn_t], order: u32) -> isize {
    reserve_for(domain, DOMID_SELF, command, list, order, MemoryFlags::empty())
}

fn reserve_for(
    domain: &Domain,
    domid: domid_t,
    command: u32,
    list: &mut [xen_pfn_t],
    order: u32,
    mem_flags: MemoryFlags,
) -> isize {
    let mut op = xen_memory_reservation {
        extent_start: GuestHandle::from_mut_slice(list),
        nr_extents: list.len() as xen_ulong_t,
        extent_order: order,
        mem_flags,
        domid,
        ..xen_memory_reservation::ZERO
    };
    memory_op(domain, command, &mut op)
}

fn frames<const N: usize>(first: u64) -> [xen_pfn_t; N] {
    std::array::from_fn(|at| pfn(first + at as u64))
}

#[test]
fn memory_is_populated_and_freed() {
    for kind in [GuestKind::Pvh, GuestKind::Arm] {
        let (xen, a) = machine(kind);
        let mut list = frames::<4>(UNUSED);
        assert_eq!(reserve(&a, XENMEM_populate_physmap, &mut list, 0), 4);
        assert_eq!((a.pages(), list[3]), (12, pfn(UNUSED + 3)));
        assert!(machine_frame(&a, UNUSED + 3).is_some());
        xen.check_invariants().unwrap();
        assert_eq!(reserve(&a, XENMEM_decrease_reservation, &mut list[1..], 0), 3);
        assert_eq!((a.pages(), machine_frame(&a, UNUSED + 1)), (9, None));
        // Where nothing is, it stops.
        assert_eq!(reserve(&a, XENMEM_decrease_reservation, &mut list, 0), 1);
        // An extent of several pages, and one of too many.
        assert_eq!(reserve(&a, XENMEM_populate_physmap, &mut frames::<2>(UNUSED), 1), 2);
        assert!(machine_frame(&a, UNUSED + 1).is_some());
        assert_eq!(reserve(&a, XENMEM_populate_physmap, &mut frames::<1>(UNUSED), 10), 0);
        xen.check_invariants().unwrap();
    }
}

#[test]
fn a_pv_guest_is_told_which_frames_it_got() {
    let (xen, a) = machine(GuestKind::Pv);
    let mut list = frames::<2>(1);
    assert_eq!(reserve(&a, XENMEM_populate_physmap, &mut list, 1), 2);
    assert_eq!(list[0].0 % 2, 0, "aligned");
    let [first, second] = list.map(pfn_to_u64);
    for frame in [first, first + 1, second] {
        assert_eq!(machine_frame(&a, frame), Some(frame));
    }
    let mut more = frames::<1>(0);
    assert_eq!(reserve(&a, XENMEM_increase_reservation, &mut more, 0), 1);
    assert_eq!(machine_frame(&a, pfn_to_u64(more[0])), Some(pfn_to_u64(more[0])));
    assert_eq!((a.pages(), reserve(&a, XENMEM_decrease_reservation, &mut more, 0)), (13, 1));
    assert_eq!(machine_frame(&a, pfn_to_u64(more[0])), None);
    xen.check_invariants().unwrap();
}

#[test]
fn a_count_and_never_an_error_number() {
    let (_, a, b) = pair(GuestKind::Pvh);
    let populate = XENMEM_populate_physmap;
    let mut list = frames::<4>(UNUSED);
    // How far a continued operation has come is what it returns when it fails.
    let start = |domain: &Domain, at: usize, start: usize| {
        let command = populate as usize | start << 6;
        call(domain, __HYPERVISOR_memory_op, [command, at, 0, 0, 0])
    };
    assert_eq!((start(&a, 0, 0), start(&a, 0, 3)), (0, 3));
    assert_eq!(reserve_for(&a, domid_t(77), populate, &mut list, 0, MemoryFlags(0)), 0);
    assert_eq!(reserve_for(&a, domid(&b), populate, &mut list, 0, MemoryFlags(0)), 0);
    let elsewhere = XENMEMF_exact_node_request | MemoryFlags(1 << 8);
    for flags in [MemoryFlags(12), elsewhere, XENMEMF_populate_on_demand] {
        assert_eq!(reserve_for(&a, DOMID_SELF, populate, &mut list, 0, flags), 0, "{flags:?}");
    }
    assert_eq!(reserve(&a, populate, &mut [], 0), 0);
    assert_eq!(reserve(&a, populate, &mut list, u32::MAX), 0);
    let mut op = xen_memory_reservation {
        extent_start: GuestHandle::from_mut_slice(&mut list),
        nr_extents: 4,
        domid: DOMID_SELF,
        ..xen_memory_reservation::ZERO
    };
    let at = std::ptr::from_mut(&mut op).expose_provenance();
    assert_eq!(start(&a, at, 2), 4, "the last two of four");
    assert_eq!((a.pages(), machine_frame(&a, UNUSED)), (10, None));
    assert_eq!(start(&a, at, 4), 4);
    // No memory in the middle, and the limit.
    a.faults().no_memory(1);
    assert_eq!(reserve(&a, populate, &mut frames::<2>(UNUSED + 8), 0), 0);
    assert_eq!(reserve(&a, populate, &mut frames::<9>(UNUSED + 8), 0), 6);
    assert_eq!(a.pages(), 16);
}

#[test]
fn a_page_that_is_mapped_elsewhere_is_freed_when_it_is_unmapped() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let target = b.target();
    let handle = map_okay(&b, &a, 8, false, &target);
    assert_eq!(reserve(&a, XENMEM_decrease_reservation, &mut [page.frame()], 0), 1);
    assert_eq!(a.pages(), 8, "still charged");
    // What is mapped from elsewhere cannot be given away.
    let mut foreign = [pfn(xen_ops::page::MapTarget::host_addr(&target) >> 12)];
    assert_eq!(reserve(&b, XENMEM_decrease_reservation, &mut foreign, 0), 0);
    let host_addr = pfn_to_u64(foreign[0]) << 12;
    assert_eq!(unmap(&b, handle, host_addr, 0), xen_abi::grant_table::GNTST_okay);
    assert_eq!(a.pages(), 7);
    drop(page);
    xen.check_invariants().unwrap();
}

fn exchange(
    domain: &Domain,
    from: &mut [xen_pfn_t],
    from_order: u32,
    to: &mut [xen_pfn_t],
    to_order: u32,
) -> (isize, xen_ulong_t) {
    let reservation = |list: &mut [xen_pfn_t], extent_order| xen_memory_reservation {
        extent_start: GuestHandle::from_mut_slice(list),
        nr_extents: list.len() as xen_ulong_t,
        extent_order,
        domid: DOMID_SELF,
        ..xen_memory_reservation::ZERO
    };
    let mut op = xen_memory_exchange {
        in_: reservation(from, from_order),
        out: reservation(to, to_order),
        nr_exchanged: 0,
    };
    (memory_op(domain, XENMEM_exchange, &mut op), op.nr_exchanged)
}

#[test]
fn a_pv_guest_trades_pages() {
    let (xen, a) = machine(GuestKind::Pv);
    let pages = [a.page().unwrap(), a.page().unwrap(), a.page().unwrap(), a.page().unwrap()];
    let mut from = pages.each_ref().map(|page| page.frame());
    let mut to = frames::<2>(0);
    assert_eq!(exchange(&a, &mut from, 0, &mut to, 1), (0, 4));
    assert_eq!((a.pages(), to[0].0 % 2), (8, 0));
    assert_eq!(
        machine_frame(&a, pfn_to_u64(from[0]))
            .filter(|frame| to.iter().any(|to| pfn_to_u64(*to) == *frame)),
        None
    );
    xen.check_invariants().unwrap();
    // And back.
    let mut back = frames::<4>(0);
    assert_eq!(exchange(&a, &mut to, 1, &mut back, 0), (0, 2));
    // The second chunk cannot be done.
    let mut broken = [back[0], back[1], back[2], xen_pfn_t(0xdead)];
    assert_eq!(exchange(&a, &mut broken, 0, &mut to, 1), (-22, 2));
    a.faults().no_memory(1);
    assert_eq!(exchange(&a, &mut back[2..], 0, &mut to[..1], 1), (-12, 0));
    assert_eq!(exchange(&a, &mut back, 0, &mut to, 0), (-22, 0), "sizes differ");
    // Where Xen translates the argument it compares the sizes first.
    let too_large = if COMPAT { -22 } else { -1 };
    assert_eq!(exchange(&a, &mut back[2..], 10, &mut to, 0), (too_large, 0));
    assert_eq!(a.pages(), 8);
    xen.check_invariants().unwrap();
    let (_, translated) = machine(GuestKind::Pvh);
    let page = translated.page().unwrap();
    let (mut from, mut to) = ([page.frame()], frames::<1>(UNUSED));
    assert_eq!(exchange(&translated, &mut from, 0, &mut to, 0), (-95, 0));
}

fn value(domain: &Domain, command: u32, domid: domid_t) -> isize {
    memory_op(domain, command, &mut xen_memory_domain { domid })
}

#[test]
fn values_are_returned() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let tools = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(4).privileged());
    assert_eq!(value(&a, XENMEM_current_reservation, DOMID_SELF), 8);
    assert_eq!(value(&a, XENMEM_maximum_reservation, domid(&a)), 16);
    assert_eq!(value(&a, XENMEM_maximum_gpfn, DOMID_SELF), TABLE_GFN as isize);
    assert_eq!(value(&tools, XENMEM_current_reservation, domid(&b)), 8);
    assert_eq!(value(&a, XENMEM_current_reservation, domid(&b)), -1);
    assert_eq!(value(&a, XENMEM_current_reservation, domid_t(77)), -3);
    assert!(call(&a, __HYPERVISOR_memory_op, [XENMEM_maximum_ram_page as usize, 0, 0, 0, 0]) > 0);
    let current = XENMEM_current_reservation as usize;
    assert_eq!(call(&a, __HYPERVISOR_memory_op, [current, 0, 0, 0, 0]), -14);
    assert_eq!(call(&a, __HYPERVISOR_memory_op, [current | 1 << 6, 0, 0, 0, 0]), -22);
    assert_eq!(call(&a, __HYPERVISOR_memory_op, [63, 0, 0, 0, 0]), -38);
}

#[test]
fn memory_maps_are_cut_to_the_buffer() {
    let (xen, a) = machine(GuestKind::Pvh);
    let mut buffer = [[0_u8; 20]; 4];
    let mut map = |domain: &Domain, command, entries| {
        let mut op = xen_memory_map {
            nr_entries: entries,
            buffer: GuestHandle::from_mut_slice(&mut buffer).cast(),
            ..xen_memory_map::ZERO
        };
        (memory_op(domain, command, &mut op), op.nr_entries)
    };
    assert_eq!(map(&a, XENMEM_memory_map, 4), (0, 1));
    assert_eq!(map(&a, XENMEM_memory_map, 0), (0, 0));
    assert_eq!(map(&a, XENMEM_machine_memory_map, 4), (-1, 4));
    let tools = guest(&xen, DomainConfig::new(GuestKind::Pv).pages(4).privileged());
    assert_eq!(map(&tools, XENMEM_memory_map, 4), (-38, 4), "a PV guest has none");
    assert_eq!(map(&tools, XENMEM_machine_memory_map, 1), (-22, 1));
    assert_eq!(map(&tools, XENMEM_machine_memory_map, 4), (0, 1));
    let arm = guest(&xen, DomainConfig::new(GuestKind::Arm).pages(4));
    assert_eq!(map(&arm, XENMEM_memory_map, 4), (-38, 4));
    assert_eq!(u64::from_ne_bytes(buffer[0][..8].try_into().unwrap()), 0);

    let mut op = xen_foreign_memory_map {
        domid: domid(&tools),
        map: xen_memory_map {
            nr_entries: 2,
            buffer: GuestHandle::from_mut_slice(&mut buffer).cast(),
            ..xen_memory_map::ZERO
        },
        ..xen_foreign_memory_map::ZERO
    };
    assert_eq!(memory_op(&a, XENMEM_set_memory_map, &mut op), -1);
    assert_eq!(memory_op(&tools, XENMEM_set_memory_map, &mut op), 0);
    assert_eq!(memory_op(&tools, XENMEM_memory_map, &mut op.map), 0);
    assert_eq!(op.map.nr_entries, 2);
    op.map.nr_entries = 1025;
    assert_eq!(memory_op(&tools, XENMEM_set_memory_map, &mut op), -22);
}

#[test]
fn reserved_device_memory_tells_how_much_there_is() {
    let (xen, a) = machine(GuestKind::Pvh);
    xen.reserve_device_memory(xen_pfn_t(0xe0000), 16);
    xen.reserve_device_memory(xen_pfn_t(0xf0000), 1);
    let mut buffer = [xen_reserved_device_memory::ZERO; 2];
    let mut ask = |flags, nr_entries| {
        let mut op = xen_reserved_device_memory_map {
            flags,
            nr_entries,
            buffer: GuestHandle::from_mut_slice(&mut buffer),
            ..xen_reserved_device_memory_map::ZERO
        };
        (memory_op(&a, XENMEM_reserved_device_memory_map, &mut op), op.nr_entries)
    };
    assert_eq!(ask(2, 2), (-22, 2));
    assert_eq!(ask(XENMEM_RDM_ALL, 1), (-105, 2));
    assert_eq!(ask(XENMEM_RDM_ALL, 2), (0, 2));
    assert_eq!(ask(0, 0), (0, 0));
    assert_eq!((buffer[0].start_pfn.0, buffer[1].nr_pages), (0xe0000, 1));
}

#[test]
fn virtual_numa_tells_its_sizes_first() {
    let (_, a, b) = pair(GuestKind::Pvh);
    let (mut ranges, mut distances, mut vcpus) = ([xen_vmemrange::ZERO; 2], [0; 4], [7_u32; 1]);
    let mut ask = |domid, sizes: [u32; 3], pad| {
        let mut op = xen_vnuma_topology_info {
            domid,
            pad,
            nr_vnodes: sizes[0],
            nr_vcpus: sizes[1],
            nr_vmemranges: sizes[2],
            vdistance: xen_vnuma_topology_info_vdistance::from_h(GuestHandle::from_mut_slice(
                &mut distances,
            )),
            vcpu_to_vnode: xen_vnuma_topology_info_vcpu_to_vnode::from_h(
                GuestHandle::from_mut_slice(&mut vcpus),
            ),
            vmemrange: xen_vnuma_topology_info_vmemrange::from_h(GuestHandle::from_mut_slice(
                &mut ranges,
            )),
        };
        let done = memory_op(&a, XENMEM_get_vnumainfo, &mut op);
        (done, [op.nr_vnodes, op.nr_vcpus, op.nr_vmemranges])
    };
    assert_eq!(ask(DOMID_SELF, [2, 1, 2], 1).0, -22);
    assert_eq!(ask(domid_t(77), [2, 1, 2], 0).0, -3);
    assert_eq!(ask(domid(&b), [2, 1, 2], 0).0, -1);
    assert_eq!(ask(DOMID_SELF, [2, 1, 2], 0).0, -95);
    let range = xen_vmemrange { end: 4096, ..xen_vmemrange::ZERO };
    a.set_vnuma(VnumaTopology {
        vmemranges: vec![range; 2],
        vdistance: vec![10, 20, 20, 10],
        vcpu_to_vnode: vec![1],
    });
    for sizes in [[0, 0, 0], [1, 1, 2], [2, 0, 2], [2, 1, 1]] {
        assert_eq!(ask(DOMID_SELF, sizes, 0), (-105, [2, 1, 2]));
    }
    a.faults().vnuma_changes(1);
    assert_eq!(ask(DOMID_SELF, [2, 1, 2], 0).0, -11);
    assert_eq!(ask(DOMID_SELF, [9, 9, 9], 0), (0, [2, 1, 2]));
    assert_eq!((distances[1], vcpus[0], ranges[1].end), (20, 1, 4096));
}

#[test]
fn memory_is_claimed_by_toolstacks_only() {
    let (xen, a) = machine(GuestKind::Pvh);
    let tools = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(4).privileged());
    let claim = |domain: &Domain, domid, nr_extents, extent_order| {
        let mut op = xen_memory_reservation {
            domid,
            nr_extents,
            extent_order,
            ..xen_memory_reservation::ZERO
        };
        memory_op(domain, XENMEM_claim_pages, &mut op)
    };
    if COMPAT {
        assert_eq!(claim(&tools, domid(&a), 16, 0), -38);
        return;
    }
    assert_eq!(claim(&a, domid(&a), 1, 0), -1);
    assert_eq!(claim(&tools, domid_t(77), 1, 0), -22);
    assert_eq!(claim(&tools, domid(&a), 1, 1), -22);
    assert_eq!(claim(&tools, domid(&a), 17, 0), -22);
    assert_eq!(claim(&tools, domid(&a), 16, 0), 0);
}

#[test]
fn the_machine_has_as_much_memory_as_it_was_given() {
    let xen = Xen::builder().frames(16).build();
    let a = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(8).max_pages(64));
    assert_eq!(reserve(&a, XENMEM_populate_physmap, &mut frames::<12>(UNUSED), 0), 8);
    assert_eq!(a.pages(), 16);
    xen.check_invariants().unwrap();
}
