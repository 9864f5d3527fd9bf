//! The front end of a transmit ring.

use core::fmt;

use xen_abi::grant_table::grant_ref_t;
use xen_abi::io::netif::{
    NETIF_RSP_DROPPED, NETIF_RSP_NULL, NETIF_RSP_OKAY, NETTXF_extra_info, NETTXF_more_data,
    NetTxFlags, XEN_NETIF_MAX_TX_SIZE, netif_tx_request,
};
use xen_ops::Failed;
use xen_ops::page::PAGE_SIZE;

use super::error::{ProtocolError, SendError};
use super::info::{PacketInfo, entry_of};
use super::{MAX_FRAGMENTS, TX};
use crate::error::{AttachError, BadIndex};
use crate::pages::Pages;
use crate::ring;
use crate::ring::protocols::NetifTx;

/// Bytes of a packet that lie in one granted page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    grant: grant_ref_t,
    offset: u16,
    size: u16,
}

impl Fragment {
    /// `size` bytes from `offset` on in the page with this grant. `None` if they are not inside a page.
    #[must_use]
    pub const fn new(grant: grant_ref_t, offset: usize, size: usize) -> Option<Self> {
        if offset > PAGE_SIZE || size > PAGE_SIZE - offset {
            return None;
        }
        Some(Self { grant, offset: offset as u16, size: size as u16 })
    }
}

/// A packet that the back end has done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent<T> {
    /// What became of it.
    pub status: SentStatus,
    /// What was kept for it.
    pub kept: T,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentStatus {
    /// The back end took it.
    Okay,
    /// The back end dropped it.
    Dropped,
    /// The back end refused it, with this status.
    Error(i16),
}

/// The front end of a transmit ring in the pages `M`, with at most `N` fragments on their way. It keeps a
/// `T` for each packet: what must live as long as the back end may read it, its grants.
///
/// `N` is best the number of entries of the ring: 256 for a page.
pub struct TxFront<M: Pages, T, const N: usize = 256> {
    ring: ring::Front<NetifTx, M>,
    /// For each id that is on its way, the first id of its packet.
    slots: [Option<u16>; N],
    /// Packets that are on their way, by their first id.
    packets: [Option<Packet<T>>; N],
    /// Ids that are not in use: the first `free` of these.
    ids: [u16; N],
    free: usize,
    /// Slots with extra information that are on their way. Their responses have no id.
    extras: usize,
}

struct Packet<T> {
    fragments: usize,
    status: SentStatus,
    kept: T,
}

impl<M: Pages, T, const N: usize> TxFront<M, T, N> {
    /// The front end of an empty ring in these pages.
    ///
    /// # Errors
    ///
    /// As [`ring::Front::new`].
    pub fn new(pages: M) -> Result<Self, Failed<AttachError, M>> {
        const { assert!(N > 0 && N <= 1 << 16, "an id has 16 bits") };
        Ok(Self {
            ring: ring::Front::new(pages)?,
            slots: [None; N],
            packets: [const { None }; N],
            ids: core::array::from_fn(|id| id as u16),
            free: N,
            extras: 0,
        })
    }

    /// The pages of the ring.
    pub const fn pages(&self) -> &M {
        self.ring.pages()
    }

    /// Sends a packet, whose bytes are those of the fragments in their order. The back end does not see it
    /// before [`push`](Self::push).
    ///
    /// # Errors
    ///
    /// [`SendError`]; what was to be kept is returned.
    pub fn send(
        &mut self,
        fragments: &[Fragment],
        info: &PacketInfo,
        keep: T,
    ) -> Result<(), Failed<SendError, T>> {
        let size: usize = fragments.iter().map(|fragment| usize::from(fragment.size)).sum();
        let extras = info.extras();
        let count = extras.len();
        let [first, others @ ..] = fragments else {
            return Err(Failed::returning(SendError::Fragments(0), keep));
        };
        let error = if fragments.len() > MAX_FRAGMENTS {
            Some(SendError::Fragments(fragments.len()))
        } else if size > XEN_NETIF_MAX_TX_SIZE as usize {
            Some(SendError::TooLong(size))
        } else if self.free < fragments.len()
            || (self.ring.free_requests() as usize) < fragments.len() + count
        {
            Some(SendError::Full)
        } else {
            None
        };
        if let Some(error) = error {
            return Err(Failed::returning(error, keep));
        }

        let mut flags = info.tx_flags();
        if count > 0 {
            flags |= NETTXF_extra_info;
        }
        // The first request says how large the packet is; its own fragment is what the others leave.
        let head = self.take_id();
        self.put_fragment(head, head, first, size as u16, flags, !others.is_empty());
        for extra in extras {
            self.put(&entry_of(&extra));
            self.extras += 1;
        }
        for (index, fragment) in others.iter().enumerate() {
            let (id, none) = (self.take_id(), NetTxFlags::empty());
            self.put_fragment(id, head, fragment, fragment.size, none, index + 1 < others.len());
        }
        if let Some(place) = self.packets.get_mut(usize::from(head)) {
            let packet =
                Packet { fragments: fragments.len(), status: SentStatus::Okay, kept: keep };
            *place = Some(packet);
        }
        Ok(())
    }

    fn put_fragment(
        &mut self,
        id: u16,
        head: u16,
        fragment: &Fragment,
        size: u16,
        flags: NetTxFlags,
        more: bool,
    ) {
        let Fragment { grant: gref, offset, .. } = *fragment;
        let flags = if more { flags | NETTXF_more_data } else { flags };
        self.put(&netif_tx_request { gref, offset, flags, id, size });
        if let Some(slot) = self.slots.get_mut(usize::from(id)) {
            *slot = Some(head);
        }
    }

    fn put(&mut self, request: &netif_tx_request) {
        // The free entries were counted.
        let _ = self.ring.put(request);
    }

    /// An unused id. There is one: they were counted.
    fn take_id(&mut self) -> u16 {
        self.free = self.free.saturating_sub(1);
        self.ids.get(self.free).copied().unwrap_or_default()
    }

    fn free_id(&mut self, id: u16) {
        if let Some(place) = self.ids.get_mut(self.free) {
            *place = id;
            self.free += 1;
        }
    }

    /// Shows the back end all packets that were sent, and returns whether to notify it.
    #[must_use = "if true, notify the peer"]
    pub fn push(&mut self) -> bool {
        self.ring.push()
    }

    /// The next packet that the back end has done with, or `None`. Packets complete in any order.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] if the back end answers what was not sent. Close the device then.
    pub fn complete(&mut self) -> Result<Option<Sent<T>>, ProtocolError> {
        while let Some(response) = self.ring.take()? {
            let (id, status) = (response.id, response.status);
            if status == NETIF_RSP_NULL {
                let left = self.extras.checked_sub(1);
                self.extras = left.ok_or(ProtocolError::Null { ring: TX })?;
                continue;
            }
            let unexpected = ProtocolError::Id { ring: TX, id };
            let slot = self.slots.get_mut(usize::from(id)).and_then(Option::take);
            let head = slot.ok_or(unexpected)?;
            let packet = self.packets.get_mut(usize::from(head)).and_then(Option::take);
            let packet = packet.ok_or(unexpected)?;
            let status = match status {
                NETIF_RSP_OKAY => packet.status,
                NETIF_RSP_DROPPED if packet.status == SentStatus::Okay => SentStatus::Dropped,
                NETIF_RSP_DROPPED => packet.status,
                status => SentStatus::Error(status),
            };
            // The first id is in use as long as the packet is.
            if id != head {
                self.free_id(id);
            }
            let fragments = packet.fragments - 1;
            if fragments == 0 {
                self.free_id(head);
                return Ok(Some(Sent { status, kept: packet.kept }));
            }
            let packet = Packet { fragments, status, kept: packet.kept };
            if let Some(place) = self.packets.get_mut(usize::from(head)) {
                *place = Some(packet);
            }
        }
        Ok(None)
    }

    /// To be called before waiting for an event: see [`ring::Front::final_check`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn final_check(&mut self) -> Result<bool, BadIndex> {
        self.ring.final_check()
    }

    /// How many packets are on their way.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.packets.iter().flatten().count()
    }

    /// Returns the pages of the ring, and what was kept for packets that are not complete. The back end may
    /// still use what those grant.
    pub fn detach(self) -> (M, impl Iterator<Item = T>) {
        let kept = self.packets.into_iter().flatten().map(|packet| packet.kept);
        (self.ring.detach().0, kept)
    }
}

impl<M: Pages, T, const N: usize> fmt::Debug for TxFront<M, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TxFront")
            .field("ring", &self.ring)
            .field("outstanding", &self.outstanding())
            .finish_non_exhaustive()
    }
}
