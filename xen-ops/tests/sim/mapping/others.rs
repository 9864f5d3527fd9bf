//! Replacing, flushing, transferring, and swapping entries.

use std::ptr::NonNull;

use xen_abi::grant_table::*;
use xen_abi::xen::{__HYPERVISOR_update_va_mapping, xen_pfn_t};
use xen_ops::gnttab::flush::{CacheOp, Flush, FlushError, elements, flush, flush_each};
use xen_ops::gnttab::map::leaked;
use xen_ops::gnttab::replace::{ReplaceError, replace};
use xen_ops::gnttab::retry::{Backoff, NoRetry};
use xen_ops::gnttab::swap::{SwapError, swap};
use xen_ops::hypercall::Hypercall;
use xen_ops::page::{MapTarget, Owner, Page};
use xen_ops::view::OutOfBounds;
use xen_ops::{Mapping, ReadOnly, RemoteGrant};
use xen_sim::{Domain, GuestKind};

use super::{FIRST, OwnPage, Rig, Target, grant, publish};
use crate::lies::Answer::{DoThenFault, Fault, Skip, Status};
use crate::lies::Lies;
use crate::lies::Outcome::Instead;

type Mapped<'r> = Mapping<&'r Lies<Domain>, Target<'r>>;

/// A page of a PV guest's at a virtual address that the simulator knows.
#[derive(Debug)]
struct Placed<'r> {
    page: OwnPage<'r>,
    at: xen_sim::GuestTarget,
}

impl<'r> Placed<'r> {
    fn new(rig: &'r Rig) -> Self {
        let placed = Self { page: rig.page(), at: rig.xen.truth().target() };
        // Present and writable.
        placed.set_entry(placed.page.number() << 12 | 3);
        placed
    }

    fn set_entry(&self, entry: u64) {
        let arguments = [self.at.host_addr() as usize, entry as usize, 0, 0, 0];
        let us = self.page.rig.xen.truth();
        // SAFETY: the address is this value's.
        let result = unsafe { us.call(__HYPERVISOR_update_va_mapping, arguments) };
        assert_eq!(result, 0);
    }
}

impl Drop for Placed<'_> {
    fn drop(&mut self) {
        self.set_entry(0);
    }
}

// SAFETY: the address is one of the guest's that this process does not have, so these tests do not look
// at the bytes there.
unsafe impl Page for Placed<'_> {
    fn frame(&self) -> xen_pfn_t {
        Page::frame(&self.page)
    }

    fn address(&self) -> NonNull<u8> {
        let address = std::ptr::without_provenance_mut(self.at.host_addr() as usize);
        NonNull::new(address).expect("not at 0")
    }

    fn owner(&self) -> Option<Owner> {
        Page::owner(&self.page.page)
    }
}

fn mapping(rig: &Rig) -> Mapped<'_> {
    Mapping::new(&rig.xen, grant(FIRST), rig.target(1), ReadOnly).unwrap()
}

#[test]
fn entries_are_swapped_and_tried_again_while_in_use() {
    let rig = Rig::new();
    let (us, peer) = (rig.xen.truth(), &rig.peers[0]);
    let pages = [8, 9].map(|reference| {
        let page = us.page().unwrap();
        publish(us, reference, peer, Page::frame(&page));
        page
    });
    let swapped = |wait: &mut dyn FnMut()| {
        let mut retry = Backoff::new(|_| wait());
        // SAFETY: both pages stay granted.
        unsafe { swap(&rig.xen, grant_ref_t(8), grant_ref_t(9), &mut retry) }
    };
    let map = |reference| {
        let grant = RemoteGrant::new(us.domid(), grant_ref_t(reference));
        Mapping::new(peer, grant, peer.target(), ReadOnly).unwrap()
    };
    pages[0].view().write(0, b"first").unwrap();
    let (mut used, mut waits) = (Some(map(8)), 0);
    swapped(&mut || {
        waits += 1;
        if waits == 2 {
            used = None;
        }
    })
    .unwrap();
    assert_eq!(rig.xen.counts::<gnttab_swap_grant_ref>(), [1, 1, 1]);
    assert_eq!(map(9).view().read_obj::<[u8; 5]>(0).unwrap(), *b"first");

    for answer in [Status(-3), Status(1), Skip, Fault] {
        rig.xen.answer([answer]);
        assert!(matches!(swapped(&mut || ()), Err(SwapError::Xen(_))), "{answer:?}");
    }
    let _used = map(8);
    let Err(SwapError::Xen(error)) = swapped(&mut || ()) else { panic!("in use") };
    assert_eq!(error.status(), Some(GNTST_eagain));
}

#[test]
fn reserved_entries_are_never_swapped() {
    let rig = Rig::new();
    let swapped = |a, b| {
        // SAFETY: nothing is swapped.
        unsafe { swap(&rig.xen, grant_ref_t(a), grant_ref_t(b), &mut NoRetry) }
    };
    assert_eq!(swapped(7, 8), Err(SwapError::Reserved(grant_ref_t(7))));
    assert_eq!(swapped(8, 0), Err(SwapError::Reserved(grant_ref_t(0))));
    assert_eq!(rig.xen.calls(), 0);
}

#[test]
fn a_page_takes_the_place_of_a_mapping() {
    let rig = Rig::with(GuestKind::Pv, 8);
    let placed = Placed::new(&rig);
    let (frame, memory) = (Page::frame(&placed), placed.at.address());
    let owner = Page::owner(&placed);
    assert!(owner.is_some());
    {
        let replaced = replace(mapping(&rig), placed).unwrap();
        assert_eq!(rig.xen.truth().live_mappings(), 0);
        assert_eq!((replaced.frame(), replaced.owner()), (frame, owner));
        assert_eq!(rig.targets[0].address(), memory);
        assert_eq!(replaced.address(), rig.targets[0].address());
    }
    assert!(rig.returned().is_empty());
}

#[test]
fn what_is_not_replaced_is_kept_only_if_that_is_certain() {
    let answers = [(Status(-8), true), (Status(-1), false), (Status(1), false), (Skip, false)];
    for (answer, kept) in answers.into_iter().chain([(Fault, false), (DoThenFault, false)]) {
        let rig = Rig::with(GuestKind::Pv, 8);
        let (mapping, placed) = (mapping(&rig), Placed::new(&rig));
        rig.xen.answer([answer]);
        let before = leaked();
        let error = replace(mapping, placed).unwrap_err();
        assert_eq!(error.returned.is_some(), kept, "{answer:?}");
        assert!(kept || leaked() > before);
        drop(error);
        assert_eq!(rig.returned().len(), if kept { 2 } else { 0 }, "{answer:?}");
    }
}

/// The operation has no device address, so the device's half would stay.
#[test]
fn xsa_361_a_device_map_is_never_replaced() {
    let rig = Rig::with(GuestKind::Pv, 8);
    let mapping: Mapped<'_> =
        Mapping::for_devices(&rig.xen, grant(FIRST), rig.target(1), ReadOnly).unwrap();
    let error = replace(mapping, Placed::new(&rig)).unwrap_err();
    assert!(error.error == ReplaceError::ForDevices && error.returned.is_some());
    assert_eq!(rig.mapped(), [1]);
    assert!(rig.xen.counts::<gnttab_unmap_and_replace>().is_empty());
}

#[test]
fn ranges_of_a_mapping_are_flushed_by_machine_address() {
    let rig = Rig::with(GuestKind::Arm, 8);
    let mapping = mapping(&rig);
    let flushes = [
        Flush::new(&mapping, 64, 128, CacheOp::Clean).unwrap(),
        Flush::new(&mapping, 0, 4096, CacheOp::CleanAndInvalidate).unwrap(),
        Flush::new(&mapping, 4095, 0, CacheOp::Invalidate).unwrap(),
    ];
    flush_each(&rig.xen, &flushes, &mut elements::<3>()).unwrap();
    assert_eq!(rig.xen.counts::<gnttab_cache_flush>(), [3]);
    let seen = rig.xen.seen::<gnttab_cache_flush>();
    let ops: Vec<_> = seen.iter().map(|element| element.op).collect();
    let both = GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL;
    assert_eq!(ops, [GNTTAB_CACHE_CLEAN, both, GNTTAB_CACHE_INVAL]);
    assert_eq!(*seen[0].a.dev_bus_addr(), mapping.machine_addr());
    assert_eq!((seen[0].offset, seen[0].length), (64, 128));

    rig.xen.outcome([Instead(-1)]);
    let error = flush(&rig.xen, &flushes[0]).unwrap_err();
    assert_eq!(error.to_string(), "GNTTABOP_cache_flush: not allowed (EPERM)");
    let short = flush_each(&rig.xen, &flushes, &mut elements::<2>());
    assert!(matches!(short, Err(FlushError::TooLarge(_))));
    flush_each(&rig.xen, &[], &mut []).unwrap();
    assert_eq!(rig.xen.counts::<gnttab_cache_flush>(), [3, 1]);
}

#[test]
fn a_range_to_flush_is_inside_its_page() {
    let rig = Rig::with(GuestKind::Arm, 8);
    let mapping = mapping(&rig);
    for (offset, length) in
        [(4096, 0), (1, 4096), (0, 4097), (usize::MAX, 1), (0, 65536), (65536, 0)]
    {
        let refused = Flush::new(&mapping, offset, length, CacheOp::Clean).map(|_| ());
        assert_eq!(refused, Err(OutOfBounds { offset, length }));
    }
}
