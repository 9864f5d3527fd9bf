//! Maps, topologies and tables that Xen fills in, and what a toolstack does.

use xen_abi::Errno;
use xen_abi::errno::*;
use xen_abi::memory::*;
use xen_abi::physdev::physdev_pci_device;
use xen_abi::xen::{DOMID_SELF, xen_pfn_t};
use xen_ops::memory::{
    Devices, E820Entry, E820Kind, PageCount, PodTarget, ReservedError, VnumaBuffers, VnumaError,
    VnumaSizes, claim_pages, machine_memory_map, machphys_compat_mfn_list, machphys_mapping,
    machphys_mfn_list, memory_map, pod_target, reserved_device_memory_map, set_memory_map,
    set_pod_target, vnuma, vnuma_sizes,
};
use xen_sim::{GuestKind, Release, VnumaTopology};

use super::{ABSENT, ME, PAGES, PEER, Rig};
use crate::lies::{Says, at, peek, poke};

const fn negative(errno: Errno) -> isize {
    -(errno.0 as isize)
}

/// A map of three ranges.
fn ranges() -> [E820Entry; 3] {
    [
        E820Entry::new(0, 0x9_f000, E820Kind::RAM),
        E820Entry::new(0xf_0000, 0x1_0000, E820Kind::RESERVED),
        E820Entry::new(0x1_0000_0000, 0x2_0000_0000, E820Kind::RAM),
    ]
}

/// The ranges as Xen keeps them, 20 bytes each without padding.
const RAW: [[u8; 20]; 3] = [
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0, 9, 0, 0, 0, 0, 0, 1, 0, 0, 0],
    [0, 0, 0xf, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0],
    [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0],
];

#[test]
fn a_memory_map_with_entries_to_spare_is_complete() {
    let rig = Rig::privileged(GuestKind::Pvh);
    set_memory_map(&rig.xen, PEER, &ranges()).unwrap();
    let mut entries = [E820Entry::default(); 4];
    let map = memory_map(&rig.peer, &mut entries).unwrap();
    assert_eq!((map.entries, map.complete), (&ranges()[..], true));
    let last = map.entries[2];
    assert_eq!((last.start(), last.length(), last.kind()), (1 << 32, 2 << 32, E820Kind::RAM));
    for size in [0, 2, 3] {
        let map = memory_map(&rig.peer, &mut entries[..size]).unwrap();
        assert_eq!((map.entries.len(), map.complete), (size, false), "there may be more");
    }
}

#[test]
fn the_machine_map_is_whole_or_an_error() {
    let rig = Rig::privileged(GuestKind::Pvh);
    let mut entries = [E820Entry::default(); 4];
    let map = machine_memory_map(&rig.xen, &mut entries).unwrap();
    assert_eq!((map.len(), map[0].kind()), (1, E820Kind::RAM));
    let error = machine_memory_map(&rig.xen, &mut entries[..1]).unwrap_err();
    assert_eq!(error.errno(), Some(XEN_EINVAL));
}

#[test]
fn a_map_is_set_for_a_domain() {
    let xen = Says(|operation, argument| {
        assert_eq!(operation, XENMEM_set_memory_map);
        let argument: xen_foreign_memory_map = peek(argument);
        assert_eq!((argument.domid, argument.map.nr_entries), (PEER, 3));
        let raw: [[u8; 20]; 3] = peek(at(argument.map.buffer, 0));
        assert_eq!(raw, RAW);
        0
    });
    set_memory_map(&xen, PEER, &ranges()).unwrap();
}

#[test]
fn a_domain_that_was_given_no_map_has_none() {
    let rig = Rig::new(GuestKind::Pv);
    assert_eq!(memory_map(&rig.xen, &mut []).unwrap_err().errno(), Some(XEN_ENOSYS));
}

#[test]
fn reserved_memory_that_does_not_fit_tells_how_much_there_is() {
    let rig = Rig::new(GuestKind::Pvh);
    for start in [0, 0x100, 0x200] {
        rig.machine.reserve_device_memory(xen_pfn_t(start), 8);
    }
    let mut entries = [xen_reserved_device_memory::ZERO; 3];
    let list = |size, entries: &mut [xen_reserved_device_memory]| {
        reserved_device_memory_map(&rig.xen, Devices::All, &mut entries[..size]).map(<[_]>::len)
    };
    assert_eq!(list(0, &mut entries), Err(ReservedError::TooSmall { needed: 3 }));
    assert_eq!(list(2, &mut entries), Err(ReservedError::TooSmall { needed: 3 }));
    assert_eq!(list(3, &mut entries), Ok(3));
    assert_eq!((entries[2].start_pfn.0, entries[2].nr_pages), (0x200, 8));
    let one = Devices::One { segment: 1, bus: 2, devfn: 0x18 };
    let found = reserved_device_memory_map(&rig.xen, one, &mut entries).map(<[_]>::len);
    assert_eq!(found, Ok(0), "the device has none");
}

#[test]
fn reserved_memory_of_one_device_names_it() {
    let xen = Says(|_, argument| {
        let map: xen_reserved_device_memory_map = peek(argument);
        assert_eq!(*map.dev.pci(), physdev_pci_device { seg: 1, bus: 2, devfn: 0x18 });
        assert_eq!(map.flags, 0);
        negative(XEN_EPERM)
    });
    let one = Devices::One { segment: 1, bus: 2, devfn: 0x18 };
    let error = reserved_device_memory_map(&xen, one, &mut []).unwrap_err();
    assert!(matches!(error, ReservedError::Failed(error) if error.errno() == Some(XEN_EPERM)));
}

/// A guest with two nodes, three vCPUs and one range.
fn with_topology() -> Rig {
    let rig = Rig::new(GuestKind::Pvh);
    rig.us().set_vnuma(VnumaTopology {
        vmemranges: vec![xen_vmemrange { start: 0, end: 0x1000, flags: 0, nid: 1 }],
        vdistance: vec![10, 20, 20, 10],
        vcpu_to_vnode: vec![0, 1, 1],
    });
    rig
}

#[test]
fn a_topology_comes_with_its_sizes() {
    let rig = with_topology();
    let sizes = VnumaSizes { nodes: 2, vcpus: 3, ranges: 1 };
    assert_eq!(vnuma_sizes(&rig.xen, DOMID_SELF), Ok(sizes));
    let (mut distances, mut vcpu_to_node, mut ranges) = ([0; 10], [0; 4], [xen_vmemrange::ZERO; 2]);
    let lists = VnumaBuffers {
        distances: &mut distances,
        vcpu_to_node: &mut vcpu_to_node,
        ranges: &mut ranges,
    };
    let found = vnuma(&rig.xen, DOMID_SELF, lists).unwrap();
    assert_eq!(found.nodes, 2);
    assert_eq!(found.distances, [10, 20, 20, 10]);
    assert_eq!(found.vcpu_to_node, [0, 1, 1]);
    assert_eq!(found.ranges.len(), 1);
}

#[test]
fn a_topology_that_does_not_fit_tells_its_sizes() {
    let rig = with_topology();
    for (distances, vcpus, ranges) in [(3, 3, 1), (4, 2, 1), (4, 3, 0), (0, 0, 0)] {
        let lists = VnumaBuffers {
            distances: &mut [0; 4][..distances],
            vcpu_to_node: &mut [0; 3][..vcpus],
            ranges: &mut [xen_vmemrange::ZERO; 1][..ranges],
        };
        let needed = VnumaSizes { nodes: 2, vcpus: 3, ranges: 1 };
        assert_eq!(vnuma(&rig.xen, DOMID_SELF, lists).unwrap_err(), VnumaError::TooSmall(needed));
    }
}

#[test]
fn a_domain_without_a_topology_says_so() {
    let rig = Rig::privileged(GuestKind::Pvh);
    assert_eq!(vnuma_sizes(&rig.xen, PEER).unwrap_err().errno(), Some(XEN_EOPNOTSUPP));
    assert_eq!(vnuma_sizes(&rig.xen, ABSENT).unwrap_err().errno(), Some(XEN_ESRCH));
    let changing = with_topology();
    changing.us().faults().vnuma_changes(1);
    let lists = VnumaBuffers {
        distances: &mut [0; 4],
        vcpu_to_node: &mut [0; 3],
        ranges: &mut [xen_vmemrange::ZERO],
    };
    assert_eq!(vnuma(&changing.xen, DOMID_SELF, lists).unwrap_err(), VnumaError::Changed);
}

#[test]
fn the_machine_to_physical_table_is_listed_as_far_as_the_list_goes() {
    let rig = Rig::new(GuestKind::Pv);
    let mut list = [xen_pfn_t(0); 3];
    let old = Rig::with(Release::V4_14, GuestKind::Pv, |config| config);
    // A PV guest of 32 bits, which later releases are built without.
    let native = if cfg!(target_arch = "x86") { &old } else { &rig };
    assert_eq!(machphys_mfn_list(&native.xen, &mut list).map(<[_]>::len), Ok(1));
    assert_ne!(list[0], xen_pfn_t(0));
    assert_eq!(machphys_mfn_list(&native.xen, &mut []).map(<[_]>::len), Ok(0));
    let error = machphys_compat_mfn_list(&rig.xen, &mut list).unwrap_err();
    assert_eq!(error.errno(), Some(XEN_EOPNOTSUPP));
    assert_eq!(machphys_compat_mfn_list(&old.xen, &mut list).map(<[_]>::len), Ok(1));
    let mapping = machphys_mapping(&rig.xen).unwrap();
    assert!(mapping.v_start < mapping.v_end && mapping.max_mfn > 0);
}

#[test]
fn a_claim_is_pages_and_nothing_else() {
    let rig = Rig::privileged(GuestKind::Pvh);
    let claim =
        |domid, pages| claim_pages(&rig.xen, domid, PageCount(pages)).map_err(|e| e.errno());
    let pages = PAGES as u64;
    if cfg!(target_arch = "x86") {
        // Guests of 32 bits do not have the operation.
        assert_eq!(claim(PEER, pages + 1), Err(Some(XEN_ENOSYS)));
    } else {
        assert_eq!(claim(PEER, pages + 1), Ok(()));
        assert_eq!(claim(PEER, pages + 2), Err(Some(XEN_EINVAL)), "there is one already");
        assert_eq!(claim(PEER, 0), Ok(()), "there is none any more");
        let beyond = (usize::MAX >> 12) as u64;
        assert_eq!(claim(PEER, beyond), Err(Some(XEN_EINVAL)), "more than it may have");
        assert_eq!(claim(DOMID_SELF, 1), Err(Some(XEN_EINVAL)));
        let guest = Rig::new(GuestKind::Pvh);
        let error = claim_pages(&guest.xen, ME, PageCount(pages + 1)).unwrap_err();
        assert_eq!(error.errno(), Some(XEN_EPERM));
    }

    let xen = Says(|operation, argument| {
        assert_eq!(operation, XENMEM_claim_pages);
        let claim: xen_memory_reservation = peek(argument);
        assert!(claim.extent_start.is_null());
        assert_eq!((claim.nr_extents, claim.extent_order, claim.mem_flags.bits()), (100, 0, 0));
        negative(XEN_ENOMEM)
    });
    let error = claim_pages(&xen, PEER, PageCount(100)).unwrap_err();
    assert_eq!(error.errno(), Some(XEN_ENOMEM));
}

#[test]
fn the_on_demand_target_is_set_and_read() {
    let xen = Says(|operation, argument| {
        let mut target: xen_pod_target = peek(argument);
        assert_eq!(target.domid, PEER);
        target.tot_pages = 40;
        target.pod_cache_pages =
            if operation == XENMEM_set_pod_target { target.target_pages / 2 } else { 7 };
        target.pod_entries = 60;
        poke(argument, target);
        0
    });
    let expected =
        |cache| PodTarget { total: PageCount(40), cache: PageCount(cache), entries: PageCount(60) };
    assert_eq!(pod_target(&xen, PEER), Ok(expected(7)));
    assert_eq!(set_pod_target(&xen, PEER, PageCount(50)), Ok(expected(25)));
}
