//! Maps, topologies and tables that Xen fills in, and what a toolstack does.

use xen_abi::errno::*;
use xen_abi::memory::*;
use xen_abi::physdev::physdev_pci_device;
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};
use xen_abi::{Errno, GuestHandle};

use super::fake::{PEER, Scripted, at, peek, poke};
use crate::memory::{
    Devices, E820Entry, E820Kind, PageCount, PodTarget, ReservedError, VnumaBuffers, VnumaError,
    VnumaSizes, claim_pages, machine_memory_map, machphys_compat_mfn_list, machphys_mapping,
    machphys_mfn_list, memory_map, pod_target, reserved_device_memory_map, set_memory_map,
    set_pod_target, vnuma, vnuma_sizes,
};

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

fn write_map(map: &mut xen_memory_map, most: u32) {
    map.nr_entries = map.nr_entries.min(most);
    for (index, entry) in RAW.iter().enumerate().take(map.nr_entries as usize) {
        poke(at(map.buffer.cast::<[u8; 20]>(), index), *entry);
    }
}

#[test]
fn a_memory_map_with_room_to_spare_is_complete() {
    let xen = Scripted(|operation, argument| {
        assert_eq!(operation, XENMEM_memory_map);
        let mut map = peek(argument);
        write_map(&mut map, 3);
        poke(argument, map);
        0
    });
    let mut buffer = [E820Entry::default(); 4];
    let map = memory_map(&xen, &mut buffer).unwrap();
    assert_eq!((map.entries, map.complete), (&ranges()[..], true));
    for size in [0, 2, 3] {
        let map = memory_map(&xen, &mut buffer[..size]).unwrap();
        assert_eq!((map.entries.len(), map.complete), (size, false), "there may be more");
    }
}

#[test]
fn the_machine_map_is_whole_or_an_error() {
    let xen = Scripted(|operation, argument| {
        assert_eq!(operation, XENMEM_machine_memory_map);
        let mut map: xen_memory_map = peek(argument);
        if map.nr_entries < 4 {
            return negative(XEN_EINVAL);
        }
        write_map(&mut map, 3);
        poke(argument, map);
        0
    });
    let mut buffer = [E820Entry::default(); 4];
    assert_eq!(machine_memory_map(&xen, &mut buffer), Ok(&ranges()[..]));
    let error = machine_memory_map(&xen, &mut buffer[..3]).unwrap_err();
    assert_eq!(error.errno(), Some(XEN_EINVAL));
}

#[test]
fn a_map_is_set_for_a_domain() {
    let xen = Scripted(|operation, argument| {
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
    let xen = Scripted(|_, _| negative(XEN_ENOSYS));
    assert_eq!(memory_map(&xen, &mut []).unwrap_err().errno(), Some(XEN_ENOSYS));
}

#[test]
fn reserved_memory_that_does_not_fit_tells_how_much_there_is() {
    let xen = Scripted(|operation, argument| {
        assert_eq!(operation, XENMEM_reserved_device_memory_map);
        let mut map: xen_reserved_device_memory_map = peek(argument);
        let there = if map.flags == XENMEM_RDM_ALL { 3 } else { 1 };
        for index in 0..map.nr_entries.min(there) {
            let start_pfn = xen_pfn_t(0x100 * u64::from(index));
            let slot = at(map.buffer, index as usize);
            poke(slot, xen_reserved_device_memory { start_pfn, nr_pages: 8 });
        }
        let fits = map.nr_entries >= there;
        map.nr_entries = there;
        poke(argument, map);
        if fits { 0 } else { negative(XEN_ENOBUFS) }
    });
    let mut buffer = [xen_reserved_device_memory::ZERO; 3];
    let list = |size, buffer: &mut [xen_reserved_device_memory]| {
        reserved_device_memory_map(&xen, Devices::All, &mut buffer[..size]).map(<[_]>::len)
    };
    assert_eq!(list(0, &mut buffer), Err(ReservedError::TooSmall { needed: 3 }));
    assert_eq!(list(2, &mut buffer), Err(ReservedError::TooSmall { needed: 3 }));
    assert_eq!(list(3, &mut buffer), Ok(3));
    assert_eq!(buffer[2].start_pfn.0, 0x200);
    let one = Devices::One { segment: 1, bus: 2, devfn: 0x18 };
    assert_eq!(reserved_device_memory_map(&xen, one, &mut buffer).map(<[_]>::len), Ok(1));
}

#[test]
fn reserved_memory_of_one_device_names_it() {
    let xen = Scripted(|_, argument| {
        let map: xen_reserved_device_memory_map = peek(argument);
        assert_eq!(*map.dev.pci(), physdev_pci_device { seg: 1, bus: 2, devfn: 0x18 });
        assert_eq!(map.flags, 0);
        negative(XEN_EPERM)
    });
    let one = Devices::One { segment: 1, bus: 2, devfn: 0x18 };
    let error = reserved_device_memory_map(&xen, one, &mut []).unwrap_err();
    assert!(matches!(error, ReservedError::Failed(error) if error.errno() == Some(XEN_EPERM)));
}

/// A topology of two nodes, three vCPUs and one range, as Xen copies it out.
fn topology(operation: u32, argument: usize) -> isize {
    assert_eq!(operation, XENMEM_get_vnumainfo);
    let mut t: xen_vnuma_topology_info = peek(argument);
    assert_eq!(t.pad, 0);
    if t.domid != DOMID_SELF {
        return negative(if t.domid == PEER { XEN_EOPNOTSUPP } else { XEN_ESRCH });
    }
    let fits = t.nr_vnodes >= 2 && t.nr_vcpus >= 3 && t.nr_vmemranges >= 1;
    (t.nr_vnodes, t.nr_vcpus, t.nr_vmemranges) = (2, 3, 1);
    poke(argument, t);
    if !fits {
        return negative(XEN_ENOBUFS);
    }
    let put = |list: GuestHandle<u32>, values: &[u32]| {
        for (index, value) in values.iter().enumerate() {
            poke(at(list, index), *value);
        }
    };
    put(*t.vdistance.h(), &[10, 20, 20, 10]);
    put(*t.vcpu_to_vnode.h(), &[0, 1, 1]);
    poke(at(*t.vmemrange.h(), 0), xen_vmemrange { start: 0, end: 0x1000, flags: 0, nid: 1 });
    0
}

#[test]
fn a_topology_comes_with_its_sizes() {
    let xen = Scripted(topology);
    let sizes = VnumaSizes { nodes: 2, vcpus: 3, ranges: 1 };
    assert_eq!(vnuma_sizes(&xen, DOMID_SELF), Ok(sizes));
    let (mut distances, mut vcpu_to_node, mut ranges) = ([0; 10], [0; 4], [xen_vmemrange::ZERO; 2]);
    let buffers = VnumaBuffers {
        distances: &mut distances,
        vcpu_to_node: &mut vcpu_to_node,
        ranges: &mut ranges,
    };
    let found = vnuma(&xen, DOMID_SELF, buffers).unwrap();
    assert_eq!(found.nodes, 2);
    assert_eq!(found.distances, [10, 20, 20, 10]);
    assert_eq!(found.vcpu_to_node, [0, 1, 1]);
    assert_eq!(found.ranges.len(), 1);
}

#[test]
fn too_little_room_for_a_topology_is_told_with_what_is_needed() {
    let xen = Scripted(topology);
    for (distances, vcpus, ranges) in [(3, 3, 1), (4, 2, 1), (4, 3, 0), (0, 0, 0)] {
        let buffers = VnumaBuffers {
            distances: &mut [0; 4][..distances],
            vcpu_to_node: &mut [0; 3][..vcpus],
            ranges: &mut [xen_vmemrange::ZERO; 1][..ranges],
        };
        let needed = VnumaSizes { nodes: 2, vcpus: 3, ranges: 1 };
        assert_eq!(vnuma(&xen, DOMID_SELF, buffers).unwrap_err(), VnumaError::TooSmall(needed));
    }
}

#[test]
fn a_domain_without_a_topology_says_so() {
    let xen = Scripted(topology);
    assert_eq!(vnuma_sizes(&xen, PEER).unwrap_err().errno(), Some(XEN_EOPNOTSUPP));
    assert_eq!(vnuma_sizes(&xen, domid_t(77)).unwrap_err().errno(), Some(XEN_ESRCH));
    let changing = Scripted(|_, _| negative(XEN_EAGAIN));
    let buffers = VnumaBuffers { distances: &mut [], vcpu_to_node: &mut [], ranges: &mut [] };
    assert_eq!(vnuma(&changing, PEER, buffers).unwrap_err(), VnumaError::Changed);
}

#[test]
fn the_machine_to_physical_table_is_listed_as_far_as_there_is_room() {
    let xen = Scripted(|operation, argument| {
        if operation == XENMEM_machphys_compat_mfn_list {
            return negative(XEN_EOPNOTSUPP);
        }
        if operation == XENMEM_machphys_mapping {
            poke(argument, xen_machphys_mapping { v_start: 1, v_end: 2, max_mfn: 3 });
            return 0;
        }
        assert_eq!(operation, XENMEM_machphys_mfn_list);
        let mut list: xen_machphys_mfn_list = peek(argument);
        list.nr_extents = list.max_extents.min(2);
        for index in 0..list.nr_extents as usize {
            poke(at(list.extent_start, index), xen_pfn_t(0x200 * (index as u64 + 1)));
        }
        poke(argument, list);
        0
    });
    let mut buffer = [xen_pfn_t(0); 3];
    assert_eq!(machphys_mfn_list(&xen, &mut buffer), Ok(&[0x200, 0x400].map(xen_pfn_t)[..]));
    assert_eq!(machphys_mfn_list(&xen, &mut buffer[..1]).map(<[_]>::len), Ok(1));
    let error = machphys_compat_mfn_list(&xen, &mut buffer).unwrap_err();
    assert_eq!(error.errno(), Some(XEN_EOPNOTSUPP));
    let mapping = machphys_mapping(&xen).unwrap();
    assert_eq!((mapping.v_start, mapping.v_end, mapping.max_mfn), (1, 2, 3));
}

#[test]
fn a_claim_is_pages_and_nothing_else() {
    let xen = Scripted(|operation, argument| {
        assert_eq!(operation, XENMEM_claim_pages);
        let claim: xen_memory_reservation = peek(argument);
        assert!(claim.extent_start.is_null());
        assert_eq!((claim.extent_order, claim.mem_flags), (0, 0));
        match claim.domid {
            PEER if claim.nr_extents <= 100 => 0,
            PEER => negative(XEN_ENOMEM),
            _ => negative(XEN_EINVAL),
        }
    });
    let errno = |domid, pages| claim_pages(&xen, domid, PageCount(pages)).map_err(|e| e.errno());
    assert_eq!(errno(PEER, 100), Ok(()));
    assert_eq!(errno(PEER, 101), Err(Some(XEN_ENOMEM)));
    assert_eq!(errno(DOMID_SELF, 1), Err(Some(XEN_EINVAL)));
}

#[test]
fn the_on_demand_target_is_set_and_read() {
    let xen = Scripted(|operation, argument| {
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
