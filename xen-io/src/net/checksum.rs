//! TCP and UDP checksums that a front end left to others.

use core::ops::Range;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_VLAN: u16 = 0x8100;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
/// Extension headers of IPv6 that may come before TCP or UDP: of each hop, of the route, of the destination.
const EXTENSIONS: [u8; 3] = [0, 43, 60];

/// Bytes of the two addresses in an Ethernet header.
const ADDRESSES: usize = 12;
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;

/// Where the TCP or UDP checksum of a packet is, and what it covers.
///
/// A packet with [`Checksum::Blank`](super::Checksum::Blank) has the sum of the pseudo-header there. A back end has to
/// take such packets in IPv4, whatever it publishes: Linux's front end sends them always. It tells a network that
/// computes checksums the [`start`](Self::start) and the [`field`](Self::field), or calls [`fill`](Self::fill).
///
/// ```
/// use xen_io::net::{BlankChecksum, Checksum, TxPacket};
///
/// /// Sends a packet of a front end's to a network that does not compute checksums.
/// fn forward(packet: &TxPacket, bytes: &mut [u8], send: impl FnOnce(&[u8])) {
///     let bytes = &mut bytes[..packet.size];
///     if packet.info.checksum == Checksum::Blank {
///         // Neither TCP nor UDP: the packet is dropped.
///         let Some(blank) = BlankChecksum::find(bytes) else { return };
///         blank.fill(bytes);
///     }
///     send(bytes);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlankChecksum {
    covered: Range<usize>,
    offset: usize,
}

impl BlankChecksum {
    /// Finds it in a packet that begins with its Ethernet header. `None` if that is not TCP or UDP in IPv4 or IPv6, is a
    /// fragment, or ends before its headers do.
    #[must_use]
    pub fn find(packet: &[u8]) -> Option<Self> {
        let mut network = ADDRESSES + 2;
        let mut kind = u16_at(packet, ADDRESSES)?;
        if kind == ETHERTYPE_VLAN {
            kind = u16_at(packet, ADDRESSES + 4)?;
            network += 4;
        }
        let (protocol, covered) = match kind {
            ETHERTYPE_IPV4 => of_ipv4(packet, network)?,
            ETHERTYPE_IPV6 => of_ipv6(packet, network)?,
            _ => return None,
        };
        let (offset, header) = match protocol {
            PROTOCOL_TCP => (16, 20),
            PROTOCOL_UDP => (6, 8),
            _ => return None,
        };
        let fits = covered.end <= packet.len() && covered.len() >= header;
        fits.then_some(Self { covered, offset })
    }

    /// Where the TCP or UDP header begins, in bytes from the packet's beginning.
    #[must_use]
    pub const fn start(&self) -> usize {
        self.covered.start
    }

    /// Where the checksum is, in bytes from [`start`](Self::start).
    #[must_use]
    pub const fn field(&self) -> usize {
        self.offset
    }

    /// Computes the checksum over the sum that is there, and writes it. `packet` is what [`find`](Self::find) got;
    /// nothing is written to one that is shorter.
    pub fn fill(&self, packet: &mut [u8]) {
        let Some(covered) = packet.get_mut(self.covered.clone()) else { return };
        let pairs = covered.chunks(2);
        let words = pairs.map(|pair| u16::from_be_bytes([pair[0], pair.get(1).map_or(0, |b| *b)]));
        // At most 65535 bytes: no sum is too large.
        let mut sum: u32 = words.map(u32::from).sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        // In UDP, 0 says that there is none; the other form of 0 means the same in both protocols.
        let checksum = match !(sum as u16) {
            0 => 0xffff,
            checksum => checksum,
        };
        if let Some(field) = covered.get_mut(self.offset..self.offset + 2) {
            field.copy_from_slice(&checksum.to_be_bytes());
        }
    }
}

/// The protocol in an IPv4 packet that begins at `at`, and where its bytes are.
fn of_ipv4(packet: &[u8], at: usize) -> Option<(u8, Range<usize>)> {
    /// More fragments, and where this one begins.
    const FRAGMENT: u16 = 0x3fff;
    let header = usize::from(*packet.get(at)? & 0xf) * 4;
    if header < IPV4_HEADER || u16_at(packet, at + 6)? & FRAGMENT != 0 {
        return None;
    }
    let total = usize::from(u16_at(packet, at + 2)?);
    Some((*packet.get(at + 9)?, at + header..at + total))
}

/// The same for IPv6.
fn of_ipv6(packet: &[u8], at: usize) -> Option<(u8, Range<usize>)> {
    let end = at + IPV6_HEADER + usize::from(u16_at(packet, at + 4)?);
    let (mut next, mut start) = (*packet.get(at + 6)?, at + IPV6_HEADER);
    while EXTENSIONS.contains(&next) {
        let length = (usize::from(*packet.get(start + 1)?) + 1) * 8;
        next = *packet.get(start)?;
        start += length;
    }
    Some((next, start..end))
}

fn u16_at(packet: &[u8], at: usize) -> Option<u16> {
    let bytes = packet.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const PAYLOAD: &[u8] = b"an odd number of bytes.";

    /// A transport header of `size` bytes and data, with `sum`, which is at `field`.
    fn segment(size: usize, field: usize, sum: u32) -> Vec<u8> {
        let mut segment: Vec<u8> = (0..size as u8).map(|byte| byte.wrapping_mul(73)).collect();
        segment.extend_from_slice(PAYLOAD);
        let sum = (sum & 0xffff) + (sum >> 16);
        segment[field..field + 2].copy_from_slice(&(sum as u16).to_be_bytes());
        segment
    }

    /// What a receiver computes over a packet that is intact: 0xffff (RFC 1071).
    fn verify(pseudo_header: u32, segment: &[u8]) -> u32 {
        let mut sum = pseudo_header;
        for (index, byte) in segment.iter().enumerate() {
            sum += u32::from(*byte) << if index % 2 == 0 { 8 } else { 0 };
        }
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum
    }

    fn ipv4(protocol: u8, segment: &[u8], tag: &[u8]) -> Vec<u8> {
        let mut packet = [&[0x11; 12][..], tag, &[8, 0]].concat();
        let total = (24 + segment.len()) as u16;
        packet.extend_from_slice(&[0x46, 0]);
        packet.extend_from_slice(&total.to_be_bytes());
        packet.extend_from_slice(&[0, 1, 0x40, 0, 64, protocol, 0, 0]);
        packet.extend_from_slice(&[192, 168, 7, 1, 192, 168, 7, 2, 1, 1, 1, 0]);
        packet.extend_from_slice(segment);
        packet
    }

    /// The sum of the pseudo-header of those addresses.
    fn pseudo_ipv4(protocol: u8, length: usize) -> u32 {
        2 * 0xc0a8 + 0x0701 + 0x0702 + u32::from(protocol) + length as u32
    }

    #[test]
    fn a_checksum_that_was_filled_in_is_what_a_receiver_expects() {
        for (protocol, size, field) in [(PROTOCOL_TCP, 20, 16), (PROTOCOL_UDP, 8, 6)] {
            let pseudo_header = pseudo_ipv4(protocol, size + PAYLOAD.len());
            let segment = segment(size, field, pseudo_header);
            for tag in [&[][..], &[0x81, 0, 0, 5]] {
                let mut packet = ipv4(protocol, &segment, tag);
                // Ethernet's padding is not covered, whatever it is.
                packet.extend_from_slice(&[0xee; 5]);
                let start = packet.len() - segment.len() - 5;
                let blank = BlankChecksum::find(&packet).unwrap();
                assert_eq!((blank.start(), blank.field()), (start, field));
                assert_ne!(verify(pseudo_header, &segment), 0xffff);
                blank.fill(&mut packet);
                let filled = &packet[start..start + segment.len()];
                assert_eq!(verify(pseudo_header, filled), 0xffff);
                // Nothing else has changed.
                let mut before = ipv4(protocol, &segment, tag);
                before[start + field..start + field + 2].copy_from_slice(&filled[field..field + 2]);
                assert_eq!(&packet[..before.len()], before);
            }
        }
    }

    #[test]
    fn extension_headers_of_ipv6_are_skipped() {
        let mut packet = [&[0x11; 12][..], &[0x86, 0xdd, 0x60, 0, 0, 0]].concat();
        let segment = segment(20, 16, 0x1234);
        packet.extend_from_slice(&((8 + 16 + segment.len()) as u16).to_be_bytes());
        packet.extend_from_slice(&[0, 64]);
        packet.extend_from_slice(&[0xfd; 32]);
        packet.extend_from_slice(&[60, 0, 1, 4, 0, 0, 0, 0]);
        packet.extend_from_slice(&[PROTOCOL_TCP, 1]);
        packet.extend_from_slice(&[0; 14]);
        packet.extend_from_slice(&segment);
        let blank = BlankChecksum::find(&packet).unwrap();
        assert_eq!((blank.start(), blank.field()), (14 + 40 + 8 + 16, 16));
        assert_eq!(blank.covered.end, packet.len());
    }

    #[test]
    fn packets_without_a_checksum_to_fill_in_are_none() {
        let segment = segment(20, 16, 0);
        let whole = ipv4(PROTOCOL_TCP, &segment, &[]);
        assert!(BlankChecksum::find(&whole).is_some());
        for length in 0..whole.len() {
            assert_eq!(BlankChecksum::find(&whole[..length]), None, "{length} bytes");
        }
        // (the byte, its value): ARP, no IPv4 header, longer than it is, a fragment, a later one, ICMP.
        for (at, value) in [(13, 6), (14, 0x44), (16, 0xff), (20, 0x20), (21, 1), (23, 1)] {
            let mut packet = whole.clone();
            packet[at] = value;
            assert_eq!(BlankChecksum::find(&packet), None, "byte {at}");
        }
        // Too short for a TCP header.
        let packet = ipv4(PROTOCOL_TCP, &segment[..19], &[]);
        assert_eq!(BlankChecksum::find(&packet), None);
    }

    #[test]
    fn a_checksum_of_zero_is_written_as_its_other_form() {
        let mut segment = [0; 8];
        segment[6..].copy_from_slice(&[0xff, 0xff]);
        let mut packet = ipv4(PROTOCOL_UDP, &segment, &[]);
        BlankChecksum::find(&packet).unwrap().fill(&mut packet);
        assert_eq!(packet[packet.len() - 2..], [0xff, 0xff]);
    }
}
