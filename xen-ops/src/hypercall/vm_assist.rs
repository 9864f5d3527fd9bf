//! `VMASST_CMD_*`: what Xen does for a guest differently.
//!
//! Which types there are depends on the guest. A 64-bit PV guest has `VMASST_TYPE_writable_pagetables`,
//! `pae_extended_cr3`, `architectural_iopl` and `m2p_strict`, a guest of any kind
//! `VMASST_TYPE_runstate_update_flag`.
//!
//! Upstream: `xen/include/public/xen.h`.

use xen_abi::xen::{__HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_CMD_enable};

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_vm_assist(command, ..);
    commands VMASST_CMD_*;
    callers pv, hvm, arm as OPERATIONS;

    /// Turns `VMASST_TYPE_*` on.
    ///
    /// # Errors
    ///
    /// `EINVAL`: this guest has no such type.
    ///
    /// # Safety
    ///
    /// The kernel's page tables and traps are as the type asks for.
    unsafe call enable(in type_: u32) -> errno;

    /// Turns `VMASST_TYPE_*` off.
    ///
    /// # Errors
    ///
    /// As [`enable`].
    ///
    /// # Safety
    ///
    /// Nothing relies on what the type does.
    unsafe call disable(in type_: u32) -> errno;
}
