//! Detaching from a ring, and attaching to one in use.

use core::sync::atomic::Ordering::Relaxed;

use xen_io::AttachError;
use xen_io::ring::protocols::NetifRx;
use xen_io::ring::{Back, Front, Position};

use super::{REQ_PROD, RSP_PROD, both, pages, request, response, views};

#[test]
fn a_back_end_takes_unanswered_requests_again() {
    let pages = pages::<1>();
    let (mut front, mut back) = both(&pages);
    for id in 0..5 {
        front.put(&request(id)).unwrap();
    }
    let _ = front.push();
    for _ in 0..3 {
        back.take().unwrap().unwrap();
    }
    back.put(&response(0)).unwrap();
    let _ = back.push();
    back.put(&response(1)).unwrap();
    let (memory, notify) = back.detach();
    assert!(!notify, "the front end does not wait");
    let mut back = Back::<NetifRx, _>::attach(memory).unwrap();
    let mut taken = Vec::new();
    while let Some(request) = back.take().unwrap() {
        taken.push(request.id);
        back.put(&response(request.id)).unwrap();
    }
    assert_eq!(taken, [2, 3, 4]);
    let _ = back.push();
    for id in 0..5 {
        assert_eq!(front.take().unwrap().unwrap().id, id);
    }
}

#[test]
fn a_front_end_goes_on_where_it_was() {
    let pages = pages::<1>();
    let (mut front, mut back) = both(&pages);
    for id in 0..5 {
        front.put(&request(id)).unwrap();
    }
    let _ = front.push();
    front.put(&request(5)).unwrap(); // never pushed
    while let Some(request) = back.take().unwrap() {
        back.put(&response(request.id)).unwrap();
    }
    let _ = back.push();
    assert_eq!(front.take().unwrap().unwrap().id, 0);
    let (memory, position) = front.detach();
    assert_eq!(position, Position { req_prod: 5, rsp_cons: 1 });
    let mut front = Front::<NetifRx, _>::attach(memory, position).unwrap();
    for id in 1..5 {
        assert_eq!(front.take().unwrap().unwrap().id, id);
    }
    front.put(&request(9)).unwrap();
    let _ = front.push();
    assert_eq!(back.take().unwrap().unwrap().id, 9);
}

#[test]
fn indices_wrap_around() {
    let pages = pages::<1>();
    let start = u32::MAX - 5;
    let position = Position { req_prod: start, rsp_cons: start };
    views(&pages)[0].at(REQ_PROD).store(start, Relaxed);
    views(&pages)[0].at(RSP_PROD).store(start, Relaxed);
    let mut front = Front::<NetifRx, _>::attach(views(&pages), position).unwrap();
    let mut back = Back::<NetifRx, _>::attach(views(&pages)).unwrap();
    for id in 0..600 {
        front.put(&request(id)).unwrap();
        let _ = front.push();
        assert_eq!(back.take().unwrap().unwrap().id, id);
        assert!(!back.final_check().unwrap());
        back.put(&response(id)).unwrap();
        let _ = back.push();
        assert_eq!(front.take().unwrap().unwrap().id, id);
        assert!(!front.final_check().unwrap());
    }
    assert_eq!(views(&pages)[0].at(REQ_PROD).load(Relaxed), 594);
}

#[test]
fn indices_that_do_not_fit_are_refused() {
    let pages = pages::<1>();
    let _front = Front::<NetifRx, _>::new(views(&pages)).unwrap();
    views(&pages)[0].at(REQ_PROD).store(300, Relaxed);
    let failed = Back::<NetifRx, _>::attach(views(&pages)).unwrap_err();
    assert!(matches!(failed.error, AttachError::Index(error) if error.value == 300));
    assert!(failed.returned.is_some());

    let attach = |req_prod, rsp_cons| {
        Front::<NetifRx, _>::attach(views(&pages), Position { req_prod, rsp_cons })
    };
    assert!(attach(257, 0).is_err(), "more requests than the ring holds");
    assert!(attach(0, 1).is_err(), "more responses than requests");
    assert!(attach(256, 0).is_ok());
    views(&pages)[0].at(RSP_PROD).store(9, Relaxed);
    assert!(attach(8, 0).is_err(), "the peer has answered more than was asked");
    assert!(attach(10, 10).is_err(), "the peer has answered less than was taken");
    assert!(attach(10, 9).is_ok());
}
