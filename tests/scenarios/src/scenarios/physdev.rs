//! `physdev_op`: what is refused of a machine without devices, and the level of privilege of a PV guest.

#![allow(unsafe_code, reason = "hypercalls with arguments that no typed wrapper would have")]

use core::ptr;

use xen_abi::Plain;
use xen_abi::physdev::*;
use xen_abi::xen::{__HYPERVISOR_physdev_op, DOMID_SELF, domid_t};

use crate::{Guest, Run};

/// A domain that there is not.
const NONE: domid_t = domid_t(777);
/// A command, and a type of interrupts, that no release has.
const UNKNOWN: u32 = 0xfff0;

pub(crate) fn physdev<G: Guest>(run: &mut Run<'_, G>) {
    let bad = run.guest.bad_address();
    for (name, command) in [
        ("unknown command, bad address", UNKNOWN),
        ("set_iopl, bad address", PHYSDEVOP_set_iopl),
        ("map_pirq, bad address", PHYSDEVOP_map_pirq),
        ("unmap_pirq, bad address", PHYSDEVOP_unmap_pirq),
    ] {
        // SAFETY: Xen cannot reach the argument.
        unsafe { run.raw(name, __HYPERVISOR_physdev_op, [command as usize, bad, 0]) };
    }
    call(run, "set_iopl, no such level", PHYSDEVOP_set_iopl, physdev_set_iopl { iopl: 4 });
    call(run, "set_iopl, the level that it has", PHYSDEVOP_set_iopl, physdev_set_iopl { iopl: 0 });
    let own = physdev_map_pirq {
        domid: DOMID_SELF,
        type_: MAP_PIRQ_TYPE_GSI as i32,
        index: -1,
        pirq: -1,
        ..physdev_map_pirq::ZERO
    };
    let (domid, type_) = (NONE, UNKNOWN as i32);
    let map = PHYSDEVOP_map_pirq;
    call(run, "map_pirq, no such domain", map, physdev_map_pirq { domid, ..own });
    call(run, "map_pirq, no such type", map, physdev_map_pirq { type_, ..own });
    call(run, "map_pirq, no such line", map, own);
    let own = physdev_unmap_pirq { domid: DOMID_SELF, pirq: -1, ..physdev_unmap_pirq::ZERO };
    let unmap = PHYSDEVOP_unmap_pirq;
    call(run, "unmap_pirq, no such domain", unmap, physdev_unmap_pirq { domid, ..own });
    call(run, "unmap_pirq, no such interrupt", unmap, own);
}

fn call<G: Guest, T: Plain>(run: &mut Run<'_, G>, name: &str, command: u32, mut argument: T) {
    let at = ptr::from_mut(&mut argument).expose_provenance();
    // SAFETY: what is asked for is refused, or changes nothing.
    unsafe { run.raw(name, __HYPERVISOR_physdev_op, [command as usize, at, 0]) };
}
