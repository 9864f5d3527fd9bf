//! A front end whose back end answers what it likes.

use proptest::collection::vec;
use proptest::prelude::*;
use xen_io::block::{BadResponse, Front, Segment, Status, SubmitError};
use xen_io::ring::Back;
use xen_io::ring::protocols::Blkif;
use xen_io::xen_abi::grant_table::grant_ref_t;
use xen_io::xen_abi::io::blkif::blkif_response;
use xen_ops::{Page as _, ReadWrite, View};
use xen_sim::{DomainConfig, GuestKind, GuestPage, Xen};

fn page() -> GuestPage {
    Xen::new().domain(DomainConfig::new(GuestKind::Pvh)).unwrap().page().unwrap()
}

type Ends<'a, const N: usize> =
    (Front<View<'a, ReadWrite>, u32, N>, Back<Blkif, View<'a, ReadWrite>>);

fn ends<const N: usize>(page: &GuestPage) -> Ends<'_, N> {
    let front = Front::new(page.view()).unwrap();
    (front, Back::attach(page.view()).unwrap())
}

const SEGMENT: Segment = Segment::page(grant_ref_t(8));

#[test]
fn requests_complete_in_any_order() {
    let page = page();
    let (mut front, mut back) = ends::<32>(&page);
    front.read(0, &[SEGMENT], 10).unwrap();
    front.write(8, &[SEGMENT; 11], 11).unwrap();
    front.flush(12).unwrap();
    front.discard(0, 8, false, 13).unwrap();
    assert!(front.push());
    let mut requests = Vec::new();
    while let Some(request) = back.take().unwrap() {
        requests.push(request);
    }
    assert_eq!(requests.iter().map(|request| request.operation).collect::<Vec<_>>(), [0, 1, 3, 5]);
    assert_eq!(requests[1].nr_segments, 11);
    for (request, status) in requests.iter().rev().zip([-2, 0, -1, 0]) {
        let (id, operation) = (request.id, request.operation);
        let response = blkif_response { id, operation, status, ..blkif_response::ZERO };
        back.put(&response).unwrap();
    }
    let _ = back.push();
    let mut completions = Vec::new();
    while let Some(completion) = front.complete().unwrap() {
        completions.push((completion.kept, completion.status));
    }
    let expected = [
        (13, Status::Unsupported),
        (12, Status::Okay),
        (11, Status::Error(-1)),
        (10, Status::Okay),
    ];
    assert_eq!(completions, expected);
    assert_eq!(front.outstanding(), 0);
}

#[test]
fn a_request_that_cannot_be_submitted_returns_what_it_was_given() {
    let page = page();
    let (mut front, _back) = ends::<2>(&page);
    let failed = front.read(0, &[], 1).unwrap_err();
    assert_eq!((failed.error, failed.returned), (SubmitError::Segments(0), Some(1)));
    let failed = front.read(0, &[SEGMENT; 12], 2).unwrap_err();
    assert_eq!((failed.error, failed.returned), (SubmitError::Segments(12), Some(2)));
    front.flush(3).unwrap();
    front.flush(4).unwrap();
    let failed = front.flush(5).unwrap_err();
    assert_eq!((failed.error, failed.returned), (SubmitError::Full, Some(5)));
    let (_, kept) = front.detach();
    assert_eq!(kept.collect::<Vec<_>>(), [3, 4]);
}

/// As XSA-155 for the other side: a response is for a request that is on its way, and for it once.
#[test]
fn responses_that_were_not_asked_for_are_refused() {
    let page = page();
    let (mut front, mut back) = ends::<32>(&page);
    for kept in 0..4 {
        front.flush(kept).unwrap();
    }
    let _ = front.push();
    let mut ids = Vec::new();
    while let Some(request) = back.take().unwrap() {
        ids.push(request.id);
    }
    let mut answer = |id, operation| {
        back.put(&blkif_response { id, operation, ..blkif_response::ZERO }).unwrap();
        let _ = back.push();
        front.complete().map(|completion| completion.map(|c| c.kept))
    };
    assert_eq!(answer(ids[2], 0), Err(BadResponse::Operation { id: ids[2], operation: 0 }));
    assert_eq!(answer(ids[2], 3), Ok(Some(2)));
    assert_eq!(answer(ids[2], 3), Err(BadResponse::Id(ids[2])));
    assert_eq!(answer(ids[0] + 32 * 100, 3), Err(BadResponse::Id(ids[0] + 32 * 100)));
    let (_, kept) = front.detach();
    assert_eq!(kept.collect::<Vec<_>>(), [0, 1, 3]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() })]

    /// Whatever the back end answers, no request completes twice and none is lost.
    #[test]
    fn nothing_that_is_kept_is_lost_or_doubled(
        answers in vec((any::<prop::sample::Index>(), 0..4_u8, prop::option::of(any::<u64>())), 0..60),
    ) {
        let page = page();
        let (mut front, mut back) = ends::<7>(&page);
        let (mut next, mut completed, mut ids) = (0, Vec::new(), Vec::new());
        for (index, operation, any_id) in answers {
            if front.flush(next).is_ok() {
                next += 1;
            }
            let _ = front.push();
            while let Some(request) = back.take().unwrap() {
                ids.push(request.id);
            }
            let id = any_id.unwrap_or_else(|| if ids.is_empty() { 0 } else { *index.get(&ids) });
            let response = blkif_response { id, operation: operation | 2, ..blkif_response::ZERO };
            if back.put(&response).is_ok() {
                let _ = back.push();
            }
            while let Ok(Some(completion)) = front.complete() {
                completed.push(completion.kept);
            }
        }
        let (_, kept) = front.detach();
        completed.extend(kept);
        completed.sort_unstable();
        prop_assert!(completed.into_iter().eq(0..next));
    }
}
