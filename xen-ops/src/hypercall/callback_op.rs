//! `CALLBACKOP_*`: where Xen enters the kernel of a PV guest.
//!
//! Upstream: `xen/include/public/callback.h`.

use xen_abi::callback::*;
use xen_abi::xen::__HYPERVISOR_callback_op;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use xen_abi::xen::xen_callback_t;

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_callback_op(command, argument);
    commands CALLBACKOP_*, arguments callback_*;
    callers pv as OPERATIONS;

    /// Sets where Xen enters the kernel for `type_` (`CALLBACKTYPE_*`).
    ///
    /// # Errors
    ///
    /// `EINVAL` (an address that is not canonical, from 4.19 on), `ENOSYS` (no such type).
    ///
    /// # Safety
    ///
    /// The address is that of such an entry.
    unsafe single register on x86 {
        in type_: u16,
        in flags: CallbackFlags,
        in address: xen_callback_t,
    } -> errno;

    /// Takes the handler of `CALLBACKTYPE_nmi` away.
    ///
    /// # Errors
    ///
    /// `EINVAL` (a type that a guest cannot be without), `ENOSYS` (no such type).
    single unregister on x86 {
        in type_: u16,
    } -> errno;
}
