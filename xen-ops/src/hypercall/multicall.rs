//! `multicall`: several hypercalls in one.
//!
//! Upstream: `xen/include/public/xen.h`.

use xen_abi::xen::*;

use super::hypercalls;

hypercalls! {
    unsafe hypercalls __HYPERVISOR_*;
    callers pv, hvm, arm as OPERATIONS;

    /// Makes the hypercalls of `calls` in their order. Each entry then has the result of its own; one that
    /// fails does not stop those after it. An HVM or PVH guest is answered `ENOSYS` by 4.14.
    ///
    /// # Safety
    ///
    /// As [`call`](super::Hypercall::call) for each entry. Addresses in its arguments are the hypervisor's to
    /// reach, as from [`HypercallBuffer::address`](super::HypercallBuffer::address).
    unsafe call multicall(inout calls: [multicall_entry], count calls) -> errno;
}
