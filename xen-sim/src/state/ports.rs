//! A domain's event channels: its ports, and which of them are pending.
//!
//! Until a guest has event queues, which ports are pending is Xen's knowledge here, not bits in the
//! shared information page: a guest asks by [`Domain::wait`](crate::Domain::wait) or
//! `SCHEDOP_poll`.

use std::collections::BTreeMap;
use std::ops::Range;

use xen_abi::errno::*;
use xen_abi::event_channel::*;
use xen_abi::xen::domid_t;

use crate::error::Answer;
use crate::state::fifo::Fifo;

/// Number of ports in the 2-level ABI, with port 0, which is never used.
const TWO_LEVEL: u32 = EVTCHN_2L_NR_CHANNELS as u32;

/// What a port is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Unbound(domid_t),
    Interdomain(domid_t, u32),
    Virq(u32),
    /// A physical interrupt's number that an HVM or PVH domain has bound.
    Pirq(u32),
    Ipi,
}

#[derive(Clone, Copy, Debug)]
struct Port {
    end: End,
    /// Without queues, whether an event is pending. With queues, whether one is pending and the
    /// port has no event word yet.
    pending: bool,
    /// The queue for its next event, and the one that it was in last.
    priority: u32,
    queue: u32,
}

/// A domain's ports.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    open: BTreeMap<u32, Port>,
    /// The highest number that has ever been open.
    highest: u32,
    fifo: Option<Fifo>,
}

impl Ports {
    /// What an open port is bound to.
    pub(crate) fn end(&self, port: u32) -> Option<End> {
        self.open.get(&port).map(|port| port.end)
    }

    /// Binds an open port to something else.
    pub(crate) fn set_end(&mut self, port: u32, end: End) {
        if let Some(port) = self.open.get_mut(&port) {
            port.end = end;
        }
    }

    /// Numbers of the open ports.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.open.keys().copied()
    }

    /// The port that a virtual interrupt is bound to.
    pub(crate) fn port_of_virq(&self, virq: u32) -> Option<u32> {
        let mut ports = self.open.iter();
        ports.find(|(_, port)| port.end == End::Virq(virq)).map(|(port, _)| *port)
    }

    /// Whether a port is bound to a physical interrupt's number.
    pub(crate) fn has_pirq(&self, pirq: u32) -> bool {
        self.open.values().any(|port| port.end == End::Pirq(pirq))
    }

    /// Whether an event is pending at `port`; false for a port that is not open.
    pub(crate) fn is_pending(&self, port: u32) -> bool {
        let queued = self.fifo.as_ref().is_some_and(|fifo| fifo.is_pending(port));
        self.open.get(&port).is_some_and(|port| port.pending || queued)
    }

    /// Whether an event is pending at any port.
    pub(crate) fn any_pending(&self) -> bool {
        self.open.keys().any(|port| self.is_pending(*port))
    }

    /// Clears the event that is pending at `port`. False if none was.
    pub(crate) fn take(&mut self, port: u32) -> bool {
        let queued = self.fifo.as_ref().is_some_and(|fifo| fifo.take(port));
        let port = self.open.get_mut(&port);
        port.is_some_and(|port| std::mem::take(&mut port.pending) || queued)
    }

    /// Makes an event pending at the port of a virtual interrupt. False if it is not bound.
    pub(crate) fn raise_virq(&mut self, virq: u32) -> bool {
        let Some(port) = self.port_of_virq(virq) else { return false };
        self.notify(port);
        true
    }

    /// The event queues, if the domain has turned to them.
    pub(crate) fn fifo(&self) -> Option<&Fifo> {
        self.fifo.as_ref()
    }

    /// The event queues, if the domain has turned to them.
    pub(crate) fn fifo_mut(&mut self) -> Option<&mut Fifo> {
        self.fifo.as_mut()
    }

    /// Turns from the 2-level ABI to event queues.
    pub(crate) fn use_fifo(&mut self, fifo: Fifo) {
        for port in self.open.values_mut() {
            port.priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
        }
        self.fifo = Some(fifo);
    }

    /// Turns back to the 2-level ABI.
    pub(crate) fn end_fifo(&mut self) -> Option<Fifo> {
        self.fifo.take()
    }

    /// Queues pending events of ports that have event words now.
    pub(crate) fn queue_pending(&mut self, ports: Range<u32>) {
        let pending = self.open.range(ports).filter(|(_, port)| port.pending);
        for port in pending.map(|(port, _)| *port).collect::<Vec<_>>() {
            self.notify(port);
        }
    }

    /// Chooses the queue for the next events of a port.
    pub(crate) fn set_priority(&mut self, port: u32, priority: u32) {
        if let Some(port) = self.open.get_mut(&port) {
            port.priority = priority;
        }
    }

    /// Whether a number can be a port's in the current ABI.
    fn is_port(&self, port: u32) -> bool {
        port < if self.fifo.is_some() { EVTCHN_FIFO_NR_CHANNELS } else { TWO_LEVEL }
    }

    /// Whether Xen has allocated the port: it does so for 64 at a time.
    pub(crate) fn is_known(&self, port: u32) -> bool {
        port <= self.highest | 63
    }

    /// The lowest port that is neither open nor still in a queue.
    pub(crate) fn free_port(&self) -> Answer<u32> {
        let linked = |port: u32| self.fifo.as_ref().is_some_and(|fifo| fifo.is_linked(port));
        let free = (1..).find(|port| !self.open.contains_key(port) && !linked(*port));
        free.filter(|port| self.is_port(*port)).ok_or(XEN_ENOSPC)
    }

    /// Opens a free port.
    pub(crate) fn open(&mut self, end: End) -> Answer<u32> {
        let free = self.free_port()?;
        let priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
        self.open.insert(free, Port { end, pending: false, priority, queue: 0 });
        self.highest = self.highest.max(free);
        Ok(free)
    }

    /// Closes a port. Returns what it was bound to.
    pub(crate) fn close(&mut self, port: u32) -> Option<End> {
        let closed = self.open.remove(&port)?;
        if let Some(fifo) = &self.fifo {
            fifo.take(port);
        }
        Some(closed.end)
    }

    /// Makes an event pending at a port, if that is open.
    pub(crate) fn notify(&mut self, number: u32) {
        let Some(port) = self.open.get_mut(&number) else { return };
        let queued = match &mut self.fifo {
            Some(fifo) => fifo.set_pending(number, port.priority, &mut port.queue),
            None => false,
        };
        port.pending = !queued;
    }
}
