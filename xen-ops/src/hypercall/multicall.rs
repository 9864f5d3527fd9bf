//! `multicall`: several hypercalls in one.
//!
//! [`Multicall`] makes a fixed number of typed calls, [`for_each`] one for each item of a slice. Both take
//! the functions of this crate's other modules, and the results have the types that those functions return.
//! Neither allocates: the entries are on the stack.
//!
//! ```
//! use xen_ops::hypercall::multicall::Multicall;
//! use xen_ops::hypercall::{event_channel_op, sched_op, xen_version};
//! use xen_ops::xen_abi::event_channel::evtchn_port_t;
//! use xen_ops::xen_abi::xen::DOMID_SELF;
//! use xen_sim::{DomainConfig, GuestKind, Xen};
//!
//! # let machine = Xen::new();
//! # let xen = machine.domain(DomainConfig::new(GuestKind::Pv))?;
//! let (version, port, sent) = Multicall::new(&xen)
//!     .call(|xen| xen_version::version(xen))
//!     .call(|xen| event_channel_op::alloc_unbound(xen, DOMID_SELF, DOMID_SELF))
//!     .call(|xen| event_channel_op::send(xen, evtchn_port_t(77)))
//!     .run();
//!
//! assert_eq!(version??, 4 << 16 | 20);
//! assert_eq!(port??, evtchn_port_t(1));
//! // An entry that fails does not stop those after it.
//! assert_eq!(sent?.unwrap_err().to_string(), "EVTCHNOP_send: invalid argument (EINVAL)");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! Each function is called with an [`Entry`] in the place of the hypervisor. Where the function would make its
//! hypercall, the entry adds it to the list and calls the next function, and the innermost makes the
//! multicall. Then the functions return in the opposite order, each with the result of its own entry. So
//! everything that a hypercall points to is on the stack, or borrowed, until the hypervisor has answered.
//!
//! A closure may make no hypercall, as one whose buffer cannot be bounced does; the others are made all the
//! same. Only the first hypercall of a closure is part of the multicall: further ones are made when the
//! multicall has returned.
//!
//! Upstream: `xen/include/public/xen.h`.

mod chain;
mod entry;
#[cfg(test)]
mod tests;

pub use chain::{Append, Calls, Multicall, Queued};
pub use entry::{Entry, NotRun, for_each};
use xen_abi::xen::*;

use super::hypercalls;

hypercalls! {
    unsafe hypercalls __HYPERVISOR_*;
    callers pv, hvm, arm as OPERATIONS;

    /// Makes the hypercalls of `calls` in their order. Each entry then has the result of its own; one that
    /// fails does not stop those after it. The other members of an entry are not what they were: a debug
    /// build of Xen overwrites them.
    ///
    /// [`Multicall`] is the typed form.
    ///
    /// # Errors
    ///
    /// `ENOSYS` for an HVM or PVH guest of 4.14, `EINVAL` for a multicall as an entry of another.
    ///
    /// # Safety
    ///
    /// As [`call`](super::Hypercall::call) for each entry. Addresses in its arguments are the hypervisor's to
    /// reach, as from [`HypercallBuffer::address`](super::HypercallBuffer::address).
    unsafe call multicall(inout calls: [multicall_entry], count calls) -> errno;
}
