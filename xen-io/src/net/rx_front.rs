//! The front end of a receive ring.

use core::fmt;
use core::ops::Range;

use xen_abi::grant_table::grant_ref_t;
use xen_abi::io::netif::{
    NETRXF_extra_info, NETRXF_more_data, netif_rx_request, netif_rx_response,
};
use xen_ops::Failed;
use xen_ops::page::PAGE_SIZE;

use super::error::ProtocolError;
use super::info::{MAX_EXTRAS, PacketInfo, extra_of};
use super::{MAX_FRAGMENTS, RX};
use crate::error::{AttachError, BadIndex};
use crate::pages::Pages;
use crate::ring::protocols::NetifRx;
use crate::ring::{self, Full};

/// The largest number of buffers that a packet takes.
const MAX_SLOTS: usize = MAX_FRAGMENTS + MAX_EXTRAS;

/// A buffer that the back end has used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RxBuffer<T> {
    /// What was kept for it.
    pub kept: T,
    /// Which bytes of its page are the packet's. Empty if none are: the back end had to say something else
    /// in its slot, or could not write to it.
    pub data: Range<usize>,
}

/// A packet from the back end.
pub struct RxPacket<T> {
    buffers: [Option<RxBuffer<T>>; MAX_SLOTS],
    size: usize,
    error: Option<i16>,
    info: PacketInfo,
}

impl<T> RxPacket<T> {
    /// How many bytes it has. It may be more than 65535.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// The status with which the back end gave up on the packet, if it did. Its bytes are of no use then.
    #[must_use]
    pub const fn error(&self) -> Option<i16> {
        self.error
    }

    /// What is known of the packet besides its bytes.
    #[must_use]
    pub const fn info(&self) -> &PacketInfo {
        &self.info
    }

    /// The buffers, whose data in this order are the packet.
    pub fn into_buffers(self) -> impl Iterator<Item = RxBuffer<T>> {
        self.buffers.into_iter().flatten()
    }
}

/// The front end of a receive ring in the pages `M`, with at most `N` buffers. It keeps a `T` for each
/// buffer: what must live as long as the back end may write to it, its grant.
///
/// `N` is best the number of entries of the ring: 256 for a page.
pub struct RxFront<M: Pages, T, const N: usize = 256> {
    ring: ring::Front<NetifRx, M>,
    /// Responses come in the order of the requests, so this is a queue: the oldest is at `first`.
    buffers: [Option<T>; N],
    first: usize,
    count: usize,
}

impl<M: Pages, T, const N: usize> RxFront<M, T, N> {
    /// The front end of an empty ring in these pages.
    ///
    /// # Errors
    ///
    /// As [`ring::Front::new`].
    pub fn new(pages: M) -> Result<Self, Failed<AttachError, M>> {
        const { assert!(N > 0 && N <= 1 << 16, "an id has 16 bits") };
        let ring = ring::Front::new(pages)?;
        Ok(Self { ring, buffers: [const { None }; N], first: 0, count: 0 })
    }

    /// The pages of the ring.
    pub const fn pages(&self) -> &M {
        self.ring.pages()
    }

    /// How many buffers can be posted.
    #[must_use]
    pub fn free(&self) -> usize {
        (N - self.count).min(self.ring.free_requests() as usize)
    }

    /// Posts a page for the back end to write to. It does not see it before [`push`](Self::push).
    ///
    /// A packet needs a buffer for each 4096 bytes, and one for extra information. The back end may wait
    /// until there are enough for the largest packet.
    ///
    /// # Errors
    ///
    /// [`Full`]; what was to be kept is returned.
    pub fn post(&mut self, gref: grant_ref_t, keep: T) -> Result<(), Failed<Full, T>> {
        if self.free() == 0 {
            return Err(Failed::returning(Full, keep));
        }
        let index = (self.first + self.count) % N;
        let request = netif_rx_request { id: index as u16, pad: 0, gref };
        if self.ring.put(&request).is_err() {
            return Err(Failed::returning(Full, keep));
        }
        if let Some(place) = self.buffers.get_mut(index) {
            *place = Some(keep);
        }
        self.count += 1;
        Ok(())
    }

    /// Shows the back end all buffers that were posted, and returns whether to notify it. A back end may
    /// only count on being notified if `feature-rx-notify` is in the front end's xenstore directory.
    #[must_use = "if true, notify the peer"]
    pub fn push(&mut self) -> bool {
        self.ring.push()
    }

    /// The next packet, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] if the slots do not make packets. Close the device then; all buffers are still kept.
    pub fn take(&mut self) -> Result<Option<RxPacket<T>>, ProtocolError> {
        let Some(first) = self.ring.take()? else { return Ok(None) };
        let mut packet = RxPacket {
            buffers: [const { None }; MAX_SLOTS],
            size: 0,
            error: None,
            info: PacketInfo::from_rx_flags(first.flags),
        };
        let mut used: [Range<usize>; MAX_SLOTS] = [const { 0..0 }; MAX_SLOTS];
        let mut slots = 0;
        let mut use_slot = |slots: &mut usize, data| {
            if let Some(place) = used.get_mut(*slots) {
                *place = data;
            }
            *slots += 1;
        };

        use_slot(&mut slots, self.fragment(&first, 0, &mut packet)?);
        let mut more_extras = first.flags.contains(NETRXF_extra_info);
        while more_extras {
            if slots > MAX_EXTRAS {
                return Err(ProtocolError::Extras { ring: RX });
            }
            let extra = extra_of(&self.next(slots)?);
            use_slot(&mut slots, 0..0);
            more_extras = packet.info.add(RX, &extra)?;
        }
        let extras = slots - 1;
        let mut more = first.flags.contains(NETRXF_more_data);
        while more {
            let response = self.next(slots)?;
            if slots - extras == MAX_FRAGMENTS {
                return Err(ProtocolError::Fragments { ring: RX });
            }
            let data = self.fragment(&response, slots, &mut packet)?;
            use_slot(&mut slots, data);
            more = response.flags.contains(NETRXF_more_data);
        }

        // Everything is checked: the buffers are the caller's again.
        for (place, data) in packet.buffers.iter_mut().zip(used).take(slots) {
            *place = self.take_buffer().map(|kept| RxBuffer { kept, data });
        }
        Ok(Some(packet))
    }

    fn next(&mut self, slots: usize) -> Result<netif_rx_response, ProtocolError> {
        self.ring.take()?.ok_or(ProtocolError::Incomplete { ring: RX, slots })
    }

    /// The bytes of a fragment in the `slot`th buffer of the packet.
    fn fragment(
        &self,
        response: &netif_rx_response,
        slot: usize,
        packet: &mut RxPacket<T>,
    ) -> Result<Range<usize>, ProtocolError> {
        let netif_rx_response { id, offset, status, .. } = *response;
        if usize::from(id) != (self.first + slot) % N || slot >= self.count {
            return Err(ProtocolError::Id { ring: RX, id });
        }
        let Ok(size) = u16::try_from(status) else {
            packet.error = Some(status);
            return Ok(0..0);
        };
        let (start, end) = (usize::from(offset), usize::from(offset) + usize::from(size));
        if end > PAGE_SIZE {
            return Err(ProtocolError::Fragment { ring: RX, offset, size });
        }
        packet.size += usize::from(size);
        Ok(start..end)
    }

    fn take_buffer(&mut self) -> Option<T> {
        let kept = self.buffers.get_mut(self.first).and_then(Option::take)?;
        self.first = (self.first + 1) % N;
        self.count -= 1;
        Some(kept)
    }

    /// To be called before waiting for an event: see [`ring::Front::final_check`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn final_check(&mut self) -> Result<bool, BadIndex> {
        self.ring.final_check()
    }

    /// Returns the pages of the ring, and what was kept for buffers that were not used. The back end may
    /// still use what those grant.
    pub fn detach(self) -> (M, impl Iterator<Item = T>) {
        (self.ring.detach().0, self.buffers.into_iter().flatten())
    }
}

impl<T> fmt::Debug for RxPacket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RxPacket")
            .field("size", &self.size)
            .field("error", &self.error)
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl<M: Pages, T, const N: usize> fmt::Debug for RxFront<M, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RxFront")
            .field("ring", &self.ring)
            .field("buffers", &self.count)
            .finish_non_exhaustive()
    }
}
