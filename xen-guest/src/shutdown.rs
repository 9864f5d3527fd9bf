//! The end of the domain, and what a panic ends in.

#![allow(unsafe_code, reason = "a hypercall that does not return")]

use core::panic::PanicInfo;

use xen_abi::sched::{
    SHUTDOWN_crash, SHUTDOWN_poweroff, SHUTDOWN_reboot, SHUTDOWN_soft_reset, SHUTDOWN_watchdog,
};
use xen_ops::hypercall::sched_op;

use crate::{backend, console};

/// Why a domain ends: `SHUTDOWN_*`. The toolstack decides what follows.
///
/// Upstream: `xen/include/public/sched.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Reason {
    /// It is done.
    Poweroff = SHUTDOWN_poweroff,
    /// It wants to be started again.
    Reboot = SHUTDOWN_reboot,
    /// It has failed.
    Crash = SHUTDOWN_crash,
    /// Its watchdog has not been set again in time.
    Watchdog = SHUTDOWN_watchdog,
    /// It wants to be started again with its memory as it is.
    SoftReset = SHUTDOWN_soft_reset,
}

/// Ends the domain, after its console has been read if it has a ring. Before there is a
/// [`backend`], the processor stops.
pub fn shutdown(reason: Reason) -> ! {
    console::flush();
    if let Some(xen) = backend::current() {
        // SAFETY: the reason is no suspension.
        let _ = unsafe { sched_op::shutdown(&xen, reason as u32) };
    }
    loop {
        core::hint::spin_loop();
    }
}

/// Writes a panic's message and place to the console, and ends the domain as crashed: the whole of a
/// kernel's panic handler.
///
/// ```no_run
/// # #![allow(unexpected_cfgs)]
/// #[cfg_attr(target_os = "none", panic_handler)]
/// fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
///     xen_guest::shutdown::panic(info)
/// }
/// ```
pub fn panic(info: &PanicInfo<'_>) -> ! {
    console::write_line(format_args!("panic: {}", info.message()));
    if let Some(location) = info.location() {
        console::write_line(format_args!("  at {location}"));
    }
    shutdown(Reason::Crash)
}
