//! The end: a status for the program that started the machine.
//!
//! The statuses are QEMU's exit statuses. That of success is none that QEMU has for other ends.

use core::sync::atomic::{AtomicBool, Ordering};

use xen_guest::qemu;
use xen_guest::shutdown::{Reason, shutdown};

/// How the guest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// All was run; whether the results are right is for the harness to say.
    Done = 85,
    /// A panic, which is on the console.
    Panic = 101,
    /// The processor refused something; it is on the console.
    #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
    Exception = 103,
}

/// Whether the machine is to go on when this domain ends.
static GOES_ON: AtomicBool = AtomicBool::new(false);

/// Says that this is one of several domains, and not the one that ends the machine.
pub(crate) fn let_machine_go_on() {
    GOES_ON.store(true, Ordering::Relaxed);
}

/// Ends the whole machine, or the domain if the machine is to go on.
pub(crate) fn exit(status: Status) -> ! {
    if !GOES_ON.load(Ordering::Relaxed) {
        qemu::exit(status as u8);
    }
    shutdown(if status == Status::Done { Reason::Poweroff } else { Reason::Crash })
}
