//! The back end of a transmit ring.

use core::fmt;

use xen_abi::io::netif::{
    NETIF_RSP_ERROR, NETIF_RSP_NULL, NETIF_RSP_OKAY, NETTXF_extra_info, NETTXF_more_data,
    netif_tx_request, netif_tx_response,
};
use xen_ops::Failed;
use xen_ops::page::PAGE_SIZE;

use super::error::{BadPacket, ProtocolError};
use super::info::{MAX_EXTRAS, PacketInfo, extra_of};
use super::{MAX_FRAGMENTS, MIN_PACKET, TX};
use crate::error::{AttachError, BadIndex};
use crate::grants::GrantAccess;
use crate::pages::Pages;
use crate::ring;
use crate::ring::protocols::NetifTx;

/// A packet of the front end's, which was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxPacket {
    /// How many bytes of the buffer it has.
    pub size: usize,
    /// What is known of it besides. A packet that changes multicast addresses is not to be forwarded.
    pub info: PacketInfo,
}

/// The back end of a transmit ring in the pages `M`, whose packets are read through `G`.
pub struct TxBack<M: Pages, G: GrantAccess> {
    ring: ring::Back<NetifTx, M>,
    grants: G,
}

/// The slots of a packet.
struct Slots {
    requests: [netif_tx_request; MAX_FRAGMENTS],
    fragments: usize,
    extras: usize,
    /// Bytes in the first fragment, and in the others. Without the first if the others have too many.
    first: Option<u16>,
    others: u32,
    info: PacketInfo,
}

impl<M: Pages, G: GrantAccess> TxBack<M, G> {
    /// The back end of the ring in these pages. Packets that another back end has taken and not answered are
    /// taken again, if that one pushed the answer to each packet before it took the next: see
    /// [`ring::Back::attach`].
    ///
    /// # Errors
    ///
    /// As [`ring::Back::attach`].
    pub fn attach(pages: M, grants: G) -> Result<Self, Failed<AttachError, M>> {
        Ok(Self { ring: ring::Back::attach(pages)?, grants })
    }

    /// Copies the next packet into `buffer` and answers it, or returns `None` if there is none. The front
    /// end does not see the answer before [`push`](Self::push). Until then there are at most as many
    /// packets as the ring has entries.
    ///
    /// The inner result is an error if the packet is dropped; the front end is told so, and the next may be
    /// taken. A buffer of 65535 bytes takes every packet.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] if the slots do not make packets. Close the device then.
    pub fn take(
        &mut self,
        buffer: &mut [u8],
    ) -> Result<Option<Result<TxPacket, BadPacket>>, ProtocolError> {
        let Some(first) = self.ring.take()? else { return Ok(None) };
        let slots = self.slots(first)?;
        let packet = self.copy(&slots, buffer);
        let status = if packet.is_ok() { NETIF_RSP_OKAY } else { NETIF_RSP_ERROR };
        for (index, request) in slots.requests.iter().take(slots.fragments).enumerate() {
            self.answer(request.id, status);
            // Extra information comes after the first slot.
            for _ in 0..if index == 0 { slots.extras } else { 0 } {
                self.answer(0, NETIF_RSP_NULL);
            }
        }
        Ok(Some(packet))
    }

    /// Takes the other slots of the packet that begins with `first`, and checks them all.
    fn slots(&mut self, first: netif_tx_request) -> Result<Slots, ProtocolError> {
        let mut slots = Slots {
            requests: [first; MAX_FRAGMENTS],
            fragments: 1,
            extras: 0,
            first: None,
            others: 0,
            info: PacketInfo::from_tx_flags(first.flags),
        };
        let mut more_extras = first.flags.contains(NETTXF_extra_info);
        while more_extras {
            if slots.extras == MAX_EXTRAS {
                return Err(ProtocolError::Extras { ring: TX });
            }
            let extra = extra_of(&self.next(&slots)?);
            slots.extras += 1;
            more_extras = slots.info.add(TX, &extra)?;
        }
        let mut more = first.flags.contains(NETTXF_more_data);
        while more {
            let request = self.next(&slots)?;
            let place = slots.requests.get_mut(slots.fragments);
            *place.ok_or(ProtocolError::Fragments { ring: TX })? = request;
            slots.fragments += 1;
            check_fragment(&request, request.size)?;
            slots.others += u32::from(request.size);
            more = request.flags.contains(NETTXF_more_data);
        }
        // The size in the first request is the packet's.
        let own =
            u16::try_from(slots.others).ok().and_then(|others| first.size.checked_sub(others));
        if let Some(own) = own {
            check_fragment(&first, own)?;
        }
        slots.first = own;
        Ok(slots)
    }

    fn next(&mut self, slots: &Slots) -> Result<netif_tx_request, ProtocolError> {
        let incomplete =
            || ProtocolError::Incomplete { ring: TX, slots: slots.fragments + slots.extras };
        self.ring.take()?.ok_or_else(incomplete)
    }

    fn copy(&mut self, slots: &Slots, buffer: &mut [u8]) -> Result<TxPacket, BadPacket> {
        let [first, others @ ..] = &slots.requests;
        let others = others.get(..slots.fragments - 1).unwrap_or_default();
        let bad_size = BadPacket::Size { packet: first.size, fragments: slots.others };
        let own = slots.first.ok_or(bad_size)?;
        if usize::from(first.size) < MIN_PACKET && slots.info.multicast.is_none() {
            return Err(BadPacket::TooShort(first.size));
        }
        let packet = buffer.get_mut(..usize::from(first.size));
        let mut packet = packet.ok_or(BadPacket::TooLong(first.size))?;
        for (request, size) in core::iter::once((first, own))
            .chain(others.iter().map(|request| (request, request.size)))
        {
            // The sizes add up to that of the packet.
            let (now, later) = packet.split_at_mut(usize::from(size).min(packet.len()));
            if !now.is_empty() {
                let read = self.grants.read(request.gref, usize::from(request.offset), now);
                read.map_err(|_| BadPacket::Grant(request.gref))?;
            }
            packet = later;
        }
        Ok(TxPacket { size: usize::from(first.size), info: slots.info })
    }

    fn answer(&mut self, id: u16, status: i16) {
        // Each answer is for a request that was taken.
        let _ = self.ring.put(&netif_tx_response { id, status });
    }

    /// Shows the front end all answers, and returns whether to notify it.
    #[must_use = "if true, notify the peer"]
    pub fn push(&mut self) -> bool {
        self.ring.push()
    }

    /// To be called before waiting for an event: see [`ring::Back::final_check`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn final_check(&mut self) -> Result<bool, BadIndex> {
        self.ring.final_check()
    }

    /// Returns the pages, the access to grants, and whether to notify the peer.
    pub fn detach(self) -> (M, G, bool) {
        let (pages, notify) = self.ring.detach();
        (pages, self.grants, notify)
    }
}

fn check_fragment(request: &netif_tx_request, size: u16) -> Result<(), ProtocolError> {
    if usize::from(request.offset) + usize::from(size) > PAGE_SIZE {
        return Err(ProtocolError::Fragment { ring: TX, offset: request.offset, size });
    }
    Ok(())
}

impl<M: Pages, G: GrantAccess> fmt::Debug for TxBack<M, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TxBack").field("ring", &self.ring).finish_non_exhaustive()
    }
}
