//! Front ends whose back end answers what it likes.

use proptest::collection::vec;
use proptest::prelude::*;
use xen_io::net::{Fragment, Hash, PacketInfo, ProtocolError, RxFront, SentStatus, TxFront};
use xen_io::ring::Back;
use xen_io::ring::protocols::{NetifRx, NetifTx};
use xen_io::xen_abi::from_bytes;
use xen_io::xen_abi::grant_table::grant_ref_t;
use xen_io::xen_abi::io::netif::{NetRxFlags, netif_rx_response, netif_tx_response};
use xen_ops::{Page as _, ReadWrite, View};
use xen_sim::{DomainConfig, GuestKind, GuestPage, Xen};

const NULL: i16 = 1;
const DROPPED: i16 = -2;

fn page() -> GuestPage {
    Xen::new().domain(DomainConfig::new(GuestKind::Pvh)).unwrap().page().unwrap()
}

type TxEnds<'p, const N: usize> =
    (TxFront<View<'p, ReadWrite>, u32, N>, Back<NetifTx, View<'p, ReadWrite>>);

fn tx<const N: usize>(page: &GuestPage) -> TxEnds<'_, N> {
    (TxFront::new(page.view()).unwrap(), Back::attach(page.view()).unwrap())
}

fn fragment() -> Fragment {
    Fragment::new(grant_ref_t(8), 0, 100).unwrap()
}

/// As XSA-155 for the other side: a response is for a slot that is on its way, and for it once.
#[test]
fn responses_to_slots_that_are_not_on_their_way_are_refused() {
    let page = page();
    let (mut front, mut back) = tx::<256>(&page);
    let info = PacketInfo {
        hash: Some(Hash { kind: 0, algorithm: 1, value: [0; 4] }),
        ..PacketInfo::default()
    };
    front.send(&[fragment(); 2], &info, 1).unwrap();
    front.send(&[fragment()], &PacketInfo::default(), 2).unwrap();
    for _ in 0..2 {
        front.send(&[fragment()], &PacketInfo::default(), 3).unwrap();
    }
    let _ = front.push();
    let mut ids = Vec::new();
    while let Some(request) = back.take().unwrap() {
        ids.push(request.id);
    }
    let mut answer = |id, status| {
        back.put(&netif_tx_response { id, status }).unwrap();
        let _ = back.push();
        front.complete().map(|sent| sent.map(|sent| (sent.status, sent.kept)))
    };
    assert_eq!(answer(900, 0), Err(ProtocolError::Id { ring: "netif tx", id: 900 }));
    // The second slot is extra information. The packet is complete when all of it is.
    assert_eq!(answer(ids[2], DROPPED), Ok(None));
    assert_eq!(answer(ids[2], 0), Err(ProtocolError::Id { ring: "netif tx", id: ids[2] }));
    assert_eq!(answer(0xffff, NULL), Ok(None));
    assert_eq!(answer(ids[0], 0), Ok(Some((SentStatus::Dropped, 1))));
    let (_, kept) = front.detach();
    assert_eq!(kept.collect::<Vec<_>>().len(), 3);

    let (mut front, mut back) = tx::<256>(&page);
    front.send(&[fragment()], &PacketInfo::default(), 1).unwrap();
    let _ = front.push();
    let _ = back.take().unwrap();
    back.put(&netif_tx_response { id: 0, status: NULL }).unwrap();
    let _ = back.push();
    assert_eq!(front.complete(), Err(ProtocolError::Null { ring: "netif tx" }));
    assert_eq!(front.detach().1.collect::<Vec<_>>(), [1]);
}

/// The buffers of a packet and how much of each is used, or what was wrong with it.
type Received = Result<Option<Vec<(u32, usize)>>, ProtocolError>;

/// A receive ring with four buffers, whose back end answers so. Returns the buffers that are left too.
fn receive(responses: &[netif_rx_response]) -> (Received, Vec<u32>) {
    let page = page();
    let mut front = RxFront::<_, u32, 8>::new(page.view()).unwrap();
    for kept in 10..14 {
        front.post(grant_ref_t(kept), kept).unwrap();
    }
    let _ = front.push();
    let mut back = Back::<NetifRx, _>::attach(page.view()).unwrap();
    for response in responses {
        let _ = back.take().unwrap();
        back.put(response).unwrap();
    }
    let _ = back.push();
    let taken = front.take().map(|packet| {
        packet.map(|packet| {
            packet.into_buffers().map(|buffer| (buffer.kept, buffer.data.len())).collect()
        })
    });
    let kept = front.detach().1.collect();
    (taken, kept)
}

fn response(id: u16, offset: u16, flags: u16, status: i16) -> netif_rx_response {
    netif_rx_response { id, offset, flags: NetRxFlags(flags), status }
}

fn extra(bytes: [u8; 8]) -> netif_rx_response {
    from_bytes(&bytes).unwrap()
}

const RING: &str = "netif rx";
const ALL: [u32; 4] = [10, 11, 12, 13];

#[test]
fn packets_that_are_none_close_the_device_and_keep_the_buffers() {
    let gso = extra([1, 0, 0xa8, 5, 1, 0, 0, 0]);
    for (responses, error) in [
        (vec![response(1, 0, 0, 60)], ProtocolError::Id { ring: RING, id: 1 }),
        (vec![response(0xffff, 0, 0, 60)], ProtocolError::Id { ring: RING, id: 0xffff }),
        (
            vec![response(0, 0, 4, 60), response(0, 0, 0, 60)],
            ProtocolError::Id { ring: RING, id: 0 },
        ),
        (
            vec![response(0, 4000, 0, 97)],
            ProtocolError::Fragment { ring: RING, offset: 4000, size: 97 },
        ),
        (
            vec![response(0, u16::MAX, 0, i16::MAX)],
            ProtocolError::Fragment { ring: RING, offset: u16::MAX, size: 32767 },
        ),
        (vec![response(0, 0, 4, 60)], ProtocolError::Incomplete { ring: RING, slots: 1 }),
        (vec![response(0, 0, 8, 60)], ProtocolError::Incomplete { ring: RING, slots: 1 }),
        (vec![response(0, 0, 8, 60), extra([9; 8])], ProtocolError::Extra { ring: RING, kind: 9 }),
        (vec![response(0, 0, 12, 60), gso], ProtocolError::Incomplete { ring: RING, slots: 2 }),
    ] {
        assert_eq!(receive(&responses), (Err(error), ALL.to_vec()), "{responses:?}");
    }
}

#[test]
fn a_packet_that_failed_returns_its_buffers() {
    let responses = [response(0, 0, 4, 60), response(1, 0, 0, -1), response(2, 5, 0, 60)];
    assert_eq!(receive(&responses), (Ok(Some(vec![(10, 60), (11, 0)])), vec![12, 13]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    /// Whatever the back end answers, no packet completes twice and none is lost.
    #[test]
    fn no_packet_is_lost_or_doubled(
        answers in vec((any::<prop::sample::Index>(), -3..3_i16, prop::option::of(any::<u16>()), 1..4_usize), 0..60),
    ) {
        let page = page();
        let (mut front, mut back) = tx::<16>(&page);
        let (mut next, mut completed, mut ids) = (0, Vec::new(), Vec::new());
        for (index, status, any_id, fragments) in answers {
            if front.send(&vec![fragment(); fragments], &PacketInfo::default(), next).is_ok() {
                next += 1;
            }
            let _ = front.push();
            while let Some(request) = back.take().unwrap() {
                ids.push(request.id);
            }
            let id = any_id.unwrap_or_else(|| if ids.is_empty() { 0 } else { *index.get(&ids) });
            if back.put(&netif_tx_response { id, status }).is_ok() {
                let _ = back.push();
            }
            while let Ok(Some(sent)) = front.complete() {
                completed.push(sent.kept);
            }
        }
        completed.extend(front.detach().1);
        completed.sort_unstable();
        prop_assert!(completed.into_iter().eq(0..next));
    }

    /// The same for buffers.
    #[test]
    fn no_buffer_is_lost_or_doubled(answers in vec((vec(any::<u8>(), 8), 0..8_u16, 0..16_u16, any::<bool>()), 0..80)) {
        let page = page();
        let mut front = RxFront::<_, u32, 8>::new(page.view()).unwrap();
        let mut back = Back::<NetifRx, _>::attach(page.view()).unwrap();
        let (mut next, mut returned) = (0, Vec::new());
        for (bytes, id, flags, raw) in answers {
            while front.post(grant_ref_t(next), next).is_ok() {
                next += 1;
            }
            let _ = front.push();
            let nearly_right = response(id, 0, flags, 60);
            let answer = if raw { from_bytes(&bytes).unwrap() } else { nearly_right };
            if back.take().unwrap().is_some() {
                back.put(&answer).unwrap();
                let _ = back.push();
            }
            while let Ok(Some(packet)) = front.take() {
                returned.extend(packet.into_buffers().map(|buffer| buffer.kept));
            }
        }
        returned.extend(front.detach().1);
        returned.sort_unstable();
        prop_assert!(returned.into_iter().eq(0..next));
    }
}
