//! How Xen interrupts a vCPU when events are pending.
//!
//! A kernel with interrupts sets this up once its handler is in place; the handler walks through the events
//! ([`SharedInfo::events`](crate::SharedInfo::events)). A kernel that polls needs none of it.

#![allow(unsafe_code, reason = "interrupts the kernel")]

#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
pub use arm::interrupt;
#[cfg(target_arch = "x86_64")]
pub use x86::{Upcall, enable};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use xen_abi::hvm::params::{HVM_PARAM_CALLBACK_IRQ, HVM_PARAM_CALLBACK_TYPE_VECTOR};
    use xen_abi::xen::DOMID_SELF;
    use xen_ops::hypercall::{Error, hvm_op};

    use crate::Guest;

    /// How a PVH guest is interrupted.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub enum Upcall {
        /// Every vCPU by this vector, without an end of interrupt at its local APIC
        /// (`HVM_PARAM_CALLBACK_IRQ`).
        Vector(u8),
        /// One vCPU by a vector of its own, through its local APIC (`HVMOP_set_evtchn_upcall_vector`).
        VcpuVector {
            /// The vCPU.
            vcpu: u32,
            /// The vector, at least 16.
            vector: u8,
        },
    }

    /// Has Xen interrupt a PVH guest when events are pending. A PV guest registers a callback instead
    /// (`CALLBACKOP_register`).
    ///
    /// # Errors
    ///
    /// `EINVAL` (a PV guest, or a vector of a vCPU's own below 16), `ENOENT` (no such vCPU).
    ///
    /// # Safety
    ///
    /// The vector's gate leads to a handler on each vCPU concerned.
    pub unsafe fn enable(guest: &Guest, upcall: Upcall) -> Result<(), Error> {
        let xen = guest.xen();
        match upcall {
            Upcall::Vector(vector) => {
                let value = u64::from(HVM_PARAM_CALLBACK_TYPE_VECTOR) << 56 | u64::from(vector);
                // SAFETY: the caller's promise.
                unsafe { hvm_op::set_param(&xen, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, value) }
            }
            Upcall::VcpuVector { vcpu, vector } => {
                // SAFETY: the caller's promise.
                unsafe { hvm_op::set_evtchn_upcall_vector(&xen, vcpu, vector) }
            }
        }
    }
}

#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
mod arm {
    use crate::device_tree::{DeviceTreeError, Interrupt};
    use crate::{Guest, StartInfo};

    /// The interrupt by which Xen announces events on Arm, which the device tree names: one of each vCPU's
    /// own. Xen needs no call: a kernel enables it at its interrupt controller. `None` if the tree names
    /// none.
    ///
    /// # Errors
    ///
    /// [`DeviceTreeError`].
    pub fn interrupt(guest: &Guest) -> Result<Option<Interrupt>, DeviceTreeError> {
        let StartInfo::DeviceTree(tree) = guest.start_info();
        Ok(tree.xen()?.and_then(|node| node.interrupt))
    }
}
