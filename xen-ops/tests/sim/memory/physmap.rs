//! Placing pages and taking them away.

use core::cell::RefCell;
use std::vec;
use std::vec::Vec;

use xen_abi::Errno;
use xen_abi::errno::*;
use xen_abi::memory::{XENMAPIDX_grant_table_status, xen_add_to_physmap_batch};
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};

use super::fake::{GRANT_FRAMES, Kind, ME, PEER, Scripted, What, Xen, at, peek, poke};
use super::frames;
use crate::memory::{
    BatchError, BatchSpace, Error, Failure, FailureCause, Placed, Space, UNTOUCHED, add_to_physmap,
    add_to_physmap_batch, remove_from_physmap,
};

const INVALID_GFN: xen_pfn_t = xen_pfn_t(!0);

fn add(xen: &Xen, what: Space, at: u64) -> Result<(), Error> {
    // SAFETY: the frames are a map's keys.
    unsafe { add_to_physmap(xen, DOMID_SELF, what, xen_pfn_t(at)) }
}

fn batch<'a>(
    xen: &Xen,
    space: BatchSpace,
    idxs: &[u64],
    gpfns: &[xen_pfn_t],
    errs: &'a mut [i32],
) -> Placed<'a> {
    // SAFETY: the frames are a map's keys.
    unsafe { add_to_physmap_batch(xen, DOMID_SELF, space, idxs, gpfns, errs) }
}

#[track_caller]
fn fails<T: core::fmt::Debug>(result: Result<T, Error>, errno: Errno) {
    assert_eq!(result.unwrap_err().errno(), Some(errno));
}

#[test]
fn each_space_is_placed_with_its_own_index() {
    let xen = Xen::new(Kind::Hvm).with_ram(0x10..0x14);
    add(&xen, Space::SharedInfo, 0x100).unwrap();
    add(&xen, Space::GrantTable { frame: 3 }, 0x101).unwrap();
    add(&xen, Space::GrantStatus { frame: 2 }, 0x102).unwrap();
    add(&xen, Space::Gmfn { frame: xen_pfn_t(0x10) }, 0x103).unwrap();
    add(&xen, Space::GmfnRange { first: xen_pfn_t(0x11), count: 3 }, 0x104).unwrap();
    assert_eq!(xen.what(0x100), Some(What::SharedInfo));
    assert_eq!(xen.what(0x101), Some(What::Grant(3)));
    assert_eq!(xen.what(0x102), Some(What::Status(2)));
    for frame in 0x103..0x107 {
        assert_eq!(xen.what(frame), Some(What::Ram));
    }
    for frame in 0x10..0x14 {
        assert_eq!(xen.what(frame), None, "moved away");
    }
}

#[test]
fn the_grant_table_grows_to_the_frame_placed() {
    let xen = Xen::new(Kind::Hvm);
    add(&xen, Space::GrantTable { frame: 7 }, 0x100).unwrap();
    assert_eq!(xen.state.borrow().grant_frames, 8);
    fails(add(&xen, Space::GrantTable { frame: GRANT_FRAMES }, 0x101), XEN_EINVAL);
}

#[test]
fn an_entry_frame_cannot_be_taken_for_a_status_frame() {
    let xen = Xen::new(Kind::Hvm);
    let frame = XENMAPIDX_grant_table_status | 1;
    let refused = Err(Error::GrantFrame { frame });
    assert_eq!(add(&xen, Space::GrantTable { frame }, 0x100), refused);
    assert_eq!(add(&xen, Space::GrantStatus { frame }, 0x100), refused);
    assert_eq!(xen.calls(), 0);
}

#[test]
fn invalid_gfn_is_refused_before_the_call() {
    let xen = Xen::new(Kind::Hvm);
    let refused = Err(Error::NotAFrame { index: 0, frame: INVALID_GFN });
    assert_eq!(add(&xen, Space::SharedInfo, !0), refused);
    assert_eq!(add(&xen, Space::Gmfn { frame: INVALID_GFN }, 1), refused);
    assert_eq!(add(&xen, Space::GmfnRange { first: INVALID_GFN, count: 1 }, 1), refused);
    assert_eq!(add(&xen, Space::DevMmio { frame: INVALID_GFN }, 1), refused);
    // SAFETY: refused.
    assert_eq!(unsafe { remove_from_physmap(&xen, DOMID_SELF, INVALID_GFN) }, refused);
    assert_eq!(xen.calls(), 0);
}

#[test]
fn add_to_physmap_fails_as_xen_does() {
    let pv = Xen::new(Kind::Pv);
    fails(add(&pv, Space::SharedInfo, 1), XEN_EACCES);
    let hvm = Xen::new(Kind::Hvm);
    fails(add(&hvm, Space::DevMmio { frame: xen_pfn_t(1) }, 1), XEN_EACCES);
    fails(add(&hvm, Space::Gmfn { frame: xen_pfn_t(9) }, 1), XEN_EACCES);
    fails(add(&hvm, Space::GmfnRange { first: xen_pfn_t(9), count: 2 }, !1), XEN_EOVERFLOW);
    let arm = Xen::new(Kind::Arm);
    fails(add(&arm, Space::Gmfn { frame: xen_pfn_t(9) }, 1), XEN_ENOSYS);
    add(&arm, Space::SharedInfo, 1).unwrap();
    fails(add(&arm, Space::SharedInfo, 2), XEN_EBUSY);
    for (domid, errno) in [(PEER, XEN_EPERM), (domid_t(77), XEN_ESRCH)] {
        // SAFETY: not the caller's map.
        let result = unsafe { add_to_physmap(&hvm, domid, Space::SharedInfo, xen_pfn_t(1)) };
        fails(result, errno);
    }
}

#[test]
fn remove_from_physmap_fails_as_xen_does() {
    // SAFETY: the frames are a map's keys.
    let remove = |xen: &Xen, domid, at| unsafe { remove_from_physmap(xen, domid, xen_pfn_t(at)) };
    let xen = Xen::new(Kind::Hvm).with_ram(5..6);
    remove(&xen, DOMID_SELF, 5).unwrap();
    assert_eq!(xen.what(5), None);
    fails(remove(&xen, DOMID_SELF, 5), XEN_ENOENT);
    fails(remove(&xen, PEER, 5), XEN_EPERM);
    fails(remove(&xen, domid_t(77), 5), XEN_ESRCH);
    fails(remove(&Xen::new(Kind::Pv), DOMID_SELF, 5), XEN_EACCES);
}

#[test]
fn a_batch_succeeds_as_a_whole_while_entries_fail() {
    let xen = Xen::new(Kind::Hvm);
    xen.state.borrow_mut().bad.insert(0x101, XEN_ENOMEM);
    let mut errs = [0; 3];
    let space = BatchSpace::GmfnForeign { domid: PEER };
    let placed = batch(&xen, space, &[1, 2, 0x5000], &frames(0x100..0x103), &mut errs);
    assert_eq!(placed.result, Ok(()));
    assert_eq!(placed.errs, [0, -12, -22]);
    let failures: Vec<_> = placed.failures().collect();
    let first = Failure { index: 1, cause: FailureCause::Errno(XEN_ENOMEM) };
    assert_eq!(failures, [first, Failure { index: 2, cause: FailureCause::Errno(XEN_EINVAL) }]);
    assert_eq!(placed.complete(), Err(BatchError::Entry(first)));
    assert_eq!(xen.what(0x100), Some(What::RemoteGrant(1)));
}

#[test]
fn entries_that_xen_never_came_to_are_told_apart() {
    let xen = Xen::new(Kind::Hvm);
    xen.state.borrow_mut().fault_at = Some(2);
    // What is in the caller's slice before must not be taken for a result.
    let mut errs = [0; 4];
    let placed = batch(&xen, BatchSpace::GrantTable, &[0, 1, 2, 3], &frames(1..5), &mut errs);
    fails(placed.result, XEN_EFAULT);
    assert_eq!(placed.errs, [0, 0, UNTOUCHED, UNTOUCHED]);
    let untouched: Vec<_> =
        placed.failures().map(|failure| (failure.index, failure.cause)).collect();
    assert_eq!(untouched, [(2, FailureCause::Untouched), (3, FailureCause::Untouched)]);
    assert!(matches!(placed.complete(), Err(BatchError::Call(_))));
}

#[test]
fn no_error_number_is_the_sentinel() {
    assert_eq!(Errno::from_result(UNTOUCHED as isize), None);
}

#[test]
fn invalid_gfn_in_a_batch_is_refused_where_xen_would_end_it_without_a_word() {
    let xen = Xen::new(Kind::Hvm);
    let mut errs = [0; 3];
    let gpfns = [xen_pfn_t(1), INVALID_GFN, xen_pfn_t(3)];
    let placed = batch(&xen, BatchSpace::GrantTable, &[0, 1, 2], &gpfns, &mut errs);
    assert_eq!(placed.result, Err(Error::NotAFrame { index: 1, frame: INVALID_GFN }));
    assert_eq!(placed.errs, [UNTOUCHED; 3]);
    assert_eq!(xen.calls(), 0);
}

#[test]
fn slices_of_different_lengths_are_refused() {
    let xen = Xen::new(Kind::Hvm);
    for (gpfns, errs, found) in [(1, 2, 1), (3, 2, 3), (2, 1, 1), (2, 0, 0)] {
        let mut errs = vec![0; errs];
        let placed = batch(&xen, BatchSpace::GrantTable, &[0, 1], &frames(0..gpfns), &mut errs);
        assert_eq!(placed.result, Err(Error::Lengths { expected: 2, found }));
        assert!(placed.complete().is_err());
    }
    assert_eq!(xen.calls(), 0);
}

#[test]
fn a_batch_longer_than_the_count_type_goes_in_parts_up_to_one_that_fails() {
    let long = usize::from(u16::MAX) + 1;
    let (idxs, gpfns, mut errs) = (vec![7; long], vec![xen_pfn_t(9); long], vec![0; long]);
    let seen = RefCell::new(Vec::new());
    let answer = |result| {
        let seen = &seen;
        Scripted(move |_, argument| {
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
    let entry = |kind, domid, errs: &mut [i32]| {
        let placed = batch(&Xen::new(kind), foreign(domid), &[1], &frames(1..2), errs);
        assert_eq!(placed.result, Ok(()));
        placed.errs[0]
    };
    assert_eq!(entry(Kind::Hvm, ME, &mut errs), -22, "one's own domain");
    assert_eq!(entry(Kind::Arm, ME, &mut errs), -1, "one's own domain");
    assert_eq!(entry(Kind::Hvm, DOMID_SELF, &mut errs), -3);
    assert_eq!(entry(Kind::Hvm, domid_t(77), &mut errs), -3);
    assert_eq!(entry(Kind::Hvm, PEER, &mut errs), 0);
    let pv = Xen::new(Kind::Pv);
    fails(batch(&pv, foreign(PEER), &[1], &frames(1..2), &mut errs).result, XEN_EACCES);
    let hvm = Xen::new(Kind::Hvm);
    fails(batch(&hvm, BatchSpace::DevMmio, &[1], &frames(1..2), &mut errs).result, XEN_EACCES);
    assert!(batch(&hvm, foreign(PEER), &[], &[], &mut []).complete().is_ok(), "nothing to do");
}

#[test]
fn status_frames_in_a_batch_are_marked_in_the_index() {
    let xen = Xen::new(Kind::Hvm);
    let idxs = [1, u64::from(XENMAPIDX_grant_table_status) | 1];
    let mut errs = [0; 2];
    batch(&xen, BatchSpace::GrantTable, &idxs, &frames(8..10), &mut errs).complete().unwrap();
    assert_eq!((xen.what(8), xen.what(9)), (Some(What::Grant(1)), Some(What::Status(1))));
}
