//! `KEXEC_CMD_*`: a kernel to start in place of Xen, at once or after a crash.
//!
//! For a control domain that is a PV guest, else `EPERM` or `ENOSYS`. Two commands are obsolete, and have no
//! function: `KEXEC_CMD_kexec_load_v1` and `KEXEC_CMD_kexec_unload_v1`.
//!
//! Upstream: `xen/include/public/kexec.h`.

use xen_abi::kexec::*;
use xen_abi::xen::__HYPERVISOR_kexec_op;

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_kexec_op(command, argument);
    commands KEXEC_CMD_*, arguments xen_*;
    callers control as OPERATIONS;

    /// Starts the image of `type_` (`KEXEC_TYPE_*`). Does not return if it succeeds.
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such type), `ENOENT` (no such image).
    ///
    /// # Safety
    ///
    /// The machine ends as it is.
    unsafe single exec = KEXEC_CMD_kexec: xen_kexec_exec on x86 {
        in type_: i32,
    } -> errno;

    /// Where in memory something lies (`KEXEC_RANGE_*`).
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such range, or a CPU that is not online), `ERANGE` (no such CPU).
    single get_range = KEXEC_CMD_kexec_get_range on x86 (inout range: &mut xen_kexec_range) -> errno;

    /// Loads an image.
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such type or architecture, or segments that cannot be), `ENOMEM`, `EBUSY` (Xen is about to
    /// start an image), `EADDRNOTAVAIL` (a segment outside the memory for crash kernels).
    ///
    /// # Safety
    ///
    /// The handles are to segments, and theirs to their contents.
    unsafe single load = KEXEC_CMD_kexec_load on x86 (in load: &xen_kexec_load) -> errno;

    /// Frees the image of `type_`.
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such type), `EBUSY` (Xen is about to start an image).
    single unload = KEXEC_CMD_kexec_unload: xen_kexec_unload on x86 {
        in type_: u8,
    } -> errno;

    /// Whether there is an image of `type_`: 1 or 0. Since 4.8.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such type.
    single status = KEXEC_CMD_kexec_status: xen_kexec_status on x86 {
        in type_: u8,
    } -> value;
}
