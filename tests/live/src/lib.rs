//! Boots real Xen hypervisors with our own guest kernel, without KVM, and reads what it wrote.
//!
//! ```no_run
//! use xen_live::{Arch, Boot, Mode};
//!
//! let report = Boot::new("4.20", Arch::X86_64, Mode::Pvh).scenario("gnttab-map").run()?;
//! println!("{} steps in {:?}", report.transcript.len(), report.elapsed);
//! # Ok::<(), xen_live::Error>(())
//! ```
//!
//! In [`Mode::Linux`] and [`Mode::LinuxPvh`] the first domain is Debian's Linux, with `/dev/xen` and a
//! shell. It runs programs that need no library, and on x86-64 the hypervisor's own toolstack starts
//! further domains:
//!
//! ```no_run
//! use std::path::Path;
//! use xen_live::{Arch, Boot, Mode};
//!
//! let boot = Boot::new("4.20", Arch::X86_64, Mode::Linux).toolstack();
//! let boot = boot.file("guest", Path::new("kernel")).file("guest.cfg", Path::new("guest.cfg"));
//! let boot = boot.command("xl create /guest.cfg").program(Path::new("program"), "1");
//! let report = boot.command("cat /var/log/xen/console/guest-*.log").run()?;
//! # Ok::<(), xen_live::Error>(())
//! ```
//!
//! A boot passes if every domain said that it was through, none of its lines was lost, and QEMU's
//! exit status is the one that the guest asked for. An exit status of 0 is never a pass: that is how
//! QEMU ends when a domain or Xen itself crashes.

mod boot;
mod built;
mod compare;
mod differences;
mod error;
mod guest;
mod platform;
mod programs;
mod shell;
mod simulated;
mod transcript;
mod watched;

pub use boot::{Boot, Report};
pub use built::built_hypervisor;
pub use compare::{
    Divergence, REFERENCE, compare, compare_random, compare_simulated, reference, stale,
};
pub use differences::Where;
pub use error::{Cause, Error, Failure};
pub use guest::build_kernel;
pub use platform::{Mode, Row, built_releases, built_rows, matrix, missing_hypervisors, releases};
pub use shell::{until, until_written};
pub use simulated::{Calls, run as simulate, run_unprivileged as simulate_unprivileged};
pub use transcript::{Step, Transcript};
pub use watched::{WATCHED, watch_writes};
pub use xen_run::Arch;
