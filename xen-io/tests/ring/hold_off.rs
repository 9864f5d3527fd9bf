//! Notifications are sent only when the peer asked for one.

use core::sync::atomic::Ordering::Relaxed;

use super::{RSP_EVENT, both, pages, request, response, views};

#[test]
fn the_first_request_notifies_and_the_next_does_not() {
    let pages = pages::<1>();
    let (mut front, mut back) = both(&pages);
    front.put(&request(0)).unwrap();
    assert!(front.push());
    assert!(!front.push(), "there is nothing to push");
    front.put(&request(1)).unwrap();
    assert!(!front.push(), "the back end has not said that it sleeps");
    assert!(back.final_check().unwrap(), "requests are there");
    while back.take().unwrap().is_some() {}
    assert!(!back.final_check().unwrap());
    front.put(&request(2)).unwrap();
    assert!(front.push());
}

#[test]
fn a_batch_notifies_once() {
    let pages = pages::<1>();
    let (mut front, mut back) = both(&pages);
    for id in 0..32 {
        front.put(&request(id)).unwrap();
    }
    assert!(front.push());
    let mut notified = 0;
    while let Some(request) = back.take().unwrap() {
        back.put(&response(request.id)).unwrap();
        notified += u32::from(back.push());
    }
    assert_eq!(notified, 1);
    while front.take().unwrap().is_some() {}
    assert!(!front.final_check().unwrap());
}

#[test]
fn a_front_end_can_wait_for_several_responses() {
    let pages = pages::<1>();
    let (mut front, mut back) = both(&pages);
    for id in 0..8 {
        front.put(&request(id)).unwrap();
    }
    assert!(front.push());
    assert!(!front.final_check_for(4).unwrap());
    let mut notified = Vec::new();
    for id in 0..8 {
        back.take().unwrap().unwrap();
        back.put(&response(id)).unwrap();
        notified.push(back.push());
    }
    assert_eq!(notified, [false, false, false, true, false, false, false, false]);
    assert!(front.final_check_for(8).unwrap());
}

#[test]
fn waiting_for_more_responses_than_there_will_be_is_clamped() {
    let pages = pages::<1>();
    let (mut front, _back) = both(&pages);
    let event = |front: &mut super::RxFront<'_, 1>, count| {
        assert!(!front.final_check_for(count).unwrap());
        views(&pages)[0].at(RSP_EVENT).load(Relaxed)
    };
    assert_eq!(event(&mut front, 7), 1, "no request is on its way");
    front.put(&request(0)).unwrap();
    front.put(&request(1)).unwrap();
    assert_eq!(event(&mut front, 7), 1, "they are not pushed");
    assert!(front.push());
    assert_eq!(event(&mut front, 7), 2);
    assert_eq!(event(&mut front, 0), 1);
}
