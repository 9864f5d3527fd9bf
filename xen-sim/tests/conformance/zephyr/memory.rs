//! `memory.h`.
#![allow(unsafe_code, reason = "changes the memory at guest frames that are not in use")]

use crate::support::machine_frame;
use xen_abi::Errno;
use xen_abi::errno::*;
use xen_abi::xen::*;
use xen_ops::hypercall::grant_table_op::setup_table;
use xen_ops::memory::acquire::{self, AcquireError, Resource};
use xen_ops::memory::{
    BatchError, BatchSpace, Error, Extents, FailureCause, MemFlags, Placed, Space, add_to_physmap,
    add_to_physmap_batch, populate_physmap, remove_from_physmap,
};
use xen_ops::page::Page as _;
use xen_sim::{Domain, DomainConfig, GuestKind, Xen};

use super::*;
use crate::support::{TABLE_GFN, domid, guest, pfn, pfn_to_u64};

/// Guest frames that the simulator's guests do not use.
const UNUSED: u64 = 0x20_0000;
const TABLE: Resource = Resource::GrantTable { status: false };

fn frames<const N: usize>(first: u64) -> [xen_pfn_t; N] {
    std::array::from_fn(|at| pfn(first + at as u64))
}

fn add(caller: &Domain, domid: domid_t, what: Space, gpfn: u64) -> Result<(), Error> {
    // SAFETY: nothing relies on what is there.
    unsafe { add_to_physmap(caller, domid, what, pfn(gpfn)) }
}

fn remove(caller: &Domain, domid: domid_t, gpfn: u64) -> Result<(), Error> {
    // SAFETY: as above.
    unsafe { remove_from_physmap(caller, domid, pfn(gpfn)) }
}

fn populate(caller: &Domain, domid: domid_t, order: u32, list: &mut [xen_pfn_t]) -> Extents {
    // SAFETY: as above.
    unsafe { populate_physmap(caller, domid, order, MemFlags::ANY, list) }.unwrap()
}

fn batch<'e>(
    caller: &Domain,
    domid: domid_t,
    space: BatchSpace,
    idxs: &[xen_ulong_t],
    errs: &'e mut [i32],
) -> Placed<'e> {
    let gpfns: Vec<_> = (0..idxs.len() as u64).map(|at| pfn(UNUSED + at)).collect();
    // SAFETY: as above.
    unsafe { add_to_physmap_batch(caller, domid, space, idxs, &gpfns, errs) }
}

fn acquired(caller: &Domain, domid: domid_t, list: &mut [xen_pfn_t]) -> Result<(), AcquireError> {
    // SAFETY: as above; the caller is translated.
    unsafe { acquire::map(caller, domid, TABLE, 0, list) }
}

#[track_caller]
fn fails(result: Result<(), Error>, errno: Errno) {
    assert_eq!(result.unwrap_err().errno(), Some(errno));
}

/// A machine with a domain, whose grant table is mapped, and a privileged one.
fn with_tools(kind: GuestKind) -> (Xen, Domain, Domain) {
    let xen = Xen::new();
    let domain = guest(&xen, DomainConfig::new(kind).pages(8));
    let tools = xen.domain(DomainConfig::new(kind).pages(8).privileged()).unwrap();
    (xen, domain, tools)
}

/// "Add a single mapping to a domain physmap", "Index within the Xen mapping space", "Guest frame
/// number where the mapping becomes visible"
#[test]
fn zephyr_add_to_physmap_makes_the_page_visible() {
    for &kind in TRANSLATED {
        let (xen, a, _b) = two(kind);
        for (frame, gpfn) in [(1, UNUSED + 1), (0, UNUSED)] {
            add(&a, DOMID_SELF, Space::GrantTable { frame }, gpfn).unwrap();
        }
        add(&a, DOMID_SELF, Space::SharedInfo, UNUSED + 2).unwrap();
        let visible = frames::<3>(UNUSED).map(|gpfn| machine_frame(&a, pfn_to_u64(gpfn)).unwrap());
        assert!(visible[0] != visible[1] && visible[1] != visible[2]);
        xen.check_invariants().unwrap();
    }
}

/// "Unprivileged callers must use DOMID_SELF"
#[test]
fn zephyr_physmaps_of_others_are_for_the_privileged() {
    for &kind in TRANSLATED {
        let (_xen, a, tools) = with_tools(kind);
        let (ours, theirs) = (domid(&a), domid(&tools));
        let table = Space::GrantTable { frame: 1 };
        fails(add(&a, theirs, table, UNUSED), XEN_EPERM);
        fails(batch(&a, theirs, BatchSpace::GrantTable, &[1], &mut [0]).result, XEN_EPERM);
        fails(remove(&a, theirs, UNUSED), XEN_EPERM);
        assert_eq!(populate(&a, theirs, 0, &mut frames::<1>(UNUSED)).done(), 0);
        add(&tools, ours, table, UNUSED).unwrap();
        assert!(machine_frame(&a, UNUSED).is_some());
        remove(&tools, ours, UNUSED).unwrap();
        batch(&tools, ours, BatchSpace::GrantTable, &[1], &mut [0]).complete().unwrap();
        assert_eq!(populate(&tools, ours, 0, &mut frames::<1>(UNUSED + 1)).done(), 1);
        assert!(machine_frame(&a, UNUSED + 1).is_some());
    }
}

/// "negative errno value on failure"
#[test]
fn zephyr_add_to_physmap_fails_with_an_error_number() {
    for &kind in TRANSLATED {
        let (_xen, a, _b) = two(kind);
        fails(add(&a, DOMID_SELF, Space::GrantTable { frame: 64 }, UNUSED), XEN_EINVAL);
        fails(add(&a, domid_t(77), Space::SharedInfo, UNUSED), XEN_ESRCH);
        a.faults().busy(1);
        fails(add(&a, DOMID_SELF, Space::GrantTable { frame: 0 }, UNUSED), XEN_EBUSY);
        assert_eq!(machine_frame(&a, UNUSED), None);
    }
    let (_xen, pv, _b) = two(GuestKind::Pv);
    fails(add(&pv, DOMID_SELF, Space::SharedInfo, UNUSED), XEN_EACCES);
}

/// "Array that receives a per-entry Xen status code", "0 on success"
#[test]
fn zephyr_add_to_physmap_batch_has_an_error_for_each_entry() {
    for &kind in TRANSLATED {
        let (_xen, a, _b) = two(kind);
        let mut errs = [7; 3];
        let placed = batch(&a, DOMID_SELF, BatchSpace::GrantTable, &[1, 64, 0], &mut errs);
        assert_eq!((placed.result, placed.errs), (Ok(()), &[0, -22, 0][..]));
        let Err(BatchError::Entry(failure)) = placed.complete() else { panic!("{placed:?}") };
        assert_eq!((failure.index, failure.cause), (1, FailureCause::Errno(XEN_EINVAL)));
        let there = frames::<3>(UNUSED).map(|gpfn| machine_frame(&a, pfn_to_u64(gpfn)).is_some());
        assert_eq!(there, [true, false, true]);
    }
}

/// "Foreign domain identifier used with XENMAPSPACE_gmfn_foreign"
#[test]
fn zephyr_add_to_physmap_batch_maps_a_foreign_domains_frames() {
    for &kind in TRANSLATED {
        let (xen, a, tools) = with_tools(kind);
        let pages = [a.page().unwrap(), a.page().unwrap()];
        let idxs = pages.each_ref().map(|page| page.frame().0);
        let space = BatchSpace::GmfnForeign { domid: domid(&a) };
        batch(&tools, DOMID_SELF, space, &idxs, &mut [0; 2]).complete().unwrap();
        for (gpfn, gmfn) in frames::<2>(UNUSED).iter().zip(idxs) {
            assert_eq!(
                machine_frame(&tools, pfn_to_u64(*gpfn)),
                machine_frame(&a, pfn_to_u64(xen_pfn_t(gmfn)))
            );
        }
        for gpfn in frames::<2>(UNUSED) {
            remove(&tools, DOMID_SELF, pfn_to_u64(gpfn)).unwrap();
        }
        xen.check_invariants().unwrap();
    }
}

/// "Remove a mapping from a domain physmap", "0 on success, negative errno value on failure"
#[test]
fn zephyr_remove_from_physmap_leaves_nothing_there() {
    for &kind in TRANSLATED {
        let (xen, a, _b) = two(kind);
        add(&a, DOMID_SELF, Space::SharedInfo, UNUSED).unwrap();
        remove(&a, DOMID_SELF, UNUSED).unwrap();
        assert_eq!(machine_frame(&a, UNUSED), None);
        fails(remove(&a, DOMID_SELF, UNUSED), XEN_ENOENT);
        fails(remove(&a, domid_t(77), UNUSED), XEN_ESRCH);
        xen.check_invariants().unwrap();
    }
}

/// "each extent covers 2^extent_order pages", "Array of guest frame numbers that receive the
/// populated extents", "Arm guests currently pass 0"
#[test]
fn zephyr_populate_physmap_puts_extents_behind_guest_frames() {
    assert_eq!(MemFlags::ANY.mem_flags().bits(), 0);
    for &kind in TRANSLATED {
        let (xen, a, _b) = two(kind);
        let mut list = [UNUSED, UNUSED + 16].map(pfn);
        assert!(populate(&a, DOMID_SELF, 2, &mut list).is_complete());
        assert_eq!(a.pages(), 16);
        for gpfn in (UNUSED..UNUSED + 4).chain(UNUSED + 16..UNUSED + 20) {
            assert!(machine_frame(&a, gpfn).is_some(), "{gpfn:#x}");
        }
        assert_eq!(machine_frame(&a, UNUSED + 4), None);
        xen.check_invariants().unwrap();
    }
}

/// "Number of populated extents"
#[test]
fn zephyr_populate_physmap_counts_what_it_did() {
    for &kind in TRANSLATED {
        let xen = Xen::new();
        let a = xen.domain(DomainConfig::new(kind).pages(8).max_pages(11)).unwrap();
        let mut list = frames::<5>(UNUSED);
        let extents = populate(&a, DOMID_SELF, 0, &mut list);
        assert_eq!((extents.done(), extents.asked(), a.pages()), (3, 5, 11));
        let (memory, holes) = extents.split(&list);
        assert!(memory.iter().all(|gpfn| machine_frame(&a, pfn_to_u64(*gpfn)).is_some()));
        assert!(holes.iter().all(|gpfn| machine_frame(&a, pfn_to_u64(*gpfn)).is_none()));
        xen.check_invariants().unwrap();
    }
}

/// "Ignored when *nr_frames is 0 (size query)", "On return, the number of frames that Xen reports"
#[test]
fn zephyr_acquire_resource_tells_the_size() {
    for &kind in KINDS {
        let (_xen, a, tools) = with_tools(kind);
        assert_eq!(acquire::size(&tools, domid(&a), TABLE), Ok(64));
        let server = acquire::size(&tools, domid(&a), Resource::GrantTable { status: true });
        let errno = server.map_err(|error| error.errno());
        assert_eq!(errno, if kind == GuestKind::Arm { Err(Some(XEN_EINVAL)) } else { Ok(8) });
    }
}

/// "Starting frame within the Xen resource", "input GFNs for HVM guests"
#[test]
fn zephyr_acquire_resource_maps_frames_where_the_list_says() {
    for &kind in TRANSLATED {
        let (xen, a, tools) = with_tools(kind);
        crate::support::add_to_physmap(&a, XENMAPSPACE_GRANT_TABLE, 1, TABLE_GFN + 1);
        let mut list = frames::<1>(UNUSED);
        // SAFETY: nothing is there; the caller is translated.
        unsafe { acquire::map(&tools, domid(&a), TABLE, 1, &mut list) }.unwrap();
        assert_eq!(list, frames(UNUSED));
        assert!(machine_frame(&a, TABLE_GFN + 1).is_some());
        assert_eq!(machine_frame(&tools, UNUSED), machine_frame(&a, TABLE_GFN + 1));
        xen.check_invariants().unwrap();
        // SAFETY: nothing uses it.
        unsafe { acquire::unmap(&tools, &list) }.unwrap();
        assert_eq!(machine_frame(&tools, UNUSED), None);
    }
}

const XENMAPSPACE_GRANT_TABLE: u32 = xen_abi::memory::XENMAPSPACE_grant_table;

/// "output MFNs for PV guests"
#[test]
fn zephyr_acquire_resource_tells_a_pv_guest_machine_frames() {
    let (_xen, a, tools) = with_tools(GuestKind::Pv);
    let (mut table, mut list) = (frames::<2>(0), frames::<2>(0));
    setup_table(&a, DOMID_SELF, &mut table).unwrap();
    // SAFETY: the caller is a PV guest.
    unsafe { acquire::machine_frames(&tools, domid(&a), TABLE, 0, &mut list) }.unwrap();
    assert_eq!(list, table);
    assert_ne!(list, frames(0));
}

/// "negative errno value on failure"
#[test]
fn zephyr_acquire_resource_fails_with_an_error_number_and_maps_nothing() {
    for &kind in TRANSLATED {
        let (xen, a, tools) = with_tools(kind);
        let mut list = frames::<3>(UNUSED);
        let mut errno = |caller: &Domain, domid| match acquired(caller, domid, &mut list) {
            Err(AcquireError::Failed(error)) => error.errno(),
            other => panic!("{other:?}"),
        };
        assert_eq!(errno(&tools, domid_t(77)), Some(XEN_ESRCH));
        assert_eq!(errno(&tools, domid(&tools)), Some(XEN_EPERM));
        assert_eq!(errno(&a, domid(&tools)), Some(XEN_EPERM));
        // Half way: what is mapped is removed again.
        tools.faults().acquire_fails_after(2);
        assert_eq!(errno(&tools, domid(&a)), Some(XEN_EIO));
        assert!(list.iter().all(|gpfn| machine_frame(&tools, pfn_to_u64(*gpfn)).is_none()));
        xen.check_invariants().unwrap();
    }
}
