//! Back ends whose front end puts what it likes into the rings.

use std::sync::atomic::Ordering::Relaxed;

use proptest::collection::vec;
use proptest::prelude::*;
use xen_io::net::{BadPacket, Delivery, PacketInfo, ProtocolError, RxBack, TxBack, TxPacket};
use xen_io::ring::Front;
use xen_io::ring::protocols::{NetifRx, NetifTx};
use xen_io::xen_abi::grant_table::grant_ref_t;
use xen_io::xen_abi::io::netif::{
    NetTxFlags, netif_rx_request, netif_tx_request, netif_tx_response,
};
use xen_io::xen_abi::{as_bytes, from_bytes};
use xen_ops::view::Field;
use xen_ops::{ReadOnly, ReadWrite};

use super::{Domains, memory};

const MORE: u16 = 4;
const EXTRA: u16 = 8;
const OKAY: i16 = 0;
const ERROR: i16 = -1;
const NULL: i16 = 1;

type Taken = Result<Option<Result<TxPacket, BadPacket>>, ProtocolError>;

/// Has a back end take what is in the ring until it fails or nothing is left. The requests can name a page
/// of the front end's. Returns what it took, and the responses.
fn take(
    requests: impl FnOnce(grant_ref_t) -> Vec<netif_tx_request>,
) -> (Vec<Taken>, Vec<netif_tx_response>) {
    let domains = Domains::new();
    let mut memory = memory();
    let table = domains.guest.grant_table(&mut memory, Default::default()).unwrap();
    let grant = || table.grant_zeroed(domains.driver.domid(), &domains.guest, ReadWrite).unwrap();
    let (ring, data) = (grant(), grant());
    let mapping = domains.map(&ring);
    let mut front = Front::<NetifTx, _>::new(ring).unwrap();
    let mut back = TxBack::attach(mapping, domains.grants()).unwrap();
    for request in requests(data.reference()) {
        front.put(&request).unwrap();
    }
    let _ = front.push();
    let (mut taken, mut responses) = (Vec::new(), Vec::new());
    loop {
        let packet = back.take(&mut [0; 20000]);
        if packet == Ok(None) {
            break;
        }
        let failed = packet.is_err();
        taken.push(packet);
        if failed {
            break;
        }
    }
    let _ = back.push();
    while let Some(response) = front.take().unwrap() {
        responses.push(response);
    }
    // The device is closed: all pages are returned.
    drop(back);
    for granted in [front.detach().0, data] {
        let (_reference, _page) = granted.revoke().unwrap();
    }
    domains.xen.check_invariants().unwrap();
    (taken, responses)
}

fn request(gref: grant_ref_t, offset: u16, size: u16, flags: u16) -> netif_tx_request {
    netif_tx_request { gref, offset, flags: NetTxFlags(flags), id: 7, size }
}

fn extra(kind: u8, flags: u8, rest: [u8; 6]) -> netif_tx_request {
    let mut bytes = [0; 12];
    bytes[..2].copy_from_slice(&[kind, flags]);
    bytes[2..8].copy_from_slice(&rest);
    from_bytes(&bytes).unwrap()
}

/// The error for slots that do not make a packet.
fn broken(requests: impl FnOnce(grant_ref_t) -> Vec<netif_tx_request>) -> ProtocolError {
    let (taken, _) = take(requests);
    assert_eq!(taken.len(), 1, "{taken:?}");
    taken[0].unwrap_err()
}

const RING: &str = "netif tx";

#[test]
fn slots_that_do_not_make_a_packet_close_the_device() {
    assert_eq!(
        broken(|data| vec![request(data, 0, 100, MORE)]),
        ProtocolError::Incomplete { ring: RING, slots: 1 }
    );
    assert_eq!(
        broken(|data| vec![request(data, 0, 100, EXTRA | MORE), extra(1, 1, [1, 0, 1, 0, 0, 0])]),
        ProtocolError::Incomplete { ring: RING, slots: 2 }
    );
    assert_eq!(
        broken(|data| vec![request(data, 0, 100, MORE); 30]),
        ProtocolError::Fragments { ring: RING }
    );
    assert_eq!(
        broken(|data| vec![request(data, 4000, 97, 0)]),
        ProtocolError::Fragment { ring: RING, offset: 4000, size: 97 }
    );
    assert_eq!(
        broken(|data| vec![request(data, 0, 5000, MORE), request(data, u16::MAX, 1, 0)]),
        ProtocolError::Fragment { ring: RING, offset: u16::MAX, size: 1 }
    );
}

#[test]
fn extra_information_that_does_not_exist_closes_the_device() {
    for kind in [0, 5, 255] {
        assert_eq!(
            broken(|data| vec![request(data, 0, 100, EXTRA), extra(kind, 0, [0; 6])]),
            ProtocolError::Extra { ring: RING, kind }
        );
    }
    let gso = [0xa8, 5, 1, 0, 0, 0];
    assert_eq!(
        broken(|data| vec![request(data, 0, 100, EXTRA), extra(1, 1, gso), extra(1, 1, gso)]),
        ProtocolError::Extra { ring: RING, kind: 1 }
    );
    for (rest, kind, size) in [([0, 0, 1, 0, 0, 0], 1, 0), ([1, 0, 3, 0, 0, 0], 3, 1)] {
        assert_eq!(
            broken(|data| vec![request(data, 0, 100, EXTRA), extra(1, 0, rest)]),
            ProtocolError::Gso { ring: RING, kind, size }
        );
    }
}

#[test]
fn a_packet_that_cannot_be_taken_is_refused_and_the_next_is_taken() {
    let (taken, responses) = take(|data| {
        vec![
            request(data, 0, 13, 0),
            request(data, 0, 100, MORE),
            request(data, 0, 101, 0),
            request(grant_ref_t(500), 0, 100, 0),
            request(data, 0, 20001, MORE),
            request(data, 0, 4096, MORE),
            request(data, 0, 4096, MORE),
            request(data, 0, 4096, MORE),
            request(data, 0, 4096, 0),
            // An address to be removed comes without a packet.
            request(data, 0, 0, EXTRA),
            extra(3, 0, [1; 6]),
            request(data, 0, 14, 0),
        ]
    });
    let errors: Vec<_> = taken.iter().map(|taken| taken.unwrap().unwrap().err()).collect();
    let expected = [
        Some(BadPacket::TooShort(13)),
        Some(BadPacket::Size { packet: 100, fragments: 101 }),
        Some(BadPacket::Grant(grant_ref_t(500))),
        Some(BadPacket::TooLong(20001)),
        None,
        None,
    ];
    assert_eq!(errors, expected);
    let statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
    let refused = [ERROR; 9].into_iter().chain([OKAY, NULL, OKAY]);
    assert!(statuses.iter().copied().eq(refused), "{statuses:?}");
}

#[test]
fn an_index_or_a_page_of_the_front_end_that_is_wrong_is_an_error() {
    let domains = Domains::new();
    let mut memory = memory();
    let table = domains.guest.grant_table(&mut memory, Default::default()).unwrap();
    let peer = domains.driver.domid();
    let ring = table.grant_zeroed(peer, &domains.guest, ReadWrite).unwrap();
    let sealed = table.grant_zeroed(peer, &domains.guest, ReadOnly).unwrap();
    let mapping = domains.map(&ring);
    let mut front = Front::<NetifRx, _>::new(ring).unwrap();
    let mut back = RxBack::attach(mapping, domains.grants()).unwrap();
    let info = PacketInfo::default();
    for gref in [sealed.reference(), grant_ref_t(500)] {
        front.put(&netif_rx_request { id: u16::MAX, pad: 0, gref }).unwrap();
        let _ = front.push();
        assert_eq!(back.send(&[1; 60], &info).unwrap(), Delivery::Refused);
        let _ = back.push();
        let response = front.take().unwrap().unwrap();
        assert_eq!((response.id, response.status), (u16::MAX, ERROR));
    }
    let view = front.pages().view();
    view.at(Field::<u32>::at::<0>()).store(2 + 257, Relaxed);
    let error = back.send(&[1; 60], &info).unwrap_err();
    assert_eq!((error.ring, error.index, error.value), ("netif rx", "req_prod", 259));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    /// Whatever is in the ring, each slot of a packet that was taken or refused has one response, and pages
    /// are returned.
    #[test]
    fn any_slots_are_answered_or_close_the_device(
        slots in vec((vec(any::<u8>(), 12), 0..4_u8, 0..16_u16, 0..5000_u16, any::<bool>()), 0..60),
    ) {
        let (mut count, mut is_broken) = (0, false);
        let (taken, responses) = take(|data| {
            let requests: Vec<netif_tx_request> = slots
                .iter()
                .map(|(bytes, kind, flags, size, raw)| {
                    // Most are nearly right, so that chains become long.
                    let mut request: netif_tx_request = from_bytes(bytes).unwrap();
                    if !raw {
                        let (offset, flags) = (request.offset % 100, NetTxFlags(*flags));
                        request = netif_tx_request { gref: data, offset, size: *size, flags, id: 3 };
                    } else if *kind > 0 {
                        let mut bytes = as_bytes(&request).to_vec();
                        bytes[0] = *kind;
                        bytes[1] &= 1;
                        request = from_bytes(&bytes).unwrap();
                    }
                    request
                })
                .collect();
            count = requests.len();
            requests
        });
        for packet in &taken {
            is_broken |= packet.is_err();
        }
        prop_assert!(responses.len() <= count);
        prop_assert!(is_broken || responses.len() == count);
    }
}
