//! What the kernel does when a page goes.

use std::marker::PhantomData;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::linux::gntdev::{UNMAP_NOTIFY_CLEAR_BYTE, UNMAP_NOTIFY_SEND_EVENT};
use xen_ops::view::ReadWrite;

/// What the kernel does when a page is unmapped, even because the process has died: how the other
/// domain learns of it.
///
/// ```
/// use xen_abi::event_channel::evtchn_port_t;
/// use xen_linux::notify::UnmapNotify;
/// use xen_ops::view::ReadOnly;
///
/// // The byte at offset 16 becomes 0, and then an event is sent.
/// let both = UnmapNotify::clear_byte(16).and_send_event(evtchn_port_t(9));
/// // Nothing can be written to a page that is mapped for reading.
/// let event = UnmapNotify::<ReadOnly>::event(evtchn_port_t(9));
/// # let _ = (both, event);
/// ```
///
/// ```compile_fail
/// use xen_linux::notify::UnmapNotify;
/// use xen_ops::view::ReadOnly;
///
/// let byte = UnmapNotify::<ReadOnly>::byte(16);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnmapNotify<Access = ReadWrite> {
    byte: Option<usize>,
    event: Option<evtchn_port_t>,
    access: PhantomData<Access>,
}

impl<Access> UnmapNotify<Access> {
    /// Nothing, as without any call.
    pub const NOTHING: Self = Self { byte: None, event: None, access: PhantomData };

    /// Sends an event by `port`, a local port that the process holds through `/dev/xen/evtchn`. The
    /// kernel keeps the port open until then.
    #[must_use]
    pub const fn send_event(port: evtchn_port_t) -> Self {
        Self { event: Some(port), ..Self::NOTHING }
    }

    /// Sends an event by `port` too.
    #[must_use]
    pub const fn and_send_event(self, port: evtchn_port_t) -> Self {
        Self { event: Some(port), ..self }
    }

    /// The action as the kernel has it.
    pub(crate) fn action(&self) -> u32 {
        let byte = self.byte.map_or(0, |_| UNMAP_NOTIFY_CLEAR_BYTE);
        let event = self.event.map_or(0, |_| UNMAP_NOTIFY_SEND_EVENT);
        byte | event
    }

    /// Offset of the byte in its page, 0 without one.
    pub(crate) fn offset(&self) -> usize {
        self.byte.unwrap_or_default()
    }

    /// The port as the kernel has it, 0 without one.
    pub(crate) fn port(&self) -> u32 {
        self.event.map_or(0, |port| port.0)
    }
}

impl UnmapNotify<ReadWrite> {
    /// Sets the byte at `offset` of the page to 0.
    #[must_use]
    pub const fn clear_byte(offset: usize) -> Self {
        Self { byte: Some(offset), ..Self::NOTHING }
    }
}
