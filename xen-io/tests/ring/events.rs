//! Rings of events.

use core::sync::atomic::Ordering::Relaxed;

use xen_io::ring::event::{
    CameraifEvents, DisplifEvents, EventProtocol, EventReceiver, EventSender, FbifIn, FbifOut,
    KbdifIn, KbdifOut, SndifEvents,
};
use xen_io::xen_abi::{Plain, as_bytes, from_bytes};

use super::{pages, views};

/// Three times as many events as the ring holds, in batches that fill it.
fn events_arrive<P: EventProtocol>()
where
    P::Event: Plain,
{
    let pages = pages::<1>();
    let mut sender = EventSender::<P, _>::attach(views(&pages)).unwrap();
    let mut receiver = EventReceiver::<P, _>::attach(views(&pages)).unwrap();
    let event = |number: u32| {
        let bytes = vec![(number % 251) as u8; size_of::<P::Event>()];
        from_bytes::<P::Event>(&bytes).unwrap()
    };
    let (mut sent, mut received) = (0, 0);
    while received < 3 * P::LEN {
        while sender.send(&event(sent)).unwrap() {
            sent += 1;
        }
        assert_eq!(sent - received, P::LEN, "{}", P::NAME);
        while let Some(found) = receiver.receive().unwrap() {
            assert_eq!(as_bytes(&found), as_bytes(&event(received)), "{}", P::NAME);
            received += 1;
        }
    }
    // The events are all that changes beside the indices.
    let last = P::OFFSET + P::LEN as usize * size_of::<P::Event>();
    if last < 4096 {
        assert_eq!(views(&pages)[0].read_obj::<u8>(last).unwrap(), 0);
    }
    assert_eq!(views(&pages)[0].at(P::PROD).load(Relaxed), sent);
    assert_eq!(views(&pages)[0].at(P::CONS).load(Relaxed), received);

    // What a peer cannot have sent or received.
    views(&pages)[0].at(P::PROD).store(received + P::LEN + 1, Relaxed);
    assert_eq!(receiver.receive().err().unwrap().index, P::PROD_NAME);
    views(&pages)[0].at(P::CONS).store(sent + 1, Relaxed);
    assert_eq!(sender.send(&event(0)).unwrap_err().index, P::CONS_NAME);
    // The sender has seen that all but the last ring of events was received.
    let before = received - P::LEN - 1;
    views(&pages)[0].at(P::CONS).store(before, Relaxed);
    assert_eq!(sender.send(&event(0)).unwrap_err().value, before, "it moved backwards");
    assert!(EventSender::<P, _>::attach(views(&pages)).is_err());
    assert!(EventReceiver::<P, _>::attach(views(&pages)).is_err());
}

#[test]
fn events_of_every_protocol_arrive() {
    events_arrive::<KbdifIn>();
    events_arrive::<KbdifOut>();
    events_arrive::<FbifIn>();
    events_arrive::<FbifOut>();
    events_arrive::<DisplifEvents>();
    events_arrive::<SndifEvents>();
    events_arrive::<CameraifEvents>();
}
