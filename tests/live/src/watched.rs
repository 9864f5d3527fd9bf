//! A write to another domain's page, seen through Xen's monitor ring.

use std::path::Path;
use std::time::Duration;

use crate::{Arch, Boot, Error, Mode};

/// The release whose hypervisor for Arm is built from source: it can restrict pages, Debian's are built without
/// `CONFIG_MEM_ACCESS`.
pub const WATCHED: &str = "4.20";

/// What the example `watch_writes` says, in this order: the first of three writes is seen before it is done, and
/// the guest goes on.
const EXPECTED: [&str; 5] = [
    "page 0x40003 is r-x",
    "the page holds 0",
    "vCPU 0: a write to page 0x40003, offset 0x0",
    "page 0x40003 is rwx",
    "the guest has shut down, and the page holds 3",
];

/// Boots a hypervisor for Arm, on which the example `watch_writes` makes a domain and watches a page of it.
/// Returns how long the machine ran, or the line that the example did not say.
///
/// # Errors
///
/// As [`Boot::run`].
pub fn watch_writes(hypervisor: &Path) -> Result<Result<Duration, &'static str>, Error> {
    let boot = Boot::new(WATCHED, Arch::Aarch64, Mode::Linux).hypervisor(hypervisor);
    let report = boot.without_transcript().dom0_program("watch_writes", "")?.run()?;
    let mut lines = report.output.lines().map(str::trim_end);
    let missing = EXPECTED.into_iter().find(|wanted| !lines.any(|line| line == *wanted));
    Ok(missing.map_or(Ok(report.elapsed), Err))
}
