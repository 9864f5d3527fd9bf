//! `vm_assist` and `set_timer_op`.

#![allow(unsafe_code, reason = "turns on what this guest does not rely on")]

use xen_abi::xen::*;

use crate::{Guest, Run};

/// Types, and whether it changes nothing for this kernel to have them for a moment.
const TYPES: [(&str, u32); 8] = [
    ("4gb_segments", VMASST_TYPE_4gb_segments),
    ("4gb_segments_notify", VMASST_TYPE_4gb_segments_notify),
    ("writable_pagetables", VMASST_TYPE_writable_pagetables),
    ("pae_extended_cr3", VMASST_TYPE_pae_extended_cr3),
    ("architectural_iopl", VMASST_TYPE_architectural_iopl),
    ("runstate_update_flag", VMASST_TYPE_runstate_update_flag),
    ("m2p_strict", VMASST_TYPE_m2p_strict),
    ("no such type", 77),
];

pub(crate) fn assist<G: Guest>(run: &mut Run<'_, G>) {
    for (name, type_) in TYPES {
        for (command, number) in [("enable", VMASST_CMD_enable), ("disable", VMASST_CMD_disable)] {
            let arguments = [number as usize, type_ as usize, 0];
            // SAFETY: nothing here relies on what any type does.
            unsafe {
                run.raw(format_args!("{command}, {name}"), __HYPERVISOR_vm_assist, arguments);
            }
        }
    }
    let known = VMASST_TYPE_runstate_update_flag as usize;
    // SAFETY: there is no such command, and timers raise an interrupt that is not bound.
    unsafe {
        run.raw("unknown command", __HYPERVISOR_vm_assist, [9, known, 0]);
        run.raw("unknown command, no such type", __HYPERVISOR_vm_assist, [9, 77, 0]);
        run.raw("set_timer_op, in the past", __HYPERVISOR_set_timer_op, [1, 0, 0]);
        run.raw("set_timer_op, far", __HYPERVISOR_set_timer_op, [usize::MAX, usize::MAX, 0]);
        run.raw("set_timer_op, none", __HYPERVISOR_set_timer_op, [0, 0, 0]);
    }
}
