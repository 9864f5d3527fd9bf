//! The FIFO ABI: one event word for each port, in an array the guest grows a frame at a time, linked
//! into a queue for each priority.

use crate::event_channel::{
    EVTCHN_FIFO_BUSY, EVTCHN_FIFO_LINK_MASK, EVTCHN_FIFO_LINKED, EVTCHN_FIFO_MASKED,
    EVTCHN_FIFO_NR_CHANNELS, EVTCHN_FIFO_PENDING, event_word_t, evtchn_port_t,
};
use crate::macros::Slot;
use crate::macros::slot::per_frame;

/// An event word's bit for an event that waits to be handled: bit `EVTCHN_FIFO_PENDING`.
pub const PENDING: event_word_t = 1 << EVTCHN_FIFO_PENDING;
/// An event word's bit for a port that raises nothing: bit `EVTCHN_FIFO_MASKED`.
pub const MASKED: event_word_t = 1 << EVTCHN_FIFO_MASKED;
/// An event word's bit for one that is in a queue: bit `EVTCHN_FIFO_LINKED`.
pub const LINKED: event_word_t = 1 << EVTCHN_FIFO_LINKED;
/// An event word's bit for one that Xen is about to change: bit `EVTCHN_FIFO_BUSY`.
pub const BUSY: event_word_t = 1 << EVTCHN_FIFO_BUSY;

/// Event words in a frame: 1024.
pub const WORDS_PER_FRAME: u32 = per_frame::<event_word_t>();
/// Frames the array can have: 128.
pub const MAX_FRAMES: u32 = EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_FRAME;

/// Where the event word of `port` lies, or `None` if the ABI has no such port.
///
/// ```
/// # use xen_abi::event_channel::evtchn_port_t;
/// # use xen_abi::macros::{Slot, event_channel::fifo::slot};
/// assert_eq!(slot(evtchn_port_t(1025)), Some(Slot { frame: 1, index: 1 }));
/// assert_eq!(slot(evtchn_port_t(1 << 17)), None);
/// ```
#[must_use]
pub const fn slot(port: evtchn_port_t) -> Option<Slot> {
    if port.0 < EVTCHN_FIFO_NR_CHANNELS { Some(Slot::of::<event_word_t>(port.0)) } else { None }
}

/// Frames the array needs for `ports` ports, each of which takes one `EVTCHNOP_expand_array`.
#[must_use]
pub const fn frames(ports: u32) -> u32 {
    ports.div_ceil(WORDS_PER_FRAME)
}

/// The next port in the queue of an event word, meaningful while [`LINKED`] is set; port 0 ends it.
///
/// `EVTCHN_FIFO_LINK_MASK` of `event_channel.h`.
#[must_use]
pub const fn link(word: event_word_t) -> evtchn_port_t {
    evtchn_port_t(word & EVTCHN_FIFO_LINK_MASK)
}

/// `word` with `port` as the next in its queue, or `None` if the ABI has no such port.
#[must_use]
pub const fn with_link(word: event_word_t, port: evtchn_port_t) -> Option<event_word_t> {
    if port.0 < EVTCHN_FIFO_NR_CHANNELS {
        Some(word & !EVTCHN_FIFO_LINK_MASK | port.0)
    } else {
        None
    }
}
