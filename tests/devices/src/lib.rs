//! The kernel's devices in `/dev/xen` without Xen, for any program, with faults on demand.
//!
//! A [`Program`] runs under ptrace. If it opens a device in `/dev/xen`, it gets a descriptor for which
//! this crate answers; all other system calls go to the real kernel. The program needs no change, so
//! other Rust crates and C libraries are supervised in the same way as ours.
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
//! A supervised program marks an operation with [`window`]. The supervisor lists the system calls in it,
//! can make them fail, and compares what the program holds before and after.
//!
//! The devices behave as those of Linux 6.12 in a domain that is not PV. The other domains are fixed, and
//! described in [`peers`].
//!
//! A device's descriptor is that of a memory file, so the real kernel maps and closes it; evtchn's is an
//! eventfd, so it can be polled. `/proc` tells what is open and mapped. The crate answers `open`,
//! `openat`, `ioctl`, `mmap`, `read` and `write`. `examples/look.rs` shows the system calls of any
//! program.
//!
//! Supervision needs Linux on `x86_64`. Elsewhere only [`window`] and [`heap`] are compiled.

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
