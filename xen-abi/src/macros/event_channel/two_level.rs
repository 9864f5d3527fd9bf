//! The 2-level ABI: bitmaps of words in `shared_info`, and in each vCPU a selector with one bit for
//! each word.
//!
//! The word is `xen_ulong_t`: `u32` for guests of 32-bit x86, `u64` for all others.

use crate::event_channel::evtchn_port_t;
use crate::macros::Word;

/// The bit of a port in `shared_info.evtchn_pending` and `evtchn_mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which word; also its bit in `vcpu_info.evtchn_pending_sel`.
    pub word: u32,
    /// Which bit of the word, counted from the least significant.
    pub bit: u32,
}

/// Ports there are with words of type `W`: 1024 or 4096.
///
/// `EVTCHN_2L_NR_CHANNELS` of `event_channel.h`, for either width.
#[must_use]
pub const fn channels<W: Word>() -> u32 {
    W::BITS * W::BITS
}

#[cfg(not(target_arch = "x86"))]
const _: () = assert!(channels::<u64>() as usize == NR_CHANNELS);
#[cfg(target_arch = "x86")]
const _: () = assert!(channels::<u32>() as usize == NR_CHANNELS);
const NR_CHANNELS: usize = crate::event_channel::EVTCHN_2L_NR_CHANNELS as usize;

/// The place of `port`, or `None` if the ABI has no such port.
///
/// ```
/// # use xen_abi::event_channel::evtchn_port_t;
/// # use xen_abi::macros::event_channel::two_level::{Place, place};
/// assert_eq!(place::<u64>(evtchn_port_t(65)), Some(Place { word: 1, bit: 1 }));
/// assert_eq!(place::<u32>(evtchn_port_t(1024)), None);
/// ```
#[must_use]
pub const fn place<W: Word>(port: evtchn_port_t) -> Option<Place> {
    if port.0 < channels::<W>() {
        Some(Place { word: port.0 / W::BITS, bit: port.0 % W::BITS })
    } else {
        None
    }
}

/// The port at `place`, or `None` if there is no such place.
#[must_use]
pub const fn port<W: Word>(place: Place) -> Option<evtchn_port_t> {
    if place.word < W::BITS && place.bit < W::BITS {
        Some(evtchn_port_t(place.word * W::BITS + place.bit))
    } else {
        None
    }
}
