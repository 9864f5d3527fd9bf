//! A peer that writes what it likes, at the worst moment.

use core::sync::atomic::Ordering::Relaxed;

use xen_io::BadIndex;
use xen_io::ring::protocols::Blkif;
use xen_io::ring::{Back, Front};
use xen_io::xen_abi::io::blkif::blkif_request;

use super::{REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD, both, pages, request, response, views};

#[test]
fn more_requests_than_the_ring_holds_are_refused() {
    let pages = pages::<1>();
    let (mut front, mut back) = both(&pages);
    front.put(&request(0)).unwrap();
    let _ = front.push();
    for lie in [257, 1000, u32::MAX] {
        views(&pages)[0].at(REQ_PROD).store(lie, Relaxed);
        let error =
            BadIndex { ring: "netif rx", index: "req_prod", value: lie, first: 0, last: 256 };
        assert_eq!(back.take(), Err(error));
        assert_eq!(back.available(), Err(error));
        assert_eq!(back.final_check(), Err(error));
    }
    assert_eq!(
        back.take().unwrap_err().to_string(),
        "netif rx: the peer's req_prod is 4294967295, not from 0 to 256: close the device"
    );
}

#[test]
fn requests_beside_those_that_are_not_answered_are_counted() {
    let pages = pages::<1>();
    let (mut front, mut back) = both(&pages);
    for id in 0..10 {
        front.put(&request(id)).unwrap();
    }
    let _ = front.push();
    for _ in 0..10 {
        back.take().unwrap().unwrap();
    }
    // A response that the front end has not been shown makes no space.
    back.put(&response(0)).unwrap();
    views(&pages)[0].at(REQ_PROD).store(257, Relaxed);
    assert_eq!(back.take().unwrap_err().last, 256);
    let _ = back.push();
    assert_eq!(back.take().unwrap().map(|_| ()), Some(()));
}

#[test]
fn an_index_that_moves_backwards_is_refused() {
    let pages = pages::<1>();
    let (mut front, mut back) = both(&pages);
    for id in 0..4 {
        front.put(&request(id)).unwrap();
    }
    let _ = front.push();
    while let Some(request) = back.take().unwrap() {
        back.put(&response(request.id)).unwrap();
    }
    let _ = back.push();
    while front.take().unwrap().is_some() {}
    views(&pages)[0].at(REQ_PROD).store(3, Relaxed);
    views(&pages)[0].at(RSP_PROD).store(3, Relaxed);
    assert_eq!(back.take().unwrap_err().value, 3);
    assert_eq!(front.take().unwrap_err().value, 3);
}

#[test]
fn responses_without_request_are_refused() {
    let pages = pages::<1>();
    let (mut front, _back) = both(&pages);
    views(&pages)[0].at(RSP_PROD).store(1, Relaxed);
    assert_eq!(front.take().unwrap_err().last, 0);
    front.put(&request(0)).unwrap();
    assert!(front.take().is_err(), "the request is not pushed");
    let _ = front.push();
    assert!(front.take().unwrap().is_some());
    assert!(front.take().unwrap().is_none());
}

/// XSA-155: a back end that reads a request twice may use what it has not checked.
#[test]
fn xsa_155_a_request_does_not_change_once_it_is_taken() {
    let pages = pages::<1>();
    let mut front = Front::<Blkif, _>::new(views(&pages)).unwrap();
    let mut back = Back::<Blkif, _>::attach(views(&pages)).unwrap();
    front.put(&blkif_request { nr_segments: 1, ..blkif_request::ZERO }).unwrap();
    let _ = front.push();
    let taken = back.take().unwrap().unwrap();
    for offset in 64..4096 {
        views(&pages)[0].write(offset, &[0xff]).unwrap();
    }
    assert_eq!(taken.nr_segments, 1);
}

/// XSA-155 as well: the count of what is there is loaded once, and what was checked is used.
#[test]
fn xsa_155_an_index_does_not_change_once_it_is_checked() {
    let pages = pages::<1>();
    let (mut front, mut back) = both(&pages);
    for id in 0..3 {
        front.put(&request(id)).unwrap();
    }
    let _ = front.push();
    assert_eq!(back.available().unwrap(), 3);
    views(&pages)[0].at(REQ_PROD).store(200, Relaxed);
    for id in 0..3 {
        assert_eq!(back.take().unwrap().unwrap().id, id);
    }
    views(&pages)[0].at(REQ_PROD).store(3, Relaxed);
    assert!(back.take().unwrap().is_none());
}

/// XSA-391: a back end that notifies without end keeps the guest busy. Notifications are hints: without a
/// response there is nothing to do, so the caller can count those that were needless.
#[test]
fn xsa_391_an_event_without_a_response_is_seen_as_such() {
    let pages = pages::<1>();
    let (mut front, _back) = both(&pages);
    for _ in 0..1000 {
        assert_eq!(front.available().unwrap(), 0);
        assert!(!front.final_check().unwrap());
    }
}

#[test]
fn own_indices_are_not_read_back() {
    let pages = pages::<1>();
    let (mut front, mut back) = both(&pages);
    front.put(&request(1)).unwrap();
    let _ = front.push();
    back.take().unwrap().unwrap();
    // Each side overwrites what belongs to the other.
    views(&pages)[0].at(RSP_PROD).store(77, Relaxed);
    back.put(&response(1)).unwrap();
    assert!(back.push());
    assert_eq!(views(&pages)[0].at(RSP_PROD).load(Relaxed), 1);
    views(&pages)[0].at(REQ_PROD).store(99, Relaxed);
    front.put(&request(2)).unwrap();
    let _ = front.push();
    assert_eq!(views(&pages)[0].at(REQ_PROD).load(Relaxed), 2);
    assert_eq!(front.take().unwrap().unwrap().id, 1);
    assert_eq!(back.take().unwrap().unwrap().id, 2);
}

#[test]
fn no_event_index_does_more_than_cost_or_lose_an_event() {
    let pages = pages::<1>();
    let (mut front, mut back) = both(&pages);
    for (id, event) in [0, 1, 2, 300, u32::MAX, 1 << 31].into_iter().enumerate() {
        views(&pages)[0].at(REQ_EVENT).store(event, Relaxed);
        views(&pages)[0].at(RSP_EVENT).store(event, Relaxed);
        front.put(&request(id as u16)).unwrap();
        let _ = front.push();
        assert_eq!(back.take().unwrap().unwrap().id, id as u16);
        back.put(&response(id as u16)).unwrap();
        let _ = back.push();
        assert_eq!(front.take().unwrap().unwrap().id, id as u16);
    }
}
