//! Network devices: a front end and a back end, each with a ring for packets that the front end transmits
//! and one for those that it receives.
//!
//! | | transmit: front to back | receive: back to front |
//! |---|---|---|
//! | front end | [`TxFront`]: grants the pages of a packet | [`RxFront`]: grants empty pages |
//! | back end | [`TxBack`]: copies the packet out | [`RxBack`]: copies a packet in |
//!
//! All four are values that the caller drives: nothing waits, and events are the caller's. A device has one
//! pair of rings, or several: its queues. `setup` has the nodes in xenstore by which both ends agree.
//!
//! A packet lies in one or several granted pages. What is known of it besides, [`PacketInfo`], is carried
//! through: the state of its checksum as flags, segmentation and the like in slots of their own.
//!
//! ```
//! use xen_io::CopyGrants;
//! use xen_io::net::{Checksum, Fragment, PacketInfo, SentStatus, TxBack, TxFront};
//! # use xen_ops::{Mapping, ReadOnly, ReadWrite, RemoteGrant};
//! # use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};
//! # let xen = Xen::new();
//! # let guest = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
//! # let driver = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
//! # let mut memory = TableMemory::new(64, 16);
//! # let table = guest.grant_table(&mut memory, Default::default())?;
//! # let ring = table.grant_zeroed(driver.domid(), &guest, ReadWrite)?;
//! # let remote = RemoteGrant::new(guest.domid(), ring.reference());
//! # let mut front = TxFront::<_, _>::new(ring).map_err(|failed| failed.error)?;
//! # let mapping = Mapping::new(&driver, remote, driver.target(), ReadWrite)?;
//! # let grants = CopyGrants::new(&driver, guest.domid(), driver.page().unwrap());
//! # let mut back = TxBack::attach(mapping, grants).map_err(|failed| failed.error)?;
//! # let packet = [7; 60];
//! # let page = guest.page().unwrap();
//!
//! // The front end sends the first 60 bytes of a page, and keeps the grant until they were copied.
//! xen_ops::Page::view(&page).write(0, &packet)?;
//! let granted = table.grant(driver.domid(), page, ReadOnly)?;
//! let fragment = Fragment::new(granted.reference(), 0, 60).ok_or("60 bytes fit a page")?;
//! let info = PacketInfo { checksum: Checksum::Blank, ..PacketInfo::default() };
//! front.send(&[fragment], &info, granted).map_err(|failed| failed.error)?;
//! let notify_back = front.push();
//! assert!(notify_back);
//!
//! // The back end takes the packet.
//! let mut buffer = [0; 65535];
//! let taken = back.take(&mut buffer)?.ok_or("no packet")??;
//! assert_eq!((&buffer[..taken.size], taken.info), (&packet[..], info));
//! let notify_front = back.push();
//! assert!(notify_front);
//!
//! // The grant comes back.
//! let sent = front.complete()?.ok_or("no response")?;
//! assert_eq!(sent.status, SentStatus::Okay);
//! let (_reference, _page) = sent.kept.revoke().map_err(|revoking| revoking.to_string())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The example `network` of xen-sim is a whole program, with both domains.
//!
//! # What a peer can do
//!
//! The slots of a packet are taken and checked before any of it is used: their number, the place of each
//! fragment in its page, the kinds of extra information, and that all are there. Slots that do not make
//! packets are a [`ProtocolError`], for which to close the device: where the next packet begins is not known
//! then. A packet whose slots are in order but whose sizes or grants are wrong is dropped, and the front end
//! told so. A front end accepts a response only for a slot that is on its way, once. `detach` returns
//! what was kept.
//!
//! The contents of packets, and the hash and the segment size that come with them, are whatever the peer
//! wrote.
//!
//! # The control ring
//!
//! By a third ring, [`CtrlFront`] and [`CtrlBack`], a front end says how the back end hashes packets, and to which
//! queue a hash leads. A back end has it if it says so in `setup::CTRL_RING`.
//!
//! # What is left out
//!
//! Receive packets by flipping pages, which no back end does any more.
//!
//! Upstream: `xen/include/public/io/netif.h`.

mod checksum;
mod ctrl;
mod error;
mod info;
mod rx_back;
mod rx_front;
#[cfg(feature = "alloc")]
#[cfg_attr(docsrs, doc(cfg(feature = "alloc")))]
pub mod setup;
mod tx_back;
mod tx_front;

use xen_abi::io::netif::XEN_NETIF_NR_SLOTS_MIN;

pub use checksum::BlankChecksum;
pub use ctrl::{CtrlBack, CtrlError, CtrlFront, CtrlRequest};
pub use error::{BadPacket, ProtocolError, SendError};
pub use info::{Checksum, Gso, GsoProtocol, Hash, Multicast, PacketInfo};
pub use rx_back::{Delivery, RxBack};
pub use rx_front::{RxBuffer, RxFront, RxPacket};
pub use tx_back::{TxBack, TxPacket};
pub use tx_front::{Fragment, Sent, SentStatus, TxFront};

/// The largest number of fragments of a packet. Every back end takes as many.
pub const MAX_FRAGMENTS: usize = XEN_NETIF_NR_SLOTS_MIN as usize;

/// Bytes in an Ethernet header, which every packet has.
const MIN_PACKET: usize = 14;

/// The rings' names, for errors.
const TX: &str = "netif tx";
const RX: &str = "netif rx";
