//! What is known of a packet besides its bytes: flags of its first slot, and slots with extra information.

use xen_abi::io::netif::{
    NETRXF_csum_blank, NETRXF_data_validated, NETTXF_csum_blank, NETTXF_data_validated,
    NetExtraFlags, NetRxFlags, NetTxFlags, XEN_NETIF_EXTRA_FLAG_MORE, XEN_NETIF_EXTRA_TYPE_GSO,
    XEN_NETIF_EXTRA_TYPE_HASH, XEN_NETIF_EXTRA_TYPE_MCAST_ADD, XEN_NETIF_EXTRA_TYPE_MCAST_DEL,
    XEN_NETIF_GSO_TYPE_TCPV4, XEN_NETIF_GSO_TYPE_TCPV6, netif_extra_info, netif_extra_info_u,
    netif_extra_info_u_gso, netif_extra_info_u_hash, netif_extra_info_u_mcast,
};

use super::error::ProtocolError;

/// The largest number of slots with extra information that a packet has: one of each kind.
pub(super) const MAX_EXTRAS: usize = 4;

/// What is known of the TCP or UDP checksum in a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// It is there, and the receiver has to verify it.
    #[default]
    Unverified,
    /// It is there, and was verified or comes from this machine.
    Verified,
    /// It is not there: the field has the sum of the pseudo-header only. It is computed before the packet
    /// leaves the machine, and needs no verification inside it.
    Blank,
}

/// A TCP packet that is larger than the network takes, to be sent as several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gso {
    /// Whether it is in IPv4 or IPv6.
    pub protocol: GsoProtocol,
    /// The largest payload of a segment, in bytes. Not 0.
    pub segment_size: u16,
}

/// The protocol of packets that are larger than the network takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GsoProtocol {
    /// TCP in IPv4.
    TcpV4,
    /// TCP in IPv6.
    TcpV6,
}

/// A hash over the packet's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash {
    /// What was hashed: `_XEN_NETIF_CTRL_HASH_TYPE_*`. Any value may come from a peer.
    pub kind: u8,
    /// How: `XEN_NETIF_CTRL_HASH_ALGORITHM_*`. Any value may come from a peer.
    pub algorithm: u8,
    /// The hash.
    pub value: [u8; 4],
}

/// A change of the multicast addresses that a front end wants packets for. The packet that carries it is
/// not to be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multicast {
    /// Packets to this address are wanted.
    Add([u8; 6]),
    /// They are not wanted any more.
    Remove([u8; 6]),
}

/// What is known of a packet besides its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketInfo {
    /// Its checksum.
    pub checksum: Checksum,
    /// How it is to be segmented.
    pub gso: Option<Gso>,
    /// Its hash.
    pub hash: Option<Hash>,
    /// A change of multicast addresses; from a front end only.
    pub multicast: Option<Multicast>,
}

impl PacketInfo {
    pub(super) const fn from_tx_flags(flags: NetTxFlags) -> Self {
        let (blank, validated) = (NETTXF_csum_blank, NETTXF_data_validated);
        Self::with_checksum(flags.intersects(blank), flags.intersects(validated))
    }

    pub(super) const fn from_rx_flags(flags: NetRxFlags) -> Self {
        let (blank, validated) = (NETRXF_csum_blank, NETRXF_data_validated);
        Self::with_checksum(flags.intersects(blank), flags.intersects(validated))
    }

    const fn with_checksum(blank: bool, validated: bool) -> Self {
        let checksum = if blank {
            Checksum::Blank
        } else if validated {
            Checksum::Verified
        } else {
            Checksum::Unverified
        };
        Self { checksum, gso: None, hash: None, multicast: None }
    }

    pub(super) const fn tx_flags(&self) -> NetTxFlags {
        match self.checksum {
            Checksum::Unverified => NetTxFlags::empty(),
            Checksum::Verified => NETTXF_data_validated,
            Checksum::Blank => NETTXF_csum_blank.union(NETTXF_data_validated),
        }
    }

    pub(super) const fn rx_flags(&self) -> NetRxFlags {
        match self.checksum {
            Checksum::Unverified => NetRxFlags::empty(),
            Checksum::Verified => NETRXF_data_validated,
            Checksum::Blank => NETRXF_csum_blank.union(NETRXF_data_validated),
        }
    }

    /// The slots with extra information, in their order.
    pub(super) fn extras(&self) -> impl ExactSizeIterator<Item = netif_extra_info> {
        let all = [
            self.gso.map(|gso| {
                let type_ = match gso.protocol {
                    GsoProtocol::TcpV4 => XEN_NETIF_GSO_TYPE_TCPV4,
                    GsoProtocol::TcpV6 => XEN_NETIF_GSO_TYPE_TCPV6,
                };
                let gso = netif_extra_info_u_gso {
                    size: gso.segment_size,
                    type_: type_ as u8,
                    pad: 0,
                    features: 0,
                };
                (XEN_NETIF_EXTRA_TYPE_GSO, netif_extra_info_u::from_gso(gso))
            }),
            self.multicast.map(|change| {
                let (kind, addr) = match change {
                    Multicast::Add(addr) => (XEN_NETIF_EXTRA_TYPE_MCAST_ADD, addr),
                    Multicast::Remove(addr) => (XEN_NETIF_EXTRA_TYPE_MCAST_DEL, addr),
                };
                (kind, netif_extra_info_u::from_mcast(netif_extra_info_u_mcast { addr }))
            }),
            self.hash.map(|Hash { kind, algorithm, value }| {
                let hash = netif_extra_info_u_hash { type_: kind, algorithm, value };
                (XEN_NETIF_EXTRA_TYPE_HASH, netif_extra_info_u::from_hash(hash))
            }),
        ];
        let count = all.iter().flatten().count();
        let mut present = all.into_iter().flatten();
        (0..count).map(move |index| {
            let (kind, u) = present.next().unwrap_or((0, netif_extra_info_u([0; 3])));
            let last = index + 1 == count;
            let flags = if last { NetExtraFlags::empty() } else { XEN_NETIF_EXTRA_FLAG_MORE };
            netif_extra_info { type_: kind as u8, flags, u }
        })
    }

    /// Takes over what a slot says, and returns whether another follows.
    pub(super) fn add(
        &mut self,
        ring: &'static str,
        extra: &netif_extra_info,
    ) -> Result<bool, ProtocolError> {
        let twice = match u32::from(extra.type_) {
            XEN_NETIF_EXTRA_TYPE_GSO => {
                let netif_extra_info_u_gso { size: segment_size, type_, .. } = *extra.u.gso();
                let protocol = match u32::from(type_) {
                    XEN_NETIF_GSO_TYPE_TCPV4 if segment_size > 0 => GsoProtocol::TcpV4,
                    XEN_NETIF_GSO_TYPE_TCPV6 if segment_size > 0 => GsoProtocol::TcpV6,
                    _ => return Err(ProtocolError::Gso { ring, kind: type_, size: segment_size }),
                };
                self.gso.replace(Gso { protocol, segment_size }).is_some()
            }
            XEN_NETIF_EXTRA_TYPE_MCAST_ADD => {
                self.multicast.replace(Multicast::Add(extra.u.mcast().addr)).is_some()
            }
            XEN_NETIF_EXTRA_TYPE_MCAST_DEL => {
                self.multicast.replace(Multicast::Remove(extra.u.mcast().addr)).is_some()
            }
            XEN_NETIF_EXTRA_TYPE_HASH => {
                let netif_extra_info_u_hash { type_: kind, algorithm, value } = *extra.u.hash();
                self.hash.replace(Hash { kind, algorithm, value }).is_some()
            }
            _ => true,
        };
        if twice {
            return Err(ProtocolError::Extra { ring, kind: extra.type_ });
        }
        Ok(extra.flags.contains(XEN_NETIF_EXTRA_FLAG_MORE))
    }
}

/// The slot with extra information that lies in the first bytes of a ring's entry.
pub(super) fn extra_of<T: xen_abi::Plain>(entry: &T) -> netif_extra_info {
    const { assert!(size_of::<T>() >= size_of::<netif_extra_info>()) };
    let bytes = xen_abi::as_bytes(entry).get(..size_of::<netif_extra_info>());
    bytes.and_then(xen_abi::from_bytes).unwrap_or(netif_extra_info::ZERO)
}

/// A ring's entry whose first bytes are a slot with extra information.
pub(super) fn entry_of<T: xen_abi::Plain>(extra: &netif_extra_info) -> T {
    const MAX: usize = 12;
    const { assert!(size_of::<T>() >= size_of::<netif_extra_info>() && size_of::<T>() <= MAX) };
    let mut bytes = [0; MAX];
    for (to, from) in bytes.iter_mut().zip(xen_abi::as_bytes(extra)) {
        *to = *from;
    }
    bytes.get(..size_of::<T>()).and_then(xen_abi::from_bytes).unwrap_or(xen_abi::zeroed())
}
