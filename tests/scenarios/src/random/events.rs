//! Event channels of one domain.

use xen_abi::event_channel::*;
use xen_abi::xen::*;

use super::{World, named};
use crate::Guest;

const OP: u32 = __HYPERVISOR_event_channel_op;

pub(super) fn step<G: Guest>(world: &mut World<'_, '_, G>) {
    match world.rng.below(20) {
        0..3 => alloc_unbound(world),
        3..5 => bind_interdomain(world),
        5 => bind_virq(world),
        6 => bind_ipi(world),
        7..10 => on_port(world),
        10..13 => send(world),
        13..17 => status(world),
        17 => bind_vcpu(world),
        18 => queues(world),
        _ => other(world),
    }
}

/// Closes all ports.
pub(super) fn end<G: Guest>(world: &mut World<'_, '_, G>) {
    let returned = world.call(OP, EVTCHNOP_reset, &mut evtchn_reset { dom: DOMID_SELF });
    world.record(format_args!("reset at the end"), returned, &[]);
}

fn port<G: Guest>(world: &mut World<'_, '_, G>) -> evtchn_port_t {
    if world.rng.once_in(12) {
        return evtchn_port_t(world.rng.pick(&[0, 63, 64, 127, 4095, 4096, 131_072, u32::MAX]));
    }
    evtchn_port_t(1 + world.rng.below(10))
}

fn alloc_unbound<G: Guest>(world: &mut World<'_, '_, G>) {
    let (dom, remote_dom) = (world.domid(), world.domid());
    let mut op = evtchn_alloc_unbound { dom, remote_dom, port: evtchn_port_t(0) };
    let returned = world.call(OP, EVTCHNOP_alloc_unbound, &mut op);
    let (dom, remote) = (named(world, dom), named(world, remote_dom));
    world.record(format_args!("alloc_unbound {dom} {remote}"), returned, &[op.port.0.into()]);
}

fn bind_interdomain<G: Guest>(world: &mut World<'_, '_, G>) {
    let (remote_dom, remote_port) = (world.domid(), port(world));
    let zero = evtchn_bind_interdomain::ZERO;
    let mut op = evtchn_bind_interdomain { remote_dom, remote_port, ..zero };
    let returned = world.call(OP, EVTCHNOP_bind_interdomain, &mut op);
    let (remote, port) = (named(world, remote_dom), remote_port.0);
    let words = [op.local_port.0.into()];
    world.record(format_args!("bind_interdomain {remote} {port}"), returned, &words);
}

fn bind_virq<G: Guest>(world: &mut World<'_, '_, G>) {
    let virq = world.rng.pick(&[0, 1, 2, 3, 4, 6, 7, 9, 10, 11, 12, 13, 16, 17, 23, 24, u32::MAX]);
    let vcpu = world.rng.pick(&[0, 0, 0, 1, u32::MAX]);
    let mut op = evtchn_bind_virq { virq, vcpu, port: evtchn_port_t(0) };
    let returned = world.call(OP, EVTCHNOP_bind_virq, &mut op);
    world.record(format_args!("bind_virq {virq} {vcpu}"), returned, &[op.port.0.into()]);
}

fn bind_ipi<G: Guest>(world: &mut World<'_, '_, G>) {
    let vcpu = world.rng.pick(&[0, 0, 0, 1, u32::MAX]);
    let mut op = evtchn_bind_ipi { vcpu, port: evtchn_port_t(0) };
    let returned = world.call(OP, EVTCHNOP_bind_ipi, &mut op);
    world.record(format_args!("bind_ipi {vcpu}"), returned, &[op.port.0.into()]);
}

fn on_port<G: Guest>(world: &mut World<'_, '_, G>) {
    let (name, command) = world.rng.pick(&[
        ("close", EVTCHNOP_close),
        ("close", EVTCHNOP_close),
        ("unmask", EVTCHNOP_unmask),
    ]);
    let port = port(world);
    let returned = world.call(OP, command, &mut evtchn_close { port });
    world.record(format_args!("{name} {}", port.0), returned, &[]);
}

/// Sends, and looks for the event at the other end where there is one.
fn send<G: Guest>(world: &mut World<'_, '_, G>) {
    let port = port(world);
    let mut about = evtchn_status { dom: DOMID_SELF, port, ..evtchn_status::ZERO };
    let known = world.call(OP, EVTCHNOP_status, &mut about);
    let returned = world.call(OP, EVTCHNOP_send, &mut evtchn_send { port });
    let end = match about.status {
        EVTCHNSTAT_interdomain => about.u.interdomain().port.0,
        _ => port.0,
    };
    let is_ours = matches!(about.status, EVTCHNSTAT_interdomain | EVTCHNSTAT_ipi);
    let looks = known == 0 && is_ours && !is_toolstacks(world, &about);
    let pending = looks && world.run.guest.take_event(end);
    world.record(format_args!("send {}", port.0), returned, &[pending.into()]);
}

/// Whether a port's other end is another domain's, which is the one with the toolstack.
fn is_toolstacks<G: Guest>(world: &World<'_, '_, G>, about: &evtchn_status) -> bool {
    let is_connected = about.status == EVTCHNSTAT_interdomain;
    is_connected && about.u.interdomain().dom != world.run.guest.domid()
}

fn status<G: Guest>(world: &mut World<'_, '_, G>) {
    let (dom, port) = (world.domid(), port(world));
    let mut op = evtchn_status { dom, port, ..evtchn_status::ZERO };
    let returned = world.call(OP, EVTCHNOP_status, &mut op);
    let evtchn_status_u([first, second]) = op.u;
    // The number of the domain is that of this one, if there is one. The toolstack's own ports have any numbers.
    let second = if is_toolstacks(world, &op) { 0 } else { second };
    let words = [op.status.into(), op.vcpu.into(), first.into(), second.into()];
    let (dom, port) = (named(world, dom), port.0);
    world.record(format_args!("status {dom} {port}"), returned, &words);
}

fn bind_vcpu<G: Guest>(world: &mut World<'_, '_, G>) {
    let (port, vcpu) = (port(world), world.rng.pick(&[0, 0, 1, u32::MAX]));
    let returned = world.call(OP, EVTCHNOP_bind_vcpu, &mut evtchn_bind_vcpu { port, vcpu });
    world.record(format_args!("bind_vcpu {} {vcpu}", port.0), returned, &[]);
}

/// What is about event queues, and does not begin to use them.
fn queues<G: Guest>(world: &mut World<'_, '_, G>) {
    match world.rng.below(3) {
        0 => {
            let (port, priority) = (port(world), world.rng.pick(&[0, 7, 15, 16]));
            let mut op = evtchn_set_priority { port, priority };
            let returned = world.call(OP, EVTCHNOP_set_priority, &mut op);
            world.record(format_args!("set_priority {} {priority}", port.0), returned, &[]);
        }
        1 => {
            let vcpu = world.rng.pick(&[0, 1, u32::MAX]);
            let offset = world.rng.pick(&[0, 4, 4024, 4025, 4032, u32::MAX]);
            let control_gfn = 0x7fff_ffff;
            let zero = evtchn_init_control::ZERO;
            let mut op = evtchn_init_control { vcpu, offset, control_gfn, ..zero };
            let returned = world.call(OP, EVTCHNOP_init_control, &mut op);
            let words = [op.link_bits.into()];
            world.record(format_args!("init_control {vcpu} {offset}"), returned, &words);
        }
        _ => {
            let mut op = evtchn_expand_array { array_gfn: 0x7fff_ffff };
            let returned = world.call(OP, EVTCHNOP_expand_array, &mut op);
            world.record(format_args!("expand_array"), returned, &[]);
        }
    }
}

fn other<G: Guest>(world: &mut World<'_, '_, G>) {
    match world.rng.below(3) {
        0 => {
            let dom = world.domid();
            let returned = world.call(OP, EVTCHNOP_reset, &mut evtchn_reset { dom });
            let dom = named(world, dom);
            world.record(format_args!("reset {dom}"), returned, &[]);
        }
        1 => {
            // Interrupts of devices are left alone.
            let pirq = world.rng.pick(&[0x1000_0000, u32::MAX]);
            let mut op = evtchn_bind_pirq { pirq, ..evtchn_bind_pirq::ZERO };
            let returned = world.call(OP, EVTCHNOP_bind_pirq, &mut op);
            world.record(format_args!("bind_pirq {pirq:x}"), returned, &[op.port.0.into()]);
        }
        _ => {
            let (command, at) = (world.rng.below(17), world.no_address());
            let returned = world.raw(OP, [command as usize, at, 0]);
            world.record(format_args!("events {command}"), returned, &[]);
        }
    }
}
