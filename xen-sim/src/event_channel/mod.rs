//! `event_channel_op`: ports between domains, for virtual interrupts, and within a domain.

mod fifo;

use std::ops::Range;

use xen_abi::errno::*;
use xen_abi::event_channel::*;
use xen_abi::xen::*;

use crate::config::{GuestKind, Release, Xsm};
use crate::error::Answer;
use crate::record::HypercallRecord;
use crate::state::State;
use crate::state::ports::End;

/// The operation by which Xen continues a reset, which the headers do not define for guests.
const RESET_CONT: u32 = 14;

/// Interrupts that every x86 machine has, and that a PV control domain is given. The first is Xen's.
const LEGACY_INTERRUPTS: Range<u32> = 1..16;
/// Numbers of interrupts of a control domain on an x86 machine with one CPU and one I/O APIC.
const CONTROL_INTERRUPTS: u32 = 208;
/// Those of other domains: 24 lines of the I/O APIC, and 32 more.
const DOMAIN_INTERRUPTS: u32 = 24 + 32;
/// Numbers of interrupts that Xen has on Arm.
const ARM_INTERRUPTS: u32 = 1024;

/// Whether a virtual interrupt belongs to a vCPU, not to the domain or the machine.
fn is_of_vcpu(virq: u32) -> bool {
    matches!(virq, VIRQ_TIMER | VIRQ_DEBUG | VIRQ_XENOPROF | VIRQ_XENPMU)
}

impl State {
    pub(crate) fn event_channel_op(
        &mut self,
        caller: domid_t,
        arguments: [usize; 5],
    ) -> HypercallRecord {
        // The command is a C int.
        let (command, at) = (arguments[0] as u32, arguments[1]);
        let (operation, answer) = match command {
            EVTCHNOP_alloc_unbound => ("EVTCHNOP_alloc_unbound", self.alloc_unbound(caller, at)),
            EVTCHNOP_bind_interdomain => {
                ("EVTCHNOP_bind_interdomain", self.bind_interdomain(caller, at))
            }
            EVTCHNOP_bind_virq => ("EVTCHNOP_bind_virq", self.bind_virq(caller, at)),
            EVTCHNOP_bind_pirq => ("EVTCHNOP_bind_pirq", self.bind_pirq(caller, at)),
            EVTCHNOP_bind_ipi => ("EVTCHNOP_bind_ipi", self.bind_ipi(caller, at)),
            EVTCHNOP_close => ("EVTCHNOP_close", self.close_port(caller, at)),
            EVTCHNOP_send => ("EVTCHNOP_send", self.send_event(caller, at)),
            EVTCHNOP_status => ("EVTCHNOP_status", self.port_status(caller, at)),
            EVTCHNOP_bind_vcpu => ("EVTCHNOP_bind_vcpu", self.bind_vcpu(caller, at)),
            EVTCHNOP_unmask => ("EVTCHNOP_unmask", self.unmask(caller, at)),
            EVTCHNOP_init_control => ("EVTCHNOP_init_control", self.init_control(caller, at)),
            EVTCHNOP_expand_array => ("EVTCHNOP_expand_array", self.expand_array(caller, at)),
            EVTCHNOP_set_priority => ("EVTCHNOP_set_priority", self.set_priority(caller, at)),
            EVTCHNOP_reset => ("EVTCHNOP_reset", self.reset_ports(caller, at, false)),
            RESET_CONT => ("EVTCHNOP_reset", self.reset_ports(caller, at, true)),
            _ => ("event_channel_op", Err(XEN_ENOSYS)),
        };
        HypercallRecord::new(caller, operation, answer)
    }

    /// Checks that a domain can get a port. Xen allocates one before it checks anything else about it.
    fn check_free_port(&self, domid: domid_t) -> Answer<()> {
        let domain = self.domain(domid).ok_or(XEN_ESRCH)?;
        if domain.dying {
            return Err(XEN_EINVAL);
        }
        domain.ports.free_port().map(|_| ())
    }

    fn alloc_unbound(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: evtchn_alloc_unbound = self.read(caller, at)?;
        let domid = self.any_domid(caller, op.dom).ok_or(XEN_ESRCH)?;
        self.check_free_port(domid)?;
        let remote = if op.remote_dom == DOMID_SELF { caller } else { op.remote_dom };
        // Only SILO looks the remote domain up.
        if self.xsm == Xsm::Silo && self.domain(remote).is_none() {
            return Err(XEN_ESRCH);
        }
        if !self.may_deal(caller, domid, remote) || !self.may_target(caller, domid) {
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
        self.check_free_port(caller)?;
        let ports = &self.domain(remote).ok_or(XEN_ESRCH)?.ports;
        let there = ports.end(op.remote_port.0);
        if there != Some(End::Unbound(caller)) {
            return Err(XEN_EINVAL);
        }
        if !self.may_deal(caller, caller, remote) {
            return Err(XEN_EPERM);
        }
        let ports = &mut self.caller_mut(caller).ports;
        let local = ports.open(End::Interdomain(remote, op.remote_port.0))?;
        // An event may have been sent before the port was bound.
        ports.notify(local);
        if let Some(domain) = self.domain_mut(remote) {
            domain.ports.set_end(op.remote_port.0, End::Interdomain(caller, local));
        }
        op.local_port = evtchn_port_t(local);
        self.write(caller, at, op)?;
        Ok(0)
    }

    /// The machine has no physical interrupts, and so none that a PV guest was given. Numbers of a PVH guest
    /// are its own: any can be bound.
    fn bind_pirq(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: evtchn_bind_pirq = self.read(caller, at)?;
        let later = self.release >= Release::V4_20;
        let domain = self.caller_mut(caller);
        let all = match (domain.kind, domain.privileged) {
            (GuestKind::Arm, _) => ARM_INTERRUPTS,
            (_, true) => CONTROL_INTERRUPTS,
            (_, false) => DOMAIN_INTERRUPTS,
        };
        match domain.kind {
            GuestKind::Arm if later => Err(XEN_EOPNOTSUPP),
            _ if op.pirq >= all => Err(XEN_EINVAL),
            // It finds a port, but has no interrupts of this kind.
            GuestKind::Arm => self.check_free_port(caller).and(Err(XEN_ENOMEM)),
            GuestKind::Pv if domain.privileged && LEGACY_INTERRUPTS.contains(&op.pirq) => {
                Err(XEN_EINVAL)
            }
            GuestKind::Pv => Err(XEN_EPERM),
            GuestKind::Pvh if domain.ports.has_pirq(op.pirq) => Err(XEN_EEXIST),
            GuestKind::Pvh => {
                op.port = evtchn_port_t(domain.ports.open(End::Pirq(op.pirq))?);
                self.write(caller, at, op)?;
                Ok(0)
            }
        }
    }

    fn bind_virq(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: evtchn_bind_virq = self.read(caller, at)?;
        if op.virq >= NR_VIRQS {
            return Err(XEN_EINVAL);
        }
        let of_vcpu = is_of_vcpu(op.virq);
        // 4.21 keeps the machine's interrupts to the domain that handles them.
        let later = self.release >= Release::V4_21;
        if !of_vcpu && op.vcpu != 0 {
            return Err(XEN_EINVAL);
        }
        if op.vcpu != 0 {
            return Err(XEN_ENOENT);
        }
        let domain = self.caller_mut(caller);
        if later && !of_vcpu && op.virq != VIRQ_ARGO && !domain.privileged {
            return Err(XEN_EBUSY);
        }
        let end = End::Virq(op.virq);
        if domain.ports.port_of_virq(op.virq).is_some() {
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

    pub(crate) fn close(&mut self, domid: domid_t, port: u32) -> Option<()> {
        let end = self.domain_mut(domid)?.ports.close(port)?;
        if let End::Interdomain(remote, port) = end {
            if let Some(domain) = self.domain_mut(remote) {
                domain.ports.set_end(port, End::Unbound(domid));
            }
        }
        Some(())
    }

    /// Closes all ports of a domain, and turns it back to the 2-level ABI.
    pub(crate) fn close_all(&mut self, domid: domid_t) {
        let ports = self.domain(domid).map(|domain| domain.ports.numbers());
        let ports: Vec<u32> = ports.into_iter().flatten().collect();
        for port in ports {
            self.close(domid, port);
        }
        self.end_fifo(domid);
    }

    fn send_event(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: evtchn_send = self.read(caller, at)?;
        let end = self.caller(caller).ports.end(op.port.0);
        match end.ok_or(XEN_EINVAL)? {
            End::Interdomain(remote, port) => {
                if let Some(domain) = self.domain_mut(remote) {
                    domain.ports.notify(port);
                }
            }
            End::Ipi => self.caller_mut(caller).ports.notify(op.port.0),
            // No domain has bound the port.
            End::Unbound(_) => {}
            End::Virq(_) | End::Pirq(_) => return Err(XEN_EINVAL),
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
        let end = self.domain(domid).and_then(|domain| domain.ports.end(op.port.0));
        op.vcpu = 0;
        op.status = match end {
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
            Some(End::Pirq(pirq)) => {
                *op.u.pirq_mut() = pirq;
                EVTCHNSTAT_pirq
            }
            Some(End::Ipi) => EVTCHNSTAT_ipi,
        };
        self.write(caller, at, op)?;
        Ok(0)
    }

    /// A domain has one vCPU. Ports of its interrupts cannot be bound to another anyway.
    fn bind_vcpu(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: evtchn_bind_vcpu = self.read(caller, at)?;
        if op.vcpu != 0 {
            return Err(XEN_ENOENT);
        }
        match self.caller(caller).ports.end(op.port.0) {
            Some(End::Unbound(_) | End::Interdomain(..) | End::Pirq(_)) => Ok(0),
            Some(End::Virq(virq)) if !is_of_vcpu(virq) => Ok(0),
            _ => Err(XEN_EINVAL),
        }
    }

    /// Only event words have a mask here: without queues there is nothing to do.
    fn unmask(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: evtchn_unmask = self.read(caller, at)?;
        let ports = &mut self.caller_mut(caller).ports;
        if !ports.is_known(op.port.0) {
            return Err(XEN_EINVAL);
        }
        if ports.fifo().is_some_and(|fifo| fifo.unmask(op.port.0)) {
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
        if ports.fifo().is_none() {
            return Err(XEN_ENOSYS);
        }
        if ports.end(op.port.0).is_none() {
            return Err(XEN_EACCES);
        }
        if op.priority > EVTCHN_FIFO_PRIORITY_MIN {
            return Err(XEN_EINVAL);
        }
        ports.set_priority(op.port.0, op.priority);
        Ok(0)
    }

    fn reset_ports(&mut self, caller: domid_t, at: usize, continued: bool) -> Answer {
        let op: evtchn_reset = self.read(caller, at)?;
        let domid = self.any_domid(caller, op.dom).ok_or(XEN_ESRCH)?;
        if !self.may_target(caller, domid) {
            return Err(XEN_EPERM);
        }
        // Another domain has to be paused, which no operation here does.
        if domid != caller {
            return Err(XEN_EINVAL);
        }
        // A reset is never interrupted here: none can be continued.
        if continued {
            return Err(XEN_EBUSY);
        }
        self.close_all(domid);
        Ok(0)
    }
}
