//! What the kernel does when a page is unmapped.

use std::marker::PhantomData;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::linux::gntalloc::{
    UNMAP_NOTIFY_CLEAR_BYTE, UNMAP_NOTIFY_SEND_EVENT, UnmapNotifyFlags,
};

use crate::ReadWrite;

/// What the kernel does when a page is unmapped, even because the process has died: it tells the other
/// domain.
///
/// The access is that of the mapping, and is inferred from it.
///
/// ```no_run
/// use xen_linux::{Mapping, ReadOnly, ReadWrite, UnmapNotify, evtchn_port_t};
///
/// # fn notify(ring: Mapping<ReadWrite>, data: Mapping<ReadOnly>) -> Result<(), xen_linux::Error> {
/// // The byte at offset 16 becomes 0, and then an event is sent.
/// ring.notify(0, UnmapNotify::clear_byte(16).and_send_event(evtchn_port_t(9)))?;
/// // A page that is mapped for reading cannot be written.
/// data.notify(0, UnmapNotify::send_event(evtchn_port_t(9)))?;
/// # Ok(())
/// # }
/// ```
///
/// ```compile_fail,E0308
/// use xen_linux::{Mapping, ReadOnly, UnmapNotify};
///
/// # fn notify(data: Mapping<ReadOnly>) {
/// data.notify(0, UnmapNotify::clear_byte(16));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnmapNotify<A = ReadWrite> {
    byte: Option<usize>,
    event: Option<evtchn_port_t>,
    access: PhantomData<A>,
}

impl<A> UnmapNotify<A> {
    /// Nothing, as if no notification were set.
    pub const NOTHING: Self = Self { byte: None, event: None, access: PhantomData };

    /// Sends an event through `port`, a local port that a process has bound through `/dev/xen/evtchn`.
    /// The kernel keeps the port open until then.
    #[must_use]
    pub const fn send_event(port: evtchn_port_t) -> Self {
        Self { event: Some(port), ..Self::NOTHING }
    }

    /// Also sends an event through `port`.
    #[must_use]
    pub const fn and_send_event(self, port: evtchn_port_t) -> Self {
        Self { event: Some(port), ..self }
    }

    /// `UNMAP_NOTIFY_*`.
    pub(crate) fn action(&self) -> UnmapNotifyFlags {
        let byte = self.byte.map(|_| UNMAP_NOTIFY_CLEAR_BYTE).unwrap_or_default();
        let event = self.event.map(|_| UNMAP_NOTIFY_SEND_EVENT).unwrap_or_default();
        byte | event
    }

    /// Offset of the byte in its page, 0 without one.
    pub(crate) fn offset(&self) -> usize {
        self.byte.unwrap_or_default()
    }

    /// The port, 0 without one.
    pub(crate) fn port(&self) -> evtchn_port_t {
        self.event.unwrap_or_default()
    }
}

impl UnmapNotify<ReadWrite> {
    /// Sets the byte at `offset` of the page to 0.
    #[must_use]
    pub const fn clear_byte(offset: usize) -> Self {
        Self { byte: Some(offset), ..Self::NOTHING }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_actions_are_set() {
        let both = UnmapNotify::clear_byte(16).and_send_event(evtchn_port_t(9));
        assert_eq!((both.action().bits(), both.offset(), both.port()), (3, 16, evtchn_port_t(9)));
        let event = UnmapNotify::<ReadWrite>::send_event(evtchn_port_t(9));
        assert_eq!((event.action().bits(), event.offset(), event.port()), (2, 0, evtchn_port_t(9)));
        let nothing = UnmapNotify::<ReadWrite>::NOTHING;
        assert_eq!((nothing.action().bits(), nothing.port()), (0, evtchn_port_t(0)));
    }
}
