//! Packets in both directions, between ends that behave.

use proptest::collection::vec;
use proptest::prelude::*;
use xen_io::net::{
    Checksum, Delivery, Fragment, PacketInfo, RxBack, RxFront, SendError, SentStatus, TxBack,
    TxFront,
};
use xen_ops::ReadWrite;

use super::{Domains, full_info, memory};

const INFO: PacketInfo =
    PacketInfo { checksum: Checksum::Blank, gso: None, hash: None, multicast: None };

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at * 7 + at / 251) as u8).collect()
}

/// Sends a packet in fragments of these sizes, and returns it as the back end took it.
pub(super) fn transmit(sizes: &[usize], info: PacketInfo) -> (Vec<u8>, PacketInfo) {
    let domains = Domains::new();
    let mut memory = memory();
    let table = domains.guest.grant_table(&mut memory, Default::default()).unwrap();
    let grant = || table.grant_zeroed(domains.driver.domid(), &domains.guest, ReadWrite).unwrap();
    let ring = grant();
    let mapping = domains.map(&ring);
    let mut front = TxFront::<_, _>::new(ring).unwrap();
    let mut back = TxBack::attach(mapping, domains.grants()).unwrap();

    let packet = bytes(sizes.iter().sum());
    let (mut fragments, mut pages, mut rest) = (Vec::new(), Vec::new(), &packet[..]);
    for (index, size) in sizes.iter().enumerate() {
        let (page, offset) = (grant(), (index * 100).min(4096 - size));
        page.view().write(offset, &rest[..*size]).unwrap();
        rest = &rest[*size..];
        fragments.push(Fragment::new(page.reference(), offset, *size).unwrap());
        pages.push(page);
    }
    front.send(&fragments, &info, pages).unwrap();
    assert!(front.push());
    assert_eq!(front.outstanding(), 1);
    assert!(front.complete().unwrap().is_none());

    let mut buffer = vec![0; 65535];
    let taken = back.take(&mut buffer).unwrap().unwrap().unwrap();
    assert!(back.take(&mut []).unwrap().is_none());
    assert!(back.push());
    let sent = front.complete().unwrap().unwrap();
    assert_eq!((sent.status, sent.kept.len()), (SentStatus::Okay, sizes.len()));
    assert!(front.complete().unwrap().is_none());
    assert_eq!(front.outstanding(), 0);
    buffer.truncate(taken.size);
    assert!(buffer == packet, "the packet differs");
    drop(back);
    drop(sent);
    let (ring, kept) = front.detach();
    assert_eq!(kept.count(), 0);
    let (_reference, _page) = ring.revoke().unwrap();
    domains.xen.check_invariants().unwrap();
    (buffer, taken.info)
}

#[test]
fn a_packet_of_any_fragments_arrives_with_what_is_known_of_it() {
    assert_eq!(transmit(&[60], INFO).1, INFO);
    assert_eq!(transmit(&[14, 1, 4096, 0, 7], full_info()).1, full_info());
    let verified = PacketInfo { checksum: Checksum::Verified, ..PacketInfo::default() };
    assert_eq!(transmit(&[4096; 15], verified).1, verified);
    let (packet, info) = transmit(&[3640; 18], PacketInfo::default());
    assert_eq!((packet.len(), info), (65520, PacketInfo::default()));
}

/// Sends a packet to a front end with so many buffers, and returns what it got.
fn receive(packet: &[u8], info: &PacketInfo, buffers: usize) -> Option<(Vec<u8>, PacketInfo)> {
    let domains = Domains::new();
    let mut memory = memory();
    let table = domains.guest.grant_table(&mut memory, Default::default()).unwrap();
    let grant = || table.grant_zeroed(domains.driver.domid(), &domains.guest, ReadWrite).unwrap();
    let ring = grant();
    let mapping = domains.map(&ring);
    let mut front = RxFront::<_, _>::new(ring).unwrap();
    let mut back = RxBack::attach(mapping, domains.grants()).unwrap();
    assert_eq!(front.free(), 256);
    for _ in 0..buffers {
        let page = grant();
        front.post(page.reference(), page).unwrap();
    }
    let _ = front.push();
    let delivery = back.send(packet, info).unwrap();
    let received = if delivery == Delivery::Delivered {
        assert!(back.push());
        let received = front.take().unwrap().unwrap();
        assert_eq!((received.size(), received.error()), (packet.len(), None));
        let info = *received.info();
        let mut bytes = Vec::new();
        for buffer in received.into_buffers() {
            let mut part = vec![0; buffer.data.len()];
            buffer.kept.view().read(buffer.data.start, &mut part).unwrap();
            bytes.extend(part);
        }
        assert!(front.take().unwrap().is_none());
        Some((bytes, info))
    } else {
        assert!(!back.push());
        assert_eq!(delivery, Delivery::NoBuffers);
        // It is told once there are enough, and not before.
        let needed = packet.len().div_ceil(4096);
        for missing in (buffers..needed).rev() {
            let page = grant();
            front.post(page.reference(), page).unwrap();
            assert_eq!(front.push(), missing == buffers);
        }
        None
    };
    drop(back);
    let (ring, left) = front.detach();
    drop(left);
    let (_reference, _page) = ring.revoke().unwrap();
    domains.xen.check_invariants().unwrap();
    received
}

#[test]
fn a_packet_to_the_front_end_takes_as_many_buffers_as_it_needs() {
    let packet = bytes(9000);
    assert_eq!(receive(&packet, &INFO, 3), Some((packet.clone(), INFO)));
    assert_eq!(receive(&packet, &INFO, 2), None);
    assert_eq!(receive(&packet, &full_info(), 6), Some((packet, full_info())));
    let packet = bytes(1);
    assert_eq!(receive(&packet, &INFO, 1), Some((packet, INFO)));
}

#[test]
fn what_cannot_be_sent_is_returned() {
    let domains = Domains::new();
    let page = domains.guest.page().unwrap();
    let view = || xen_ops::Page::view(&page);
    let mut front = TxFront::<_, u32, 4>::new(view()).unwrap();
    let grant = xen_io::xen_abi::grant_table::grant_ref_t(8);
    let fragment = Fragment::new(grant, 0, 4096).unwrap();
    assert_eq!(Fragment::new(grant, 1, 4096), None);
    assert_eq!(Fragment::new(grant, usize::MAX, 1), None);
    for (fragments, error) in [
        (&[][..], SendError::Fragments(0)),
        (&[fragment; 19], SendError::Fragments(19)),
        (&[fragment; 16], SendError::TooLong(65536)),
        (&[fragment; 5], SendError::Full),
    ] {
        let failed = front.send(fragments, &INFO, 1).unwrap_err();
        assert_eq!((failed.error, failed.returned), (error, Some(1)));
    }
    front.send(&[fragment; 3], &INFO, 2).unwrap();
    assert_eq!(front.send(&[fragment; 2], &INFO, 3).unwrap_err().error, SendError::Full);
    front.send(&[fragment], &INFO, 4).unwrap();
    let (_, kept) = front.detach();
    let mut kept: Vec<_> = kept.collect();
    kept.sort_unstable();
    assert_eq!(kept, [2, 4]);

    let mut front = RxFront::<_, u32, 2>::new(view()).unwrap();
    front.post(grant, 1).unwrap();
    front.post(grant, 2).unwrap();
    assert_eq!(front.post(grant, 3).unwrap_err().returned, Some(3));
    let mut back = RxBack::attach(view(), domains.grants()).unwrap();
    for size in [0, 65536] {
        assert_eq!(back.send(&vec![0; size], &INFO).unwrap(), Delivery::BadSize);
    }
    assert_eq!(front.detach().1.collect::<Vec<_>>(), [1, 2]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..Default::default() })]

    /// Packets of any fragments arrive whole, in both directions.
    #[test]
    fn packets_arrive_whole(mut sizes in vec(0..4000_usize, 1..17), blank: bool) {
        sizes[0] += 14;
        let checksum = if blank { Checksum::Blank } else { Checksum::Unverified };
        let info = PacketInfo { checksum, ..full_info() };
        let (packet, taken) = transmit(&sizes, info);
        prop_assert_eq!(taken, info);
        let (received, taken) = receive(&packet, &info, 20).unwrap();
        prop_assert!(received == packet);
        prop_assert_eq!(taken, info);
    }
}
