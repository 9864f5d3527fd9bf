//! Security advisories about network devices, as tests. `docs/advisories.md` has them all.

use xen_io::net::{Delivery, PacketInfo, RxBack};
use xen_io::ring::Front;
use xen_io::ring::protocols::NetifRx;
use xen_ops::ReadWrite;

use super::exchange::transmit;
use super::{Domains, memory};

/// XSA-392: packets for a front end that takes none were kept without bound. This back end keeps none.
#[test]
fn xsa_392_packets_that_are_not_taken_are_the_callers() {
    let domains = Domains::new();
    let mut memory = memory();
    let table = domains.guest.grant_table(&mut memory, Default::default()).unwrap();
    let ring = table.grant_zeroed(domains.driver.domid(), &domains.guest, ReadWrite).unwrap();
    let mapping = domains.map(&ring);
    let _front = Front::<NetifRx, _>::new(ring).unwrap();
    let mut back = RxBack::attach(mapping, domains.grants()).unwrap();
    for _ in 0..1000 {
        let delivery = back.send(&[7; 9000], &PacketInfo::default()).unwrap();
        assert_eq!(delivery, Delivery::NoBuffers);
    }
    assert!(!back.push());
}

/// XSA-423 and XSA-432: headers that are spread over fragments were handed on in pieces, or written past the
/// place for them. Here a packet is contiguous, whatever its fragments are.
#[test]
fn xsa_423_and_432_headers_in_many_fragments_are_contiguous() {
    for sizes in [&[1; 18][..], &[13, 1, 40, 20, 1], &[1, 1, 1, 1, 4096, 1]] {
        let (packet, _) = transmit(sizes, PacketInfo::default());
        assert_eq!(packet.len(), sizes.iter().sum::<usize>());
    }
}

/// XSA-448: fragments without bytes had no page, which was used all the same.
#[test]
fn xsa_448_fragments_without_bytes_are_no_harm() {
    let (packet, _) = transmit(&[0, 60, 0, 0, 1, 0], PacketInfo::default());
    assert_eq!(packet.len(), 61);
}
