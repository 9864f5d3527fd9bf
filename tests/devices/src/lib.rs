//! The kernel's `/dev/xen` devices without a Xen, for any program, with faults on demand.
//!
//! A [`Program`] runs under ptrace. Where it opens a device below `/dev/xen`, it gets a descriptor
//! that this crate answers for; every other system call is the real kernel's. The program need not
//! know: ours, another Rust crate or a C library are all supervised at the same boundary.
//!
//! ```no_run
//! use xen_devices::{Device, Errno, Held, Program};
//!
//! let run = Program::new("target/debug/cases").arg("map").fail(1, Errno::ENOMEM).run()?;
//! let window = run.window("map");
//! assert!(window.calls[1].is(Device::Gntdev, "mmap"));
//! assert_eq!(window.leaked().count(Held::Index), 0);
//! # Ok::<(), xen_devices::Error>(())
//! ```
//!
//! A supervised program marks what it wants looked at with [`window`]. Within, system calls are
//! listed and can be made to fail; what the program holds before and after is compared.
//!
//! The devices follow Linux 6.12 in a domain that is not PV. What the other domains have to offer
//! is fixed, and described in [`peers`].
//!
//! A device's descriptor is that of a memory file, so that the real kernel maps and closes it; evtchn's
//! is an event file, so that it can be polled. What is open and mapped is asked of `/proc`, whatever
//! calls brought it about. `open`, `openat`, `ioctl`, `mmap`, `read` and `write` are answered for.
//! `examples/look.rs` shows what any program does.
//!
//! Supervision needs Linux on `x86_64`; elsewhere only what a supervised program uses is compiled.

pub mod heap;
mod marker;

pub use marker::window;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod supervise {
    pub mod peers;

    mod call;
    mod device;
    mod errnos;
    mod error;
    mod event;
    mod fault;
    mod kernel;
    mod process;
    mod program;
    mod state;
    mod supervisor;
    mod thread;

    pub use call::Call;
    pub use device::Device;
    pub use errnos::errnos;
    pub use error::Error;
    pub use nix::errno::Errno;
    pub use program::{Ending, Program, Run, Window};
    pub use state::{Held, State};
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use supervise::*;
