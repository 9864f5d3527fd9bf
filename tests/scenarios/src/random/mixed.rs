//! What Xen says of itself, scheduling, the vCPU, parameters, the console.

use core::ptr;

use xen_abi::GuestHandle;
use xen_abi::event_channel::evtchn_port_t;
use xen_abi::features::XENFEAT_pae_pgdir_above_4gb;
use xen_abi::hvm::hvm_op::*;
use xen_abi::hvm::params::*;
use xen_abi::sched::*;
use xen_abi::vcpu::*;
use xen_abi::version::*;
use xen_abi::xen::*;

use super::{World, named};
use crate::Guest;

pub(super) fn step<G: Guest>(world: &mut World<'_, '_, G>) {
    match world.rng.below(12) {
        0..2 => version(world),
        2 => poll(world),
        3 => watchdog(world),
        4 => sched(world),
        5..7 => vcpu(world),
        7 => timer(world),
        8..11 => param(world),
        _ => console(world),
    }
}

/// Large enough for all that Xen says of itself.
#[repr(C, align(8))]
struct Buffer([u32; 512]);

fn version<G: Guest>(world: &mut World<'_, '_, G>) {
    const OP: u32 = __HYPERVISOR_xen_version;
    let command = world.rng.below(18);
    let mut buffer = Buffer([0; 512]);
    let (first, place) = (world.rng.pick(&[0, 1, 1000]), world.rng.below(4));
    // Some builds have no text there, which needs no space.
    let first = if command == XENVER_changeset2 { 1000 } else { first };
    buffer.0[0] = first;
    let at = match place {
        0 => world.no_address(),
        // Asks for a length, or hands over nothing.
        1 if command >= XENVER_build_id || command == XENVER_pagesize => 0,
        _ => ptr::from_mut(&mut buffer).expose_provenance(),
    };
    let returned = world.raw(OP, [command as usize, at, 0]);
    let length = command >= XENVER_build_id && returned >= 0;
    // Texts differ from build to build, and so do their lengths.
    let returned = if length { 1 } else { returned };
    let word = match command {
        // A toolstack chooses the handle. One bit is what the kernel's notes ask for.
        XENVER_get_features => buffer.0[1] & !(1 << XENFEAT_pae_pgdir_above_4gb),
        XENVER_platform_parameters => buffer.0[0],
        _ => 0,
    };
    let what = format_args!("version {command} {first} {place}");
    world.record(what, returned, &[word.into()]);
}

const SCHED: u32 = __HYPERVISOR_sched_op;

/// Polls with a deadline in the past.
fn poll<G: Guest>(world: &mut World<'_, '_, G>) {
    let mut ports = [(); 3].map(|()| evtchn_port_t(world.rng.pick(&[0, 1, 2, 3, 63, 64, 5000])));
    let nr_ports = world.rng.pick(&[0, 1, 2, 3, 129, u32::MAX]);
    let bad = world.rng.once_in(5);
    let list = match bad {
        true => GuestHandle::from_addr(world.no_address() as _),
        false => GuestHandle::from_mut_slice(&mut ports),
    };
    let mut op = sched_poll { ports: list, nr_ports, timeout: 1, ..sched_poll::ZERO };
    let returned = world.call(SCHED, SCHEDOP_poll, &mut op);
    let [a, b, c] = ports.map(|port| port.0);
    world.record(format_args!("poll {nr_ports} {a} {b} {c} bad {bad}"), returned, &[]);
}

/// Timers that would end the domain long after the sequence has.
fn watchdog<G: Guest>(world: &mut World<'_, '_, G>) {
    let (id, timeout) = (world.rng.pick(&[0, 1, 2, 3, u32::MAX]), world.rng.pick(&[0, 3600]));
    // A timer that is started must not end at once.
    let timeout = if id == 0 { 3600 } else { timeout };
    let returned = world.call(SCHED, SCHEDOP_watchdog, &mut sched_watchdog { id, timeout });
    // One error comes without its sign where registers have 64 bits: see the scenario `sched`.
    let returned = returned as i32 as isize;
    world.record(format_args!("watchdog {id} {timeout}"), returned, &[]);
}

fn sched<G: Guest>(world: &mut World<'_, '_, G>) {
    match world.rng.below(4) {
        0 | 1 => {
            let pcpu = world.rng.pick(&[-1, -1, 0, 0, 1, i32::MAX, i32::MIN]);
            let returned =
                world.call(SCHED, SCHEDOP_pin_override, &mut sched_pin_override { pcpu });
            world.record(format_args!("pin_override {pcpu}"), returned, &[]);
        }
        2 => {
            let domain_id = world.rng.pick(&[DOMID_SELF, domid_t(777)]);
            let mut op = sched_remote_shutdown { domain_id, ..sched_remote_shutdown::ZERO };
            let returned = world.call(SCHED, SCHEDOP_remote_shutdown, &mut op);
            let dom = named(world, domain_id);
            world.record(format_args!("remote_shutdown {dom}"), returned, &[]);
        }
        _ => {
            // Not block, which waits for an event; the others have no argument that could be read.
            let command = world.rng.pick(&[0, 2, 3, 4, 5, 6, 7, 8, 99]);
            let at = world.no_address();
            let returned = world.raw(SCHED, [command, at, 0]);
            world.record(format_args!("sched {command}"), returned, &[]);
        }
    }
}

const VCPU: u32 = __HYPERVISOR_vcpu_op;

fn vcpu<G: Guest>(world: &mut World<'_, '_, G>) {
    let (command, vcpu) = (world.rng.below(18), world.rng.pick(&[0, 0, 0, 1, 8192, u32::MAX]));
    // The vCPU must go on, and no interrupt come: neither is done to the one that there is.
    let ends = matches!(command, VCPUOP_down | VCPUOP_send_nmi);
    let vcpu = if ends && vcpu == 0 { 1 } else { vcpu };
    let mut buffer = Buffer([0; 512]);
    // No address of an area is valid: what Xen would keep writing to is the stack.
    let (word, place) = (world.rng.pick(&[0x7fff_ff00, u32::MAX]), world.rng.below(3));
    buffer.0[0] = word;
    // The upper half of an address, or of a frame's number.
    buffer.0[1] = if word == u32::MAX { word } else { 0 };
    buffer.0[2] = world.rng.pick(&[0, 4000, u32::MAX]);
    let named = buffer.0[2];
    let takes_area = matches!(
        command,
        VCPUOP_set_periodic_timer
            | VCPUOP_set_singleshot_timer
            | VCPUOP_register_runstate_memory_area
            | VCPUOP_register_vcpu_time_memory_area
    );
    let at = match place {
        0 => world.no_address(),
        _ if takes_area => world.no_address(),
        1 if command == VCPUOP_send_nmi => 0,
        _ => ptr::from_mut(&mut buffer).expose_provenance(),
    };
    let returned = world.raw(VCPU, [command as usize, vcpu as usize, at]);
    let out = if command == VCPUOP_get_runstate_info { buffer.0[0] } else { 0 };
    let what = format_args!("vcpu_op {command} {vcpu} {word:x} {named:x} {place}");
    world.record(what, returned, &[out.into()]);
}

fn timer<G: Guest>(world: &mut World<'_, '_, G>) {
    if world.rng.once_in(2) {
        // Periods that are refused, and one that is over when the machine is long gone.
        let period_ns = world.rng.pick(&[0, 1, 999_999, 1 << 50, 1 << 62, u64::MAX]);
        let mut op = vcpu_set_periodic_timer { period_ns };
        let at = ptr::from_mut(&mut op).expose_provenance();
        let returned = world.raw(VCPU, [VCPUOP_set_periodic_timer as usize, 0, at]);
        world.raw(VCPU, [VCPUOP_stop_periodic_timer as usize, 0, 0]);
        world.record(format_args!("periodic_timer {period_ns:x}"), returned, &[]);
    } else {
        let timeout_abs_ns = world.rng.pick(&[1, 1 << 60, u64::MAX]);
        let flags = world.rng.pick(&[0, VCPU_SSHOTTMR_future.bits(), 2]);
        let mut op = vcpu_set_singleshot_timer {
            timeout_abs_ns,
            flags: SingleshotFlags(flags),
            ..vcpu_set_singleshot_timer::ZERO
        };
        let at = ptr::from_mut(&mut op).expose_provenance();
        let returned = world.raw(VCPU, [VCPUOP_set_singleshot_timer as usize, 0, at]);
        world.raw(VCPU, [VCPUOP_stop_singleshot_timer as usize, 0, 0]);
        let what = format_args!("singleshot_timer {timeout_abs_ns:x} {flags}");
        world.record(what, returned, &[]);
    }
}

const HVM: u32 = __HYPERVISOR_hvm_op;

fn param<G: Guest>(world: &mut World<'_, '_, G>) {
    let (domid, index) = (world.domid(), world.rng.below(42));
    let dom = named(world, domid);
    if world.rng.once_in(8) {
        // The numbers of the operations differ between architectures' headers, not in Xen.
        let (command, at) = (world.rng.below(28), world.no_address());
        let takes_nothing = matches!(command, HVMOP_flush_tlbs | HVMOP_guest_request_vm_event);
        let at = if takes_nothing && world.rng.once_in(2) { 0 } else { at };
        let null = at == 0;
        let returned = world.raw(HVM, [command as usize, at, 0]);
        return world.record(format_args!("hvm_op {command} null {null}"), returned, &[]);
    }
    if world.rng.once_in(3) {
        let mut op = xen_hvm_param { domid, index, value: 77, ..xen_hvm_param::ZERO };
        let returned = world.call(HVM, HVMOP_get_param, &mut op);
        return world.record(format_args!("get_param {dom} {index}"), returned, &[op.value]);
    }
    let value = world.rng.pick(&[0, 1, 2, 4, 8, 9, 0x1000, 1 << 32, 1 << 40]);
    let value = match index {
        // An interrupt that comes has no handler.
        HVM_PARAM_CALLBACK_IRQ => 0,
        // Others end a domain that sets them for itself.
        HVM_PARAM_VM86_TSS => value & 0xffff_ffff,
        HVM_PARAM_VM86_TSS_SIZED => value | 0x200 << 32,
        _ => value,
    };
    let mut op = xen_hvm_param { domid, index, value, ..xen_hvm_param::ZERO };
    let returned = world.call(HVM, HVMOP_set_param, &mut op);
    world.record(format_args!("set_param {dom} {index} {value:x}"), returned, &[]);
}

fn console<G: Guest>(world: &mut World<'_, '_, G>) {
    let (command, count) = (world.rng.below(4), world.rng.pick(&[0, 1, 0x8000_0000]));
    let at = world.no_address();
    let returned = world.raw(__HYPERVISOR_console_io, [command as usize, count, at]);
    world.record(format_args!("console_io {command} {count}"), returned, &[]);
}
