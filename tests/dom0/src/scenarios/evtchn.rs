//! `/dev/xen/evtchn`: event channels.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::{Errno, read, write};
use xen_abi::event_channel::evtchn_port_t;
use xen_abi::linux::evtchn::{
    IOCTL_EVTCHN_BIND_INTERDOMAIN, IOCTL_EVTCHN_BIND_STATIC, IOCTL_EVTCHN_BIND_UNBOUND_PORT,
    IOCTL_EVTCHN_BIND_VIRQ, IOCTL_EVTCHN_NOTIFY, IOCTL_EVTCHN_RESET, IOCTL_EVTCHN_RESTRICT_DOMID,
    IOCTL_EVTCHN_UNBIND, ioctl_evtchn_bind, ioctl_evtchn_bind_interdomain,
    ioctl_evtchn_bind_unbound_port, ioctl_evtchn_bind_virq, ioctl_evtchn_notify,
    ioctl_evtchn_restrict_domid, ioctl_evtchn_unbind,
};
use xen_abi::xen::{VIRQ_TBUF, VIRQ_TIMER, domid_t};
use xen_linux::PortSet;
use xen_scenarios::event_set::{PAIRS, drive};

use super::pages::DOM0;
use crate::device::Device;
use crate::transcript::Transcript;

/// An ioctl that the device does not have.
const NONE: u32 = 0x45ff;

/// A domain that does not exist.
const ABSENT: u16 = 0x7000;

/// A valid port number that is not bound.
const NO_PORT: u32 = 1000;

/// How long an event from this process to itself may take.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long an event may take.
const TIMEOUT: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

pub(crate) fn run(t: &mut Transcript) -> Result<(), Errno> {
    let evtchn = Device::open("evtchn")?;
    t.call("an ioctl that there is not", evtchn.call_nowhere(NONE));
    virq(t, &evtchn);
    let there = unbound(t, &evtchn)?;
    let here = interdomain(t, &evtchn, there)?;
    events(t, &evtchn, here, there)?;
    t.call("bind_static, nowhere", evtchn.call_nowhere(IOCTL_EVTCHN_BIND_STATIC));
    let mut argument = ioctl_evtchn_bind { port: here };
    let result = evtchn.call(IOCTL_EVTCHN_BIND_STATIC, &mut argument);
    t.call("bind_static, a port of ours", result);
    unbind(t, &evtchn, here, there);
    sets(t);
    t.call("reset", evtchn.call_number(IOCTL_EVTCHN_RESET, 0));
    restrict(t)
}

fn virq(t: &mut Transcript, evtchn: &Device) {
    let mut bind = |name: &str, virq| {
        let mut argument = ioctl_evtchn_bind_virq { virq };
        let result = evtchn.call(IOCTL_EVTCHN_BIND_VIRQ, &mut argument);
        t.call(&format!("bind_virq{name}"), result.map(|port| port > 0));
        result
    };
    let port = bind("", VIRQ_TBUF);
    let _ = bind(", again", VIRQ_TBUF);
    let _ = bind(", the kernel's", VIRQ_TIMER);
    let _ = bind(", no such interrupt", 24);
    t.call("bind_virq, nowhere", evtchn.call_nowhere(IOCTL_EVTCHN_BIND_VIRQ));
    t.call("bind_virq, unbind", port.and_then(|port| unbind_one(evtchn, port.unsigned_abs())));
}

/// A port that is still unbound.
fn unbound(t: &mut Transcript, evtchn: &Device) -> Result<u32, Errno> {
    t.call("bind_unbound_port, nowhere", evtchn.call_nowhere(IOCTL_EVTCHN_BIND_UNBOUND_PORT));
    t.call("bind_unbound_port, no such domain", allocate(evtchn, ABSENT).map(|port| port > 0));
    let port = allocate(evtchn, DOM0);
    t.call("bind_unbound_port", port.map(|port| port > 0));
    port
}

fn interdomain(t: &mut Transcript, evtchn: &Device, there: u32) -> Result<u32, Errno> {
    t.call("bind_interdomain, nowhere", evtchn.call_nowhere(IOCTL_EVTCHN_BIND_INTERDOMAIN));
    let bind = |domid: u16, remote_port| {
        let mut argument =
            ioctl_evtchn_bind_interdomain { remote_domain: domid.into(), remote_port };
        let result = evtchn.call(IOCTL_EVTCHN_BIND_INTERDOMAIN, &mut argument);
        result.map(i32::unsigned_abs)
    };
    t.call("bind_interdomain, no such domain", bind(ABSENT, there));
    t.call("bind_interdomain, no such port", bind(DOM0, NO_PORT));
    let here = bind(DOM0, there);
    t.call("bind_interdomain", here.map(|port| port != there));
    t.call("bind_interdomain, again", bind(DOM0, there));
    here
}

fn events(t: &mut Transcript, evtchn: &Device, here: u32, there: u32) -> Result<(), Errno> {
    fcntl_setfl(evtchn, OFlags::NONBLOCK)?;
    let drain = || -> Result<usize, Errno> {
        let mut ports = [0; 64];
        Ok(read(evtchn, &mut ports)? / 4)
    };
    // The domain that binds to a port may get an event, which says that it may be used.
    while drain().is_ok_and(|count| count > 0) {
        for port in [here, there] {
            write(evtchn, &port.to_ne_bytes())?;
        }
    }
    t.call("read, no event", drain());
    t.call("read, less than a port", read(evtchn, &mut [0; 3]));
    t.call("write, less than a port", write(evtchn, &[0; 3]));
    t.call("write, no port of ours", write(evtchn, &NO_PORT.to_ne_bytes()));
    t.call("notify, nowhere", evtchn.call_nowhere(IOCTL_EVTCHN_NOTIFY));
    t.call("notify, no port of ours", notify(evtchn, NO_PORT));
    t.call("notify", notify(evtchn, here));
    t.step("notify, the event", next(evtchn, TIMEOUT)? == Some(there));
    t.call("notify, masked", notify(evtchn, here));
    t.step("notify, masked, no event", next(evtchn, Timespec::default())?.is_none());
    t.call("unmask", write(evtchn, &there.to_ne_bytes()));
    t.step("unmask, the event", next(evtchn, TIMEOUT)? == Some(there));
    write(evtchn, &there.to_ne_bytes())?;
    t.call("notify, the other way", notify(evtchn, there));
    t.step("notify, the other way, the event", next(evtchn, TIMEOUT)? == Some(here));
    write(evtchn, &here.to_ne_bytes())?;
    t.step("nothing is left", next(evtchn, Timespec::default())?.is_none());
    Ok(())
}

fn unbind(t: &mut Transcript, evtchn: &Device, here: u32, there: u32) {
    t.call("unbind, nowhere", evtchn.call_nowhere(IOCTL_EVTCHN_UNBIND));
    t.call("unbind, no such port", unbind_one(evtchn, u32::MAX));
    t.call("unbind, no port of ours", unbind_one(evtchn, NO_PORT));
    t.call("unbind", unbind_one(evtchn, here));
    t.call("unbind, again", unbind_one(evtchn, here));
    t.call("unbind, the other end", unbind_one(evtchn, there));
    t.call("notify, unbound", notify(evtchn, here));
}

/// Drives two sets of the library's.
fn sets(t: &mut Transcript) {
    let driven = || -> Result<_, xen_linux::Error> {
        let (mut own, mut other) = (PortSet::open()?, PortSet::open()?);
        let (mut ports, mut others) = ([evtchn_port_t(0); PAIRS], [evtchn_port_t(0); PAIRS]);
        for (port, there) in ports.iter_mut().zip(&mut others) {
            *port = own.bind_unbound(domid_t(DOM0), ())?;
            *there = other.bind_interdomain(domid_t(DOM0), *port, ())?;
        }
        drive([&mut own, &mut other], [ports, others], PATIENCE)
    };
    match driven() {
        Ok(driven) => driven.steps(|name, result| t.step(&format!("set, {name}"), result)),
        Err(error) => t.step("set", error),
    }
}

fn restrict(t: &mut Transcript) -> Result<(), Errno> {
    let evtchn = Device::open("evtchn")?;
    let restrict = |domid| {
        let mut argument = ioctl_evtchn_restrict_domid { domid: domid_t(domid) };
        evtchn.call(IOCTL_EVTCHN_RESTRICT_DOMID, &mut argument)
    };
    t.call("restrict, nowhere", evtchn.call_nowhere(IOCTL_EVTCHN_RESTRICT_DOMID));
    t.call("restrict, to the first domain", restrict(DOM0));
    t.call("restrict, to no domain", restrict(0x7ff0));
    t.call("restrict", restrict(ABSENT));
    t.call("restrict, again", restrict(ABSENT));
    let mut argument = ioctl_evtchn_bind_virq { virq: VIRQ_TBUF };
    let result = evtchn.call(IOCTL_EVTCHN_BIND_VIRQ, &mut argument);
    t.call("restricted, bind_virq", result.map(|_| "bound"));
    t.call("restricted, bind_unbound_port", allocate(&evtchn, DOM0));
    t.call("restricted, bind_unbound_port, to its domain", allocate(&evtchn, ABSENT));
    let mut argument = ioctl_evtchn_bind_interdomain { remote_domain: DOM0.into(), remote_port: 1 };
    let result = evtchn.call(IOCTL_EVTCHN_BIND_INTERDOMAIN, &mut argument);
    t.call("restricted, bind_interdomain", result.map(|_| "bound"));
    Ok(())
}

fn allocate(evtchn: &Device, domid: u16) -> Result<u32, Errno> {
    let mut argument = ioctl_evtchn_bind_unbound_port { remote_domain: domid.into() };
    evtchn.call(IOCTL_EVTCHN_BIND_UNBOUND_PORT, &mut argument).map(i32::unsigned_abs)
}

fn notify(evtchn: &Device, port: u32) -> Result<i32, Errno> {
    evtchn.call(IOCTL_EVTCHN_NOTIFY, &mut ioctl_evtchn_notify { port })
}

fn unbind_one(evtchn: &Device, port: u32) -> Result<i32, Errno> {
    evtchn.call(IOCTL_EVTCHN_UNBIND, &mut ioctl_evtchn_unbind { port })
}

/// The port of the next event, if one comes in time.
fn next(evtchn: &Device, timeout: Timespec) -> Result<Option<u32>, Errno> {
    if poll(&mut [PollFd::new(evtchn, PollFlags::IN)], Some(&timeout))? == 0 {
        return Ok(None);
    }
    let mut port = [0; 4];
    read(evtchn, &mut port)?;
    Ok(Some(u32::from_ne_bytes(port)))
}
