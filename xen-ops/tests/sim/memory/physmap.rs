//! Placing pages and taking them away.

use std::cell::RefCell;

use xen_abi::Errno;
use xen_abi::errno::*;
use xen_abi::memory::{XENMAPIDX_grant_table_status, xen_add_to_physmap_batch};
use xen_abi::xen::{DOMID_SELF, xen_pfn_t, xen_ulong_t};
use xen_ops::hypercall::grant_table_op;
use xen_ops::memory::{
    BatchError, BatchSpace, Error, Failure, FailureCause, Placed, Space, UNTOUCHED, add_to_physmap,
    add_to_physmap_batch, remove_from_physmap,
};
use xen_sim::{DomainConfig, GuestKind, Release};

use super::{ABSENT, FIRST, ME, PAGES, PEER, Rig, fails, frame_of, frames};
use crate::lies::{Says, at, peek, poke};
use crate::{pfn, ulong};

const INVALID_GFN: xen_pfn_t = xen_pfn_t(!0);

fn add(rig: &Rig, what: Space, at: u64) -> Result<(), Error> {
    // SAFETY: nothing is at these guest frames.
    unsafe { add_to_physmap(&rig.xen, DOMID_SELF, what, pfn(at)) }
}

fn batch<'a>(
    rig: &Rig,
    space: BatchSpace,
    idxs: &[xen_ulong_t],
    gpfns: &[xen_pfn_t],
    errs: &'a mut [i32],
) -> Placed<'a> {
    // SAFETY: nothing is at these guest frames.
    unsafe { add_to_physmap_batch(&rig.xen, DOMID_SELF, space, idxs, gpfns, errs) }
}

/// A guest whose grant table is of version 2.
fn version_2() -> Rig {
    let rig = Rig::new(GuestKind::Pvh);
    // SAFETY: nothing is granted.
    assert_eq!(unsafe { grant_table_op::set_version(rig.us(), 2) }, (Ok(()), 2));
    rig
}

#[test]
fn each_space_is_placed_with_its_own_index() {
    let rig = version_2();
    let before: Vec<_> =
        (FIRST..FIRST + 4).map(|frame| rig.us().machine_frame(pfn(frame))).collect();
    add(&rig, Space::SharedInfo, 0x1000).unwrap();
    add(&rig, Space::GrantTable { frame: 3 }, 0x1001).unwrap();
    add(&rig, Space::GrantStatus { frame: 2 }, 0x1002).unwrap();
    add(&rig, Space::Gmfn { frame: pfn(FIRST) }, 0x1003).unwrap();
    add(&rig, Space::GmfnRange { first: pfn(FIRST + 1), count: 3 }, 0x1004).unwrap();
    let (us, table) = (rig.us(), rig.us().raw_table());
    assert!(rig.has(0x1000));
    assert_eq!(us.address_of(xen_pfn_t(0x1001)), frame_of(table.shared(), 3));
    assert_eq!(us.address_of(xen_pfn_t(0x1002)), frame_of(table.status(), 2));
    let after: Vec<_> = (0x1003..0x1007).map(|frame| us.machine_frame(xen_pfn_t(frame))).collect();
    assert_eq!(after, before);
    assert!((FIRST..FIRST + 4).all(|frame| !rig.has(frame)), "moved away");
}

#[test]
fn the_grant_table_grows_to_the_frame_placed() {
    let rig = Rig::new(GuestKind::Pvh);
    add(&rig, Space::GrantTable { frame: 7 }, 0x1000).unwrap();
    let size = grant_table_op::query_size(rig.us(), DOMID_SELF).unwrap();
    assert_eq!(size.nr_frames, 8);
    fails(add(&rig, Space::GrantTable { frame: size.max_nr_frames }, 0x1001), XEN_EINVAL);
}

#[test]
fn an_entry_frame_cannot_be_taken_for_a_status_frame() {
    let rig = Rig::new(GuestKind::Pvh);
    let frame = XENMAPIDX_grant_table_status | 1;
    let refused = Err(Error::GrantFrame { frame });
    assert_eq!(add(&rig, Space::GrantTable { frame }, 0x100), refused);
    assert_eq!(add(&rig, Space::GrantStatus { frame }, 0x100), refused);
    assert_eq!(rig.xen.calls(), 0);
}

#[test]
fn invalid_gfn_is_refused_before_the_call() {
    let rig = Rig::new(GuestKind::Pvh);
    let refused = Err(Error::NotAFrame { index: 0, frame: INVALID_GFN });
    assert_eq!(add(&rig, Space::SharedInfo, !0), refused);
    assert_eq!(add(&rig, Space::Gmfn { frame: INVALID_GFN }, 1), refused);
    assert_eq!(add(&rig, Space::GmfnRange { first: INVALID_GFN, count: 1 }, 1), refused);
    assert_eq!(add(&rig, Space::DevMmio { frame: INVALID_GFN }, 1), refused);
    // SAFETY: refused.
    assert_eq!(unsafe { remove_from_physmap(&rig.xen, DOMID_SELF, INVALID_GFN) }, refused);
    assert_eq!(rig.xen.calls(), 0);
}

#[test]
fn add_to_physmap_fails_as_xen_does() {
    let pv = Rig::new(GuestKind::Pv);
    fails(add(&pv, Space::SharedInfo, 1), XEN_EACCES);
    let pvh = Rig::new(GuestKind::Pvh);
    fails(add(&pvh, Space::DevMmio { frame: xen_pfn_t(1) }, 1), XEN_EACCES);
    fails(add(&pvh, Space::Gmfn { frame: xen_pfn_t(9) }, 1), XEN_EACCES);
    // To 64 bits all frame numbers of 32 are numbers.
    let beyond = if cfg!(target_arch = "x86") { XEN_EACCES } else { XEN_EOVERFLOW };
    fails(add(&pvh, Space::GmfnRange { first: xen_pfn_t(9), count: 2 }, !1), beyond);
    let arm = Rig::new(GuestKind::Arm);
    fails(add(&arm, Space::Gmfn { frame: xen_pfn_t(9) }, 1), XEN_ENOSYS);
    add(&arm, Space::SharedInfo, 1).unwrap();
    fails(add(&arm, Space::SharedInfo, 2), XEN_EBUSY);
    for (domid, errno) in [(PEER, XEN_EPERM), (ABSENT, XEN_ESRCH)] {
        // SAFETY: not the caller's address space.
        let result = unsafe { add_to_physmap(&pvh.xen, domid, Space::SharedInfo, xen_pfn_t(1)) };
        fails(result, errno);
    }
}

#[test]
fn remove_from_physmap_fails_as_xen_does() {
    let remove = |rig: &Rig, domid| {
        // SAFETY: nothing uses the page.
        unsafe { remove_from_physmap(&rig.xen, domid, pfn(FIRST)) }
    };
    let rig = Rig::new(GuestKind::Pvh);
    remove(&rig, DOMID_SELF).unwrap();
    assert!(!rig.has(FIRST));
    fails(remove(&rig, DOMID_SELF), XEN_ENOENT);
    fails(remove(&rig, PEER), XEN_EPERM);
    fails(remove(&rig, ABSENT), XEN_ESRCH);
    fails(remove(&Rig::new(GuestKind::Pv), DOMID_SELF), XEN_EACCES);
}

#[test]
fn a_batch_succeeds_as_a_whole_while_entries_fail() {
    let rig = Rig::privileged(GuestKind::Pvh);
    let mut errs = [0; 3];
    let space = BatchSpace::GmfnForeign { domid: PEER };
    let idxs = [ulong(FIRST), 0x5000, ulong(FIRST) + PAGES as xen_ulong_t];
    let placed = batch(&rig, space, &idxs, &frames(0x1000..0x1003), &mut errs);
    assert_eq!(placed.result, Ok(()));
    let failures: Vec<_> = placed.failures().collect();
    let first = Failure { index: 1, cause: FailureCause::Errno(XEN_EINVAL) };
    assert_eq!(failures, [first, Failure { index: 2, ..first }]);
    assert_eq!(placed.complete(), Err(BatchError::Entry(first)));
    assert_eq!(rig.us().machine_frame(xen_pfn_t(0x1000)), rig.peer.machine_frame(pfn(FIRST)));
}

#[test]
fn entries_that_xen_never_came_to_are_told_apart() {
    let rig = Rig::new(GuestKind::Pvh);
    rig.us().faults().unreadable(2);
    // What is in the caller's slice before must not be taken for a result.
    let mut errs = [0; 4];
    let placed = batch(&rig, BatchSpace::GrantTable, &[0, 1, 2, 3], &frames(1..5), &mut errs);
    fails(placed.result, XEN_EFAULT);
    // Xen reads all elements of a guest with 32 bits before it places one.
    let done = if cfg!(target_arch = "x86") { 0 } else { 2 };
    assert!(placed.errs.iter().enumerate().all(|(at, &error)| (at < done) == (error == 0)));
    let untouched: Vec<_> =
        placed.failures().map(|failure| (failure.index, failure.cause)).collect();
    assert_eq!(untouched, (done..4).map(|at| (at, FailureCause::Untouched)).collect::<Vec<_>>());
    assert!(matches!(placed.complete(), Err(BatchError::Call(_))));
}

#[test]
fn no_error_number_is_the_sentinel() {
    assert_eq!(Errno::from_result(UNTOUCHED as isize), None);
}

#[test]
fn invalid_gfn_in_a_batch_is_refused_where_xen_would_end_it_without_a_word() {
    let rig = Rig::new(GuestKind::Pvh);
    let mut errs = [0; 3];
    let gpfns = [xen_pfn_t(1), INVALID_GFN, xen_pfn_t(3)];
    let placed = batch(&rig, BatchSpace::GrantTable, &[0, 1, 2], &gpfns, &mut errs);
    assert_eq!(placed.result, Err(Error::NotAFrame { index: 1, frame: INVALID_GFN }));
    assert_eq!(placed.errs, [UNTOUCHED; 3]);
    assert_eq!(rig.xen.calls(), 0);
}

#[test]
fn slices_of_different_lengths_are_refused() {
    let rig = Rig::new(GuestKind::Pvh);
    for (gpfns, errs, found) in [(1, 2, 1), (3, 2, 3), (2, 1, 1), (2, 0, 0)] {
        let mut errs = vec![0; errs];
        let placed = batch(&rig, BatchSpace::GrantTable, &[0, 1], &frames(0..gpfns), &mut errs);
        assert_eq!(placed.result, Err(Error::Lengths { expected: 2, found }));
        assert!(placed.complete().is_err());
    }
    assert_eq!(rig.xen.calls(), 0);
}

#[test]
fn a_batch_longer_than_the_count_type_goes_in_parts_up_to_one_that_fails() {
    let long = usize::from(u16::MAX) + 1;
    let (idxs, gpfns, mut errs) = (vec![7; long], vec![xen_pfn_t(9); long], vec![0; long]);
    let seen = RefCell::new(Vec::new());
    let answer = |result| {
        let seen = &seen;
        Says(move |_, argument| {
            let batch: xen_add_to_physmap_batch = peek(argument);
            seen.borrow_mut().push(batch.size);
            poke(at(batch.errs, usize::from(batch.size) - 1), 0);
            result
        })
    };
    let space = BatchSpace::GrantTable;
    // SAFETY: this hypervisor changes nothing.
    let mut make = |xen| unsafe {
        let placed = add_to_physmap_batch(&xen, ME, space, &idxs, &gpfns, &mut errs);
        (placed.result, [placed.errs[long - 3], placed.errs[long - 2], placed.errs[long - 1]])
    };
    assert_eq!(make(answer(0)), (Ok(()), [UNTOUCHED, 0, 0]), "the last of each part");
    assert_eq!(*seen.borrow(), [u16::MAX, 1]);
    let (result, last) = make(answer(-14));
    fails(result, XEN_EFAULT);
    assert_eq!(last, [UNTOUCHED, 0, UNTOUCHED]);
    assert_eq!(*seen.borrow(), [u16::MAX, 1, u16::MAX]);
}

#[test]
fn a_batch_fails_as_xen_does() {
    let mut errs = [0];
    let foreign = |domid| BatchSpace::GmfnForeign { domid };
    let mut entry = |release, kind, domid| {
        let rig = Rig::with(release, kind, DomainConfig::privileged);
        let placed =
            batch(&rig, foreign(domid), &[ulong(FIRST)], &frames(0x1000..0x1001), &mut errs);
        assert_eq!(placed.result, Ok(()));
        placed.errs[0]
    };
    let newest = Release::V4_20;
    assert_eq!(entry(newest, GuestKind::Pvh, ME), -1, "one's own domain");
    assert_eq!(entry(Release::V4_14, GuestKind::Pvh, ME), -22, "one's own domain");
    assert_eq!(entry(newest, GuestKind::Arm, ME), -1, "one's own domain");
    assert_eq!(entry(newest, GuestKind::Pvh, DOMID_SELF), -3);
    assert_eq!(entry(newest, GuestKind::Pvh, ABSENT), -3);
    assert_eq!(entry(newest, GuestKind::Pvh, PEER), 0);
    let pv = Rig::privileged(GuestKind::Pv);
    fails(batch(&pv, foreign(PEER), &[1], &frames(1..2), &mut errs).result, XEN_EACCES);
    let pvh = Rig::new(GuestKind::Pvh);
    fails(batch(&pvh, BatchSpace::DevMmio, &[1], &frames(1..2), &mut errs).result, XEN_EACCES);
    assert!(batch(&pvh, foreign(PEER), &[], &[], &mut []).complete().is_ok(), "nothing to do");
}

#[test]
fn status_frames_in_a_batch_are_marked_in_the_index() {
    let rig = version_2();
    let idxs = [1, ulong(u64::from(XENMAPIDX_grant_table_status)) | 1];
    let mut errs = [0; 2];
    let gpfns = frames(0x1000..0x1002);
    batch(&rig, BatchSpace::GrantTable, &idxs, &gpfns, &mut errs).complete().unwrap();
    assert_eq!(rig.us().address_of(xen_pfn_t(0x1000)), frame_of(rig.us().raw_table().shared(), 1));
    assert_eq!(rig.us().address_of(xen_pfn_t(0x1001)), frame_of(rig.us().raw_table().status(), 1));
}
