//! Waiting on several ports at once.

use core::time::Duration;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::xen::DOMID_SELF;
use xen_ops::events::Port;
use xen_ops::hypercall::{Error, Hypercall};

use crate::event_set::{PAIRS, drive};
use crate::{Guest, Run};

/// Events of a domain's own are there once they have been sent.
const PATIENCE: Duration = Duration::from_micros(100);

pub(crate) fn set<G: Guest>(run: &mut Run<'_, G>) {
    let xen = run.guest.xen().clone();
    let ports = match pairs(&xen) {
        Ok(pairs) => pairs,
        Err(error) => return run.outcome("ports", Err::<(), _>(error)),
    };
    let numbers = [0, 1].map(|side| ports.each_ref().map(|pair| pair[side].number()));
    let driven = drive_sets(run.guest, numbers);
    match driven {
        Some(driven) => driven.steps(|name, result| run.step(name, result)),
        None => run.step("sets", "an error"),
    }
}

fn drive_sets<G: Guest>(
    guest: &G,
    [ports, others]: [[evtchn_port_t; PAIRS]; 2],
) -> Option<crate::event_set::Driven> {
    let (mut own, mut other) = (guest.port_set(ports), guest.port_set(others));
    drive([&mut own, &mut other], [ports, others], PATIENCE).ok()
}

/// Connected ports of this domain's.
fn pairs<H: Hypercall>(xen: &H) -> Result<[[Port<&H>; 2]; PAIRS], Error> {
    let pair = || -> Result<_, Error> {
        let offered = Port::alloc_unbound(xen, DOMID_SELF)?;
        let bound = Port::bind_interdomain(xen, DOMID_SELF, offered.number())?;
        Ok([offered, bound])
    };
    Ok([pair()?, pair()?, pair()?])
}
