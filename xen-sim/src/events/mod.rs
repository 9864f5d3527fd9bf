//! `event_channel_op`: ports between domains, and waiting for them.
//!
//! Until a guest has queues, which ports are pending is Xen's knowledge here, not bits in the shared
//! information page: a guest asks with [`Domain::wait`](crate::Domain::wait) or `SCHEDOP_poll`.

mod fifo;

use std::collections::BTreeMap;
use std::ops::Range;

use xen_abi::errno::*;
use xen_abi::event_channel::*;
use xen_abi::xen::*;

use crate::config::{GuestKind, Release};
use crate::error::{Answer, result};
use crate::events::fifo::Fifo;
use crate::machine::State;
use crate::transcript::Call;

/// Ports that a domain can have as bits, with number 0, which is none.
const BITS: u32 = EVTCHN_2L_NR_CHANNELS as u32;

/// What a port is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Unbound(domid_t),
    Interdomain(domid_t, u32),
    Virq(u32),
    Ipi,
}

#[derive(Clone, Copy, Debug)]
struct Port {
    end: End,
    /// As bits go; with queues, whether there is an event but no word for it yet.
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
    pub(crate) fifo: Option<Fifo>,
}

impl Ports {
    /// Whether an event waits at `port`; nothing does at one that is not open.
    pub(crate) fn is_pending(&self, port: u32) -> bool {
        let queued = self.fifo.as_ref().is_some_and(|fifo| fifo.is_pending(port));
        self.open.get(&port).is_some_and(|port| port.pending || queued)
    }

    /// Whether an event waits at any port.
    pub(crate) fn any_pending(&self) -> bool {
        self.open.keys().any(|port| self.is_pending(*port))
    }

    /// Takes the event that waits at `port`.
    pub(crate) fn take(&mut self, port: u32) -> bool {
        let queued = self.fifo.as_ref().is_some_and(|fifo| fifo.take(port));
        let port = self.open.get_mut(&port);
        port.is_some_and(|port| std::mem::take(&mut port.pending) || queued)
    }

    /// Makes an event wait at the port of a virtual interrupt. False if it has none.
    pub(crate) fn raise_virq(&mut self, virq: u32) -> bool {
        let port = self.open.iter().find(|(_, port)| port.end == End::Virq(virq));
        let Some((&port, _)) = port else { return false };
        self.notify(port);
        true
    }

    /// Turns from bits to queues.
    fn use_queues(&mut self, fifo: Fifo) {
        for port in self.open.values_mut() {
            port.priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
        }
        self.fifo = Some(fifo);
    }

    /// Queues events of ports that have words now.
    fn queue_waiting(&mut self, ports: Range<u32>) {
        let waiting = self.open.range(ports).filter(|(_, port)| port.pending);
        for port in waiting.map(|(port, _)| *port).collect::<Vec<_>>() {
            self.notify(port);
        }
    }

    /// Whether a port number can be one.
    fn is_port(&self, port: u32) -> bool {
        port < if self.fifo.is_some() { EVTCHN_FIFO_NR_CHANNELS } else { BITS }
    }

    /// Whether a port number is one that Xen knows: of a bucket of 64 in which one has been open.
    pub(crate) fn is_known(&self, port: u32) -> bool {
        port <= self.highest | 63
    }

    fn open(&mut self, end: End) -> Answer<u32> {
        // The first number that is not in use, nor in a queue from when it was.
        let linked = |port: u32| self.fifo.as_ref().is_some_and(|fifo| fifo.is_linked(port));
        let free = (1..).find(|port| !self.open.contains_key(port) && !linked(*port));
        let free = free.filter(|port| self.is_port(*port)).ok_or(XEN_ENOSPC)?;
        let priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
        self.open.insert(free, Port { end, pending: false, priority, queue: 0 });
        self.highest = self.highest.max(free);
        Ok(free)
    }

    fn notify(&mut self, number: u32) {
        let Some(port) = self.open.get_mut(&number) else { return };
        let queued = match &mut self.fifo {
            Some(fifo) => fifo.set_pending(number, port.priority, &mut port.queue),
            None => false,
        };
        port.pending = !queued;
    }
}

/// Whether a virtual interrupt belongs to a vCPU, not to the domain or the machine.
fn is_of_vcpu(virq: u32) -> bool {
    matches!(virq, VIRQ_TIMER | VIRQ_DEBUG | VIRQ_XENOPROF | VIRQ_XENPMU)
}

impl State {
    pub(crate) fn event_channel_op(&mut self, caller: domid_t, arguments: [usize; 5]) -> Call {
        // The command is a C int.
        let (command, at) = (arguments[0] as u32, arguments[1]);
        let (operation, answer) = match command {
            EVTCHNOP_alloc_unbound => ("EVTCHNOP_alloc_unbound", self.alloc_unbound(caller, at)),
            EVTCHNOP_bind_interdomain => {
                ("EVTCHNOP_bind_interdomain", self.bind_interdomain(caller, at))
            }
            EVTCHNOP_bind_virq => ("EVTCHNOP_bind_virq", self.bind_virq(caller, at)),
            // No interrupt of a device can be bound.
            EVTCHNOP_bind_pirq => {
                let arm = self.caller(caller).kind == GuestKind::Arm;
                let none = arm && self.release >= Release::V4_20;
                ("EVTCHNOP_bind_pirq", Err(if none { XEN_EOPNOTSUPP } else { XEN_EINVAL }))
            }
            EVTCHNOP_bind_ipi => ("EVTCHNOP_bind_ipi", self.bind_ipi(caller, at)),
            EVTCHNOP_close => ("EVTCHNOP_close", self.close_port(caller, at)),
            EVTCHNOP_send => ("EVTCHNOP_send", self.send_event(caller, at)),
            EVTCHNOP_status => ("EVTCHNOP_status", self.port_status(caller, at)),
            EVTCHNOP_bind_vcpu => ("EVTCHNOP_bind_vcpu", self.bind_vcpu(caller, at)),
            EVTCHNOP_unmask => ("EVTCHNOP_unmask", self.unmask(caller, at)),
            EVTCHNOP_init_control => ("EVTCHNOP_init_control", self.init_control(caller, at)),
            EVTCHNOP_expand_array => ("EVTCHNOP_expand_array", self.expand_array(caller, at)),
            EVTCHNOP_set_priority => ("EVTCHNOP_set_priority", self.set_priority(caller, at)),
            EVTCHNOP_reset => ("EVTCHNOP_reset", self.reset_ports(caller, at)),
            _ => ("event_channel_op", Err(XEN_ENOSYS)),
        };
        Call {
            domain: caller,
            operation,
            count: None,
            result: result(answer),
            statuses: Vec::new(),
        }
    }

    fn alloc_unbound(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: evtchn_alloc_unbound = self.read(caller, at)?;
        let domid = self.any_domid(caller, op.dom).ok_or(XEN_ESRCH)?;
        let remote = if op.remote_dom == DOMID_SELF { caller } else { op.remote_dom };
        if !self.may_target(caller, domid) || !self.may_deal(caller, domid, remote) {
            return Err(XEN_EPERM);
        }
        let domain = self.domain_mut(domid).ok_or(XEN_ESRCH)?;
        op.port = evtchn_port_t(domain.ports.open(End::Unbound(remote))?);
        self.write(caller, at, op)?;
        Ok(0)
    }

    fn bind_interdomain(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: evtchn_bind_interdomain = self.read(caller, at)?;
        let remote = self.any_domid(caller, op.remote_dom).ok_or(XEN_ESRCH)?;
        let ports = &self.domain(remote).ok_or(XEN_ESRCH)?.ports;
        let there = ports.open.get(&op.remote_port.0).map(|port| port.end);
        if there != Some(End::Unbound(caller)) {
            return Err(XEN_EINVAL);
        }
        if !self.may_deal(caller, caller, remote) {
            return Err(XEN_EPERM);
        }
        let ports = &mut self.caller_mut(caller).ports;
        let local = ports.open(End::Interdomain(remote, op.remote_port.0))?;
        // An event may have been sent before there was anybody to get it.
        ports.notify(local);
        if let Some(domain) = self.domain_mut(remote) {
            if let Some(port) = domain.ports.open.get_mut(&op.remote_port.0) {
                port.end = End::Interdomain(caller, local);
            }
        }
        op.local_port = evtchn_port_t(local);
        self.write(caller, at, op)?;
        Ok(0)
    }

    fn bind_virq(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: evtchn_bind_virq = self.read(caller, at)?;
        if op.virq >= NR_VIRQS {
            return Err(XEN_EINVAL);
        }
        let of_vcpu = is_of_vcpu(op.virq);
        if !of_vcpu && op.vcpu != 0 {
            return Err(XEN_EINVAL);
        }
        if op.vcpu != 0 {
            return Err(XEN_ENOENT);
        }
        let domain = self.caller_mut(caller);
        let global = !of_vcpu && op.virq != VIRQ_ARGO;
        if global && !domain.privileged {
            return Err(XEN_EBUSY);
        }
        let end = End::Virq(op.virq);
        if domain.ports.open.values().any(|port| port.end == end) {
            return Err(XEN_EEXIST);
        }
        op.port = evtchn_port_t(domain.ports.open(end)?);
        self.write(caller, at, op)?;
        Ok(0)
    }

    fn bind_ipi(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: evtchn_bind_ipi = self.read(caller, at)?;
        if op.vcpu != 0 {
            return Err(XEN_ENOENT);
        }
        op.port = evtchn_port_t(self.caller_mut(caller).ports.open(End::Ipi)?);
        self.write(caller, at, op)?;
        Ok(0)
    }

    fn close_port(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: evtchn_close = self.read(caller, at)?;
        self.close(caller, op.port.0).ok_or(XEN_EINVAL)?;
        Ok(0)
    }

    fn close(&mut self, domid: domid_t, port: u32) -> Option<()> {
        let ports = &mut self.domain_mut(domid)?.ports;
        let closed = ports.open.remove(&port)?;
        if let Some(fifo) = &ports.fifo {
            fifo.take(port);
        }
        if let End::Interdomain(remote, port) = closed.end {
            let ports = self.domain_mut(remote).map(|domain| &mut domain.ports);
            if let Some(port) = ports.and_then(|ports| ports.open.get_mut(&port)) {
                port.end = End::Unbound(domid);
            }
        }
        Some(())
    }

    /// Closes all ports of a domain, which has bits again.
    pub(crate) fn close_all(&mut self, domid: domid_t) {
        let ports = self.domain(domid).map(|domain| domain.ports.open.keys().copied());
        let ports: Vec<u32> = ports.into_iter().flatten().collect();
        for port in ports {
            self.close(domid, port);
        }
        self.end_queues(domid);
    }

    fn send_event(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: evtchn_send = self.read(caller, at)?;
        let port = self.caller(caller).ports.open.get(&op.port.0).map(|port| port.end);
        match port.ok_or(XEN_EINVAL)? {
            End::Interdomain(remote, port) => {
                if let Some(domain) = self.domain_mut(remote) {
                    domain.ports.notify(port);
                }
            }
            End::Ipi => self.caller_mut(caller).ports.notify(op.port.0),
            // Nobody is there to be told.
            End::Unbound(_) => {}
            End::Virq(_) => return Err(XEN_EINVAL),
        }
        Ok(0)
    }

    fn port_status(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: evtchn_status = self.read(caller, at)?;
        let domid = self.any_domid(caller, op.dom).ok_or(XEN_ESRCH)?;
        if !self.domain(domid).is_some_and(|domain| domain.ports.is_known(op.port.0)) {
            return Err(XEN_EINVAL);
        }
        if !self.may_target(caller, domid) {
            return Err(XEN_EPERM);
        }
        let port = self.domain(domid).and_then(|domain| domain.ports.open.get(&op.port.0));
        op.vcpu = 0;
        op.status = match port.map(|port| port.end) {
            None => EVTCHNSTAT_closed,
            Some(End::Unbound(dom)) => {
                op.u.unbound_mut().dom = dom;
                EVTCHNSTAT_unbound
            }
            Some(End::Interdomain(dom, port)) => {
                op.u.interdomain_mut().dom = dom;
                op.u.interdomain_mut().port = evtchn_port_t(port);
                EVTCHNSTAT_interdomain
            }
            Some(End::Virq(virq)) => {
                *op.u.virq_mut() = virq;
                EVTCHNSTAT_virq
            }
            Some(End::Ipi) => EVTCHNSTAT_ipi,
        };
        self.write(caller, at, op)?;
        Ok(0)
    }

    /// There is one vCPU to choose, and some ports cannot.
    fn bind_vcpu(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: evtchn_bind_vcpu = self.read(caller, at)?;
        if op.vcpu != 0 {
            return Err(XEN_ENOENT);
        }
        match self.caller(caller).ports.open.get(&op.port.0).map(|port| port.end) {
            Some(End::Unbound(_) | End::Interdomain(..)) => Ok(0),
            Some(End::Virq(virq)) if !is_of_vcpu(virq) => Ok(0),
            _ => Err(XEN_EINVAL),
        }
    }

    /// A port is masked in its word only, so that there is nothing to do for bits.
    fn unmask(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: evtchn_unmask = self.read(caller, at)?;
        let ports = &mut self.caller_mut(caller).ports;
        if !ports.is_known(op.port.0) {
            return Err(XEN_EINVAL);
        }
        if ports.fifo.as_ref().is_some_and(|fifo| fifo.unmask(op.port.0)) {
            ports.notify(op.port.0);
        }
        Ok(0)
    }

    fn set_priority(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: evtchn_set_priority = self.read(caller, at)?;
        let ports = &mut self.caller_mut(caller).ports;
        if !ports.is_known(op.port.0) {
            return Err(XEN_EINVAL);
        }
        if ports.fifo.is_none() {
            return Err(XEN_ENOSYS);
        }
        if op.priority > EVTCHN_FIFO_PRIORITY_MIN {
            return Err(XEN_EINVAL);
        }
        if let Some(port) = ports.open.get_mut(&op.port.0) {
            port.priority = op.priority;
        }
        Ok(0)
    }

    fn reset_ports(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: evtchn_reset = self.read(caller, at)?;
        let domid = self.any_domid(caller, op.dom).ok_or(XEN_ESRCH)?;
        if !self.may_target(caller, domid) {
            return Err(XEN_EPERM);
        }
        self.close_all(domid);
        Ok(0)
    }
}
