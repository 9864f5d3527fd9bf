//! Copies.

use xen_abi::GrantStatus;
use xen_abi::errno::XEN_EFAULT;
use xen_abi::grant_table::*;
use xen_abi::xen::{DOMID_SELF, domid_t};

use xen_ops::gnttab::batch::TooLarge;
use xen_ops::gnttab::copy::{
    CopyError, Dest, Invalid, Segment, Source, copy, copy_each, copy_each_with_retry,
    copy_with_retry, elements, read_with_retry, write_with_retry,
};
use xen_ops::gnttab::retry::Backoff;
use xen_ops::hypercall::UNTOUCHED;
use xen_ops::page::{PAGE_SIZE, Page as _};
use xen_ops::view::OutOfBounds;
use xen_sim::GuestKind;

use super::{FIRST, Rig, grant};
use crate::lies::Answer::{Do, Fault, Skip, Status};
use crate::pfn;

fn segments<const N: usize>() -> [Segment<'static>; N] {
    core::array::from_fn(|at| {
        let (source, dest) = (Source::grant(grant(FIRST)), Dest::grant(grant(9)));
        Segment::new(source, at, dest, 0, 1).unwrap()
    })
}

fn statuses(segments: &[Segment<'_>]) -> Vec<i16> {
    let status = |segment: &Segment<'_>| match segment.result() {
        Some(Ok(())) => 0,
        Some(Err(error)) => error.status().unwrap_or(GrantStatus(99)).0,
        None => 100,
    };
    segments.iter().map(status).collect()
}

#[test]
fn each_end_is_named_as_what_it_is() {
    let rig = Rig::new();
    let (page, mut other) = (rig.page(), rig.page());
    let mut segments = [
        Segment::new(Source::page(&page), 8, Dest::grant(grant(9)), 0, 4088).unwrap(),
        Segment::new(Source::grant(grant(FIRST)), 0, Dest::page(&mut other), 100, 0).unwrap(),
    ];
    let copied = copy_each(&rig.xen, &mut segments, &mut elements::<2>());
    assert_eq!(copied, Ok(2));
    assert_eq!(segments.each_ref().map(Segment::is_empty), [false, true]);
    assert_eq!(rig.xen.counts::<gnttab_copy>(), [2]);
    let copies = rig.xen.seen::<gnttab_copy>();
    let [first, second] = copies[..] else { panic!() };
    assert_eq!((first.flags, first.len), (GNTCOPY_dest_gref, 4088));
    assert_eq!(
        (first.source.domid, first.source.u.gmfn().0, first.source.offset),
        (DOMID_SELF, pfn(page.number()).0, 8)
    );
    assert_eq!((first.dest.domid, first.dest.u.ref_().0), (domid_t(7), 9));
    assert_eq!((second.flags, second.len, second.dest.offset), (GNTCOPY_source_gref, 0, 100));
    assert_eq!((second.source.domid, second.source.u.ref_().0), (domid_t(7), FIRST));
    assert_eq!((second.dest.domid, second.dest.u.gmfn().0), (DOMID_SELF, pfn(other.number()).0));
}

#[test]
fn own_pages_can_be_copied_to_own_pages() {
    let rig = Rig::new();
    let (page, mut other) = (rig.page(), rig.page());
    let source = [Source::page(&page)];
    let mut dest = [Dest::page(&mut other)];
    copy(&rig.xen, &source, 0, &mut dest, 0, PAGE_SIZE).unwrap();
    assert_eq!(rig.xen.seen::<gnttab_copy>()[0].flags, GrantCopyFlags::empty());
}

#[test]
fn a_range_that_leaves_its_page_is_refused() {
    let new = |from, to, len| {
        Segment::new(Source::grant(grant(1)), from, Dest::grant(grant(2)), to, len).map(|_| ())
    };
    assert_eq!(new(0, 0, 4096), Ok(()));
    assert_eq!(new(4096, 4095, 0), Ok(()));
    let outside = |offset, length| Err(Invalid::OutOfBounds(OutOfBounds { offset, length }));
    assert_eq!(new(1, 0, 4096), outside(1, 4096));
    assert_eq!(new(0, 1, 4096), outside(1, 4096));
    assert_eq!(new(0, 0, 65536), outside(0, 65536));
    assert_eq!(new(0x1_0000, 0, 1), outside(0x1_0000, 1));
    assert_eq!(new(usize::MAX, 0, 1), outside(usize::MAX, 1));
}

#[test]
fn each_segment_has_its_own_result() {
    let rig = Rig::new();
    let mut segments = segments::<5>();
    rig.xen.answer([Do, Status(-3), Skip, Status(4), Status(-12)]);
    let copied = copy_each(&rig.xen, &mut segments, &mut elements::<5>());
    assert_eq!(copied, Ok(1));
    assert_eq!(statuses(&segments), [0, -3, UNTOUCHED.0, 4, -12]);
}

/// Segments that were copied, or failed, are left alone when others are tried again.
#[test]
fn xsa_365_only_what_is_to_be_tried_again_is_tried_again() {
    let rig = Rig::new();
    let mut segments = segments::<4>();
    rig.xen.answer([Status(-12), Status(-3), Do, Status(-12)]);
    rig.xen.answer([Do, Status(-12), Do]);
    let mut retry = Backoff::new(|_| ());
    let copied = copy_each_with_retry(&rig.xen, &mut segments, &mut elements::<4>(), &mut retry);
    assert_eq!(copied, Ok(3));
    assert_eq!(statuses(&segments), [0, -3, 0, 0]);
    assert_eq!(rig.xen.counts::<gnttab_copy>(), [4, 2, 1]);
    let order: Vec<u16> =
        rig.xen.seen::<gnttab_copy>().iter().map(|copy| copy.source.offset).collect();
    assert_eq!(order, [0, 1, 2, 3, 0, 3, 3]);
    let again = copy_each_with_retry(&rig.xen, &mut segments, &mut [], &mut retry);
    assert_eq!(again, Ok(0), "all have results");
}

#[test]
fn the_rest_of_a_page_is_tried_again() {
    let rig = Rig::new();
    let mut page = rig.page();
    let mut retry = Backoff::new(|_| ());
    rig.xen.truth().faults().eagain(2);
    assert_eq!(read_with_retry(&rig.xen, grant(FIRST), 96, &mut page, &mut retry), Ok(4000));
    rig.xen.truth().faults().eagain(1);
    assert_eq!(write_with_retry(&rig.xen, &page, grant(FIRST), 4000, &mut retry), Ok(96));
    assert_eq!(rig.xen.counts::<gnttab_copy>(), [1; 5]);
    let ends = rig.xen.seen::<gnttab_copy>();
    assert_eq!((ends[2].source.offset, ends[2].dest.offset, ends[2].len), (96, 0, 4000));
    assert_eq!((ends[4].source.offset, ends[4].dest.offset, ends[4].len), (0, 4000, 96));
}

#[test]
fn d3_success_on_the_last_try_stays_success() {
    let rig = Rig::new();
    let mut segments = segments::<1>();
    rig.xen.truth().faults().eagain(255);
    let mut retry = Backoff::new(|_| ());
    let copied = copy_each_with_retry(&rig.xen, &mut segments, &mut elements::<1>(), &mut retry);
    assert_eq!((copied, statuses(&segments)), (Ok(1), vec![0]));
}

#[test]
fn a_fault_half_way_fails_what_was_not_done() {
    let rig = Rig::new();
    let mut segments = segments::<4>();
    rig.xen.answer([Do, Status(-12), Fault]);
    let mut retry = Backoff::new(|_| panic!("waits"));
    let copied = copy_each_with_retry(&rig.xen, &mut segments, &mut elements::<4>(), &mut retry);
    assert_eq!(copied, Ok(1));
    assert_eq!(statuses(&segments), [0, -12, 99, 99]);
    assert_eq!(segments[3].result().unwrap().unwrap_err().errno(), Some(XEN_EFAULT));
}

#[test]
fn more_segments_than_elements_are_refused() {
    let rig = Rig::new();
    let refused = copy_each(&rig.xen, &mut segments::<3>(), &mut elements::<2>());
    assert_eq!(refused, Err(TooLarge::Elements { needed: 3, given: 2 }));
    assert!(rig.xen.calls() == 0);
}

/// A copy of any length from any offset to any other moves these bytes and no others, in segments that
/// end where a page of either side ends.
#[test]
fn a_copy_is_split_at_page_ends_of_both_sides() {
    let rig = Rig::new();
    let source = [8, 9, 10, 11].map(grant).map(Source::grant);
    let mut dest = [12, 13, 14, 15].map(grant).map(Dest::grant);
    let page_of = |at: usize| rig.granted(FIRST + (at / PAGE_SIZE) as u32);
    let value = |at: usize| (at % 251) as u8 + 1;
    let bytes = |from: usize| -> Vec<u8> {
        let mut bytes = vec![0; 4 * PAGE_SIZE];
        for (at, page) in bytes.chunks_exact_mut(PAGE_SIZE).enumerate() {
            page_of(from + at * PAGE_SIZE).view().read(0, page).unwrap();
        }
        bytes
    };
    for at in 0..4 * PAGE_SIZE {
        page_of(at).view().write(at % PAGE_SIZE, &[value(at)]).unwrap();
    }
    let offsets: &[usize] =
        if cfg!(miri) { &[1, 4096] } else { &[0, 1, 95, 2048, 4095, 4096, 4097, 8191, 12000] };
    let mut segments = 0;
    for (from, to) in offsets.iter().flat_map(|from| offsets.iter().map(move |to| (*from, *to))) {
        for len in [0, 1, 2, 95, 4000, 4096, 4097, 4384] {
            (4..8).for_each(|page| page_of(page * PAGE_SIZE).view().clear());
            copy(&rig.xen, &source, from, &mut dest, to, len).unwrap();
            let copied = bytes(4 * PAGE_SIZE);
            let expected = (from..from + len).map(value);
            assert!(copied[to..to + len].iter().copied().eq(expected), "{from} {to} {len}");
            assert!(copied[..to].iter().chain(&copied[to + len..]).all(|byte| *byte == 0));
            // Both sides' page ends inside, at most.
            let ends = |offset: usize| (offset % PAGE_SIZE + len).div_ceil(PAGE_SIZE);
            let made = rig.xen.seen::<gnttab_copy>().len() - segments;
            segments += made;
            assert!(made < ends(from) + ends(to) || len == 0, "{from} {to} {len}: {made}");
        }
    }
}

#[test]
fn buffers_that_are_too_short_are_refused() {
    let rig = Rig::new();
    let source = [Source::grant(grant(1)); 2];
    let mut dest = [Dest::grant(grant(2))];
    let mut go = |from, to, len| copy(&rig.xen, &source, from, &mut dest, to, len);
    let short = |pages, offset, length| {
        Err(CopyError::Invalid(Invalid::TooShort { pages, offset, length }))
    };
    assert_eq!(go(0, 0, 4097), short(1, 0, 4097));
    assert_eq!(go(8191, 0, 2), short(2, 8191, 2));
    assert_eq!(go(usize::MAX, 0, 2), short(2, usize::MAX, 2));
    assert_eq!(go(8192, 4096, 0), Ok(()));
    assert!(rig.xen.calls() == 0);
}

#[test]
fn a_long_copy_says_how_far_it_got() {
    let rig = Rig::with(GuestKind::Pvh, 40);
    let source: Vec<_> = (8..28).map(|page| Source::grant(grant(page))).collect();
    let mut dest: Vec<_> = (28..48).map(|page| Dest::grant(grant(page))).collect();
    copy(&rig.xen, &source, 0, &mut dest, 0, 20 * PAGE_SIZE).unwrap();
    assert_eq!(rig.xen.counts::<gnttab_copy>(), [16, 4]);

    rig.xen.answer([Do; 18]);
    rig.xen.answer([Status(-9)]);
    let failed = copy(&rig.xen, &source, 0, &mut dest, 0, 20 * PAGE_SIZE);
    let Err(CopyError::Xen { copied, error }) = failed else { panic!() };
    assert_eq!((copied, error.status()), (18 * PAGE_SIZE, Some(GNTST_bad_page)));
}

/// A peer cannot stretch a long copy by answering each part of it late.
#[test]
fn xsa_376_391_392_a_long_copy_waits_no_longer_than_a_short_one() {
    let rig = Rig::with(GuestKind::Pvh, 64);
    let source: Vec<_> = (8..40).map(|page| Source::grant(grant(page))).collect();
    let mut dest: Vec<_> = (40..72).map(|page| Dest::grant(grant(page))).collect();
    let mut waits = 0;
    let mut retry = Backoff::new(|_| waits += 1);
    // The first segment of each 16 is late, 200 times.
    for _ in 0..2 {
        rig.xen.answer([Status(-12)].into_iter().chain([Do; 15]));
        rig.xen.answer([Status(-12); 199]);
        rig.xen.answer([Do]);
    }
    let failed = copy_with_retry(&rig.xen, &source, 0, &mut dest, 0, 32 * PAGE_SIZE, &mut retry);
    let Err(CopyError::Xen { copied, error }) = failed else { panic!() };
    assert_eq!((copied, error.status()), (16 * PAGE_SIZE, Some(GNTST_eagain)));
    assert_eq!(waits, 255);
}
