//! The back end of a receive ring.

use core::fmt;

use xen_abi::io::netif::{
    NETIF_RSP_ERROR, NETRXF_extra_info, NETRXF_more_data, NetRxFlags, XEN_NETIF_MAX_TX_SIZE,
    netif_rx_response,
};
use xen_ops::Failed;
use xen_ops::page::PAGE_SIZE;

use super::info::{PacketInfo, entry_of};
use crate::error::{AttachError, BadIndex};
use crate::grants::GrantAccess;
use crate::pages::Pages;
use crate::ring;
use crate::ring::protocols::NetifRx;

/// The back end of a receive ring in the pages `M`, whose packets are written through `G`.
pub struct RxBack<M: Pages, G: GrantAccess> {
    ring: ring::Back<NetifRx, M>,
    grants: G,
}

/// What became of a packet for the front end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a packet that was not delivered may be sent again"]
pub enum Delivery {
    /// The front end gets it.
    Delivered,
    /// The front end has not posted enough buffers. It is asked to notify when it has. Packets that are not
    /// pushed hold buffers too.
    NoBuffers,
    /// A page that the front end has posted cannot be written. It was told so, and the packet is lost.
    Refused,
    /// The packet is empty, has more than 65535 bytes, or takes more buffers than the ring has.
    BadSize,
}

impl<M: Pages, G: GrantAccess> RxBack<M, G> {
    /// The back end of the ring in these pages. Buffers that another back end has taken and not answered are
    /// taken again.
    ///
    /// # Errors
    ///
    /// As [`ring::Back::attach`].
    pub fn attach(pages: M, grants: G) -> Result<Self, Failed<AttachError, M>> {
        Ok(Self { ring: ring::Back::attach(pages)?, grants })
    }

    /// Copies a packet into buffers that the front end has posted, if there are enough. The front end does
    /// not see it before [`push`](Self::push).
    ///
    /// # Errors
    ///
    /// [`BadIndex`] if the peer's index is not possible. Close the device then.
    pub fn send(&mut self, packet: &[u8], info: &PacketInfo) -> Result<Delivery, BadIndex> {
        let extras = info.extras();
        let slots = packet.len().div_ceil(PAGE_SIZE) + extras.len();
        let is_possible = !packet.is_empty()
            && packet.len() <= XEN_NETIF_MAX_TX_SIZE as usize
            && slots <= self.ring.size() as usize;
        if !is_possible {
            return Ok(Delivery::BadSize);
        }
        let slots = slots as u32;
        if !self.ring.final_check_for(slots)? || self.ring.available()? < slots {
            return Ok(Delivery::NoBuffers);
        }
        let mut flags = info.rx_flags();
        if extras.len() > 0 {
            flags |= NETRXF_extra_info;
        }
        let mut extras = Some(extras);
        let mut delivery = Delivery::Delivered;
        let mut chunks = packet.chunks(PAGE_SIZE).peekable();
        while let Some(chunk) = chunks.next() {
            let last = chunks.peek().is_none();
            let more = if last { NetRxFlags::empty() } else { NETRXF_more_data };
            if !self.fill(chunk, flags | more)? {
                delivery = Delivery::Refused;
            }
            flags = NetRxFlags::empty();
            // Extra information comes after the first slot, each in the slot of a buffer.
            for extra in extras.take().into_iter().flatten() {
                self.ring.take()?;
                let _ = self.ring.put(&entry_of(&extra));
            }
        }
        Ok(delivery)
    }

    /// Copies bytes into the next buffer and answers it. False if the buffer cannot be written.
    fn fill(&mut self, bytes: &[u8], flags: NetRxFlags) -> Result<bool, BadIndex> {
        // There are enough: they were counted.
        let Some(request) = self.ring.take()? else { return Ok(false) };
        let written = self.grants.write(request.gref, 0, bytes).is_ok();
        let status = if written { bytes.len() as i16 } else { NETIF_RSP_ERROR };
        let response = netif_rx_response { id: request.id, offset: 0, flags, status };
        let _ = self.ring.put(&response);
        Ok(written)
    }

    /// Shows the front end all packets that were sent, and returns whether to notify it.
    #[must_use = "if true, notify the peer"]
    pub fn push(&mut self) -> bool {
        self.ring.push()
    }

    /// Returns the pages, the access to grants, and whether to notify the peer.
    pub fn detach(self) -> (M, G, bool) {
        let (pages, notify) = self.ring.detach();
        (pages, self.grants, notify)
    }
}

impl<M: Pages, G: GrantAccess> fmt::Debug for RxBack<M, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RxBack").field("ring", &self.ring).finish_non_exhaustive()
    }
}
