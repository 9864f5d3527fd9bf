//! Results that no Xen has: each must come out as an error of its type.

use xen_abi::memory::*;
use xen_abi::xen::{DOMID_SELF, xen_pfn_t, xen_ulong_t};

use xen_ops::hypercall::{Cause, Hypercall};
use xen_ops::memory::acquire::{self, AcquireError, Resource};
use xen_ops::memory::{
    BatchSpace, Devices, E820Entry, Error, Failure, FailureCause, Give, MemFlags, PageCount,
    PopulateError, ReservedError, Space, Take, VnumaBuffers, VnumaError, add_to_physmap,
    add_to_physmap_batch, claim_pages, current_reservation, decrease_reservation, exchange,
    increase_reservation, machine_memory_map, machphys_mapping, machphys_mfn_list, maximum_gpfn,
    maximum_ram_page, memory_map, pod_target, populate_exactly, populate_physmap,
    remove_from_physmap, reserved_device_memory_map, set_memory_map, set_pod_target,
    sharing_freed_pages, sharing_shared_pages, vnuma, vnuma_sizes,
};

use super::{PEER, frames};
use crate::lies::{Says, at, peek, poke};

/// The value that Xen does not have, wherever an error carries it.
fn unexpected(error: Error) -> Option<isize> {
    match error {
        Error::Xen(error) => match error.cause() {
            Cause::Unexpected(value) => Some(value),
            _ => None,
        },
        _ => None,
    }
}

const GARBAGE: [isize; 6] = [1, 3, 4096, isize::MAX, isize::MIN, -4096];

/// Everything that returns 0 or an error number.
fn errno_operations(xen: &impl Hypercall) -> [Result<(), Error>; 10] {
    // SAFETY: this hypervisor changes nothing.
    unsafe {
        [
            add_to_physmap(xen, DOMID_SELF, Space::SharedInfo, xen_pfn_t(1)),
            add_to_physmap_batch(xen, PEER, BatchSpace::Gmfn, &[1], &frames(1..2), &mut [0]).result,
            remove_from_physmap(xen, DOMID_SELF, xen_pfn_t(1)),
            acquire::size(xen, PEER, Resource::IoreqServer { id: 0 }).map(drop),
            memory_map(xen, &mut []).map(drop),
            machine_memory_map(xen, &mut []).map(drop),
            set_memory_map(xen, PEER, &[]),
            machphys_mfn_list(xen, &mut []).map(drop),
            claim_pages(xen, PEER, PageCount(1)),
            set_pod_target(xen, PEER, PageCount(1)).map(drop),
        ]
    }
}

#[test]
fn xsa_316_a_positive_result_is_no_success() {
    for garbage in GARBAGE {
        let xen = Says(|_, _| garbage);
        for (index, result) in errno_operations(&xen).into_iter().enumerate() {
            assert_eq!(result.map_err(unexpected), Err(Some(garbage)), "operation {index}");
        }
        assert_eq!(machphys_mapping(&xen).map(drop).map_err(unexpected), Err(Some(garbage)));
        assert_eq!(pod_target(&xen, PEER).map(drop).map_err(unexpected), Err(Some(garbage)));
        assert_eq!(vnuma_sizes(&xen, PEER).map_err(unexpected), Err(Some(garbage)));
        let lists = VnumaBuffers { distances: &mut [], vcpu_to_node: &mut [], ranges: &mut [] };
        let error = vnuma(&xen, PEER, lists).unwrap_err();
        assert!(matches!(error, VnumaError::Failed(error) if unexpected(error) == Some(garbage)));
        let error = reserved_device_memory_map(&xen, Devices::All, &mut []).unwrap_err();
        assert!(
            matches!(error, ReservedError::Failed(error) if unexpected(error) == Some(garbage))
        );
    }
}

#[test]
fn a_count_above_what_was_asked_is_no_count() {
    for garbage in [3, 4096, isize::MAX, isize::MIN, -4096] {
        let xen = Says(|_, _| garbage);
        let (mut list, flags) = (frames(1..3), MemFlags::ANY);
        // SAFETY: this hypervisor changes nothing.
        let results = unsafe {
            [
                populate_physmap(&xen, DOMID_SELF, 0, flags, &mut list),
                increase_reservation(&xen, DOMID_SELF, 0, flags, &mut list),
                decrease_reservation(&xen, DOMID_SELF, 0, &list),
            ]
        };
        for result in results {
            assert_eq!(result.map_err(unexpected), Err(Some(garbage)));
        }
        // SAFETY: as above.
        let error = unsafe { populate_exactly(&xen, DOMID_SELF, 0, flags, &mut list) }.unwrap_err();
        assert!(matches!(error, PopulateError::Call(error) if unexpected(error) == Some(garbage)));
    }
}

#[test]
fn giving_back_that_counts_wrong_is_no_undo() {
    let xen = Says(|operation, _| if operation == XENMEM_populate_physmap { 2 } else { 9 });
    // SAFETY: this hypervisor changes nothing.
    let result = unsafe { populate_exactly(&xen, DOMID_SELF, 0, MemFlags::ANY, &mut frames(1..4)) };
    assert!(matches!(result, Err(PopulateError::Stranded { released: 0, .. })));
}

#[test]
fn a_negative_value_is_an_error() {
    for garbage in [isize::MIN, -4096] {
        let xen = Says(|_, _| garbage);
        let results = [
            current_reservation(&xen, DOMID_SELF).map(drop),
            maximum_gpfn(&xen, DOMID_SELF).map(drop),
            maximum_ram_page(&xen).map(drop),
            sharing_freed_pages(&xen).map(drop),
            sharing_shared_pages(&xen).map(drop),
        ];
        for result in results {
            assert_eq!(result.map_err(unexpected), Err(Some(garbage)));
        }
    }
}

#[test]
fn xsa_316_a_positive_result_of_an_entry_is_no_success() {
    for garbage in [1, i32::MAX, -4096, i32::MIN + 1] {
        let xen = Says(|_, argument| {
            let batch: xen_add_to_physmap_batch = peek(argument);
            poke(at(batch.errs, 0), garbage);
            0
        });
        let mut errs = [0];
        // SAFETY: this hypervisor changes nothing.
        let placed = unsafe {
            let space = BatchSpace::GrantTable;
            add_to_physmap_batch(&xen, DOMID_SELF, space, &[1], &frames(1..2), &mut errs)
        };
        let failure = Failure { index: 0, cause: FailureCause::Unexpected(garbage) };
        assert_eq!(placed.failures().next(), Some(failure));
    }
}

#[test]
fn both_sides_of_an_exchange_are_as_they_were_asked_for() {
    let flags = MemFlags::ANY.address_bits(40);
    let xen = Says(|_, argument| {
        let mut exchange: xen_memory_exchange = peek(argument);
        let (given, taken) = (exchange.in_, exchange.out);
        assert_eq!((given.nr_extents, given.extent_order, given.domid), (4, 0, PEER));
        assert_eq!((taken.nr_extents, taken.extent_order, taken.domid), (2, 1, PEER));
        assert_eq!(
            (given.mem_flags, taken.mem_flags),
            (MemFlags::ANY.mem_flags(), flags.mem_flags())
        );
        exchange.nr_exchanged = 4;
        poke(argument, exchange);
        0
    });
    let (given, mut wanted) = (frames(1..5), frames(6..8));
    let give = Give { order: 0, frames: &given };
    let take = Take { order: 1, flags, frames: &mut wanted };
    // SAFETY: this hypervisor changes nothing.
    assert_eq!(unsafe { exchange(&xen, PEER, give, take) }, Ok(()));
}

#[test]
fn an_exchange_that_succeeds_without_trading_is_none() {
    for (reported, known) in [(0, 0), (1, 1), (3, 2), (xen_ulong_t::MAX, 2)] {
        let xen = Says(|_, argument| {
            let mut exchange: xen_memory_exchange = peek(argument);
            assert_eq!(exchange.nr_exchanged, 0);
            exchange.nr_exchanged = reported;
            poke(argument, exchange);
            0
        });
        let (given, mut wanted) = (frames(1..3), frames(3..5));
        let give = Give { order: 0, frames: &given };
        let take = Take { order: 0, flags: MemFlags::ANY, frames: &mut wanted };
        // SAFETY: this hypervisor changes nothing.
        let error = unsafe { exchange(&xen, DOMID_SELF, give, take) }.unwrap_err();
        assert_eq!((unexpected(error.error), error.exchanged), (Some(0), known));
    }
}

#[test]
fn more_entries_than_there_is_room_for_are_none() {
    for lie in [3, u32::MAX] {
        let xen = Says(|operation, argument| {
            #[allow(non_upper_case_globals, reason = "upstream's constants, as patterns")]
            match operation {
                XENMEM_memory_map | XENMEM_machine_memory_map => {
                    poke(argument, xen_memory_map { nr_entries: lie, ..peek(argument) });
                }
                XENMEM_machphys_mfn_list => {
                    poke(argument, xen_machphys_mfn_list { nr_extents: lie, ..peek(argument) });
                }
                _ => {
                    let map = peek(argument);
                    poke(argument, xen_reserved_device_memory_map { nr_entries: lie, ..map });
                }
            }
            0
        });
        let mut list = [E820Entry::default(); 2];
        let lie = Some(isize::try_from(lie).unwrap_or(isize::MAX));
        assert_eq!(memory_map(&xen, &mut list).map(drop).map_err(unexpected), Err(lie));
        assert_eq!(machine_memory_map(&xen, &mut list).map_err(unexpected), Err(lie));
        let mut list = [xen_pfn_t(0); 2];
        assert_eq!(machphys_mfn_list(&xen, &mut list).map_err(unexpected), Err(lie));
        let mut list = [xen_reserved_device_memory::ZERO; 2];
        let error = reserved_device_memory_map(&xen, Devices::All, &mut list).unwrap_err();
        assert!(matches!(error, ReservedError::Failed(error) if unexpected(error) == lie));
    }
}

#[test]
fn a_topology_larger_than_its_room_is_none() {
    for lie in [(3, 2, 1), (2, 3, 1), (2, 2, 2), (u32::MAX, 0, 0), (0x1_0000, 0, 0)] {
        let xen = Says(|_, argument| {
            let mut topology: xen_vnuma_topology_info = peek(argument);
            (topology.nr_vnodes, topology.nr_vcpus, topology.nr_vmemranges) = lie;
            poke(argument, topology);
            0
        });
        let lists = VnumaBuffers {
            distances: &mut [0; 4],
            vcpu_to_node: &mut [0; 2],
            ranges: &mut [xen_vmemrange::ZERO; 1],
        };
        let error = vnuma(&xen, DOMID_SELF, lists).unwrap_err();
        assert!(matches!(error, VnumaError::Failed(error) if unexpected(error).is_some()));
    }
}

#[test]
fn the_frame_count_that_comes_back_is_not_used() {
    for garbage in [1, isize::MIN] {
        let xen = Says(|operation, argument| {
            if operation == XENMEM_acquire_resource {
                poke(argument, xen_mem_acquire_resource { nr_frames: u32::MAX, ..peek(argument) });
            }
            garbage
        });
        let mut list = frames(1..3);
        // SAFETY: this hypervisor changes nothing.
        let result = unsafe {
            acquire::map(&xen, PEER, Resource::GrantTable { status: false }, 0, &mut list)
        };
        let Err(AcquireError::Stranded { error, left }) = result else {
            panic!("the removal fails as well: {result:?}");
        };
        assert_eq!((unexpected(error), left.count), (Some(garbage), 2));
    }
}

#[test]
fn a_resource_without_frames_is_an_error() {
    let xen = Says(|_, _| 0);
    let size = acquire::size(&xen, PEER, Resource::Vmtrace { vcpu: 0 });
    assert_eq!(size.map_err(unexpected), Err(Some(0)));
}
