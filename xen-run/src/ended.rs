//! A machine that has ended, and what came of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use debian_packages::Replaced;
use tempfile::TempDir;

use crate::{Cause, process};

/// The exit status of QEMU by which a guest says that all went well: none that QEMU has for other ends.
pub const SUCCESS: i32 = 85;

/// Words of Xen, Linux and of kernels over xen-guest after which nothing good comes.
const CRASHES: [&str; 10] = [
    "Panic on CPU",
    "Domain 0 crashed",
    "Hardware Dom0 crashed",
    "(vcpu#0) crashed",
    "Could not construct domain 0",
    "Triple fault",
    "@panic",
    "@exception",
    "@failed",
    "Kernel panic - not syncing",
];

/// What Xen writes when the first domain asks for a restart.
const REBOOT: &str = "Dom0 shutdown: rebooting machine";

/// A machine that has ended, and what came of it.
#[derive(Debug)]
pub struct Ended {
    /// All that came over the serial line.
    pub output: String,
    /// QEMU's exit status, none if a signal ended it; or why it was killed.
    pub end: Result<Option<i32>, Cause>,
    /// How long it ran.
    pub elapsed: Duration,
    /// What QEMU said of its own.
    pub complaints: String,
    /// QEMU's command line, for a shell.
    pub command: String,
    /// The packages that are not the pinned ones.
    pub replaced: Vec<Replaced>,
    pub(crate) log: PathBuf,
    pub(crate) place: TempDir,
}

impl Ended {
    /// Whether it was a success: the exit status is [`SUCCESS`] or the first domain powered off, and
    /// no domain crashed.
    ///
    /// # Errors
    ///
    /// What went wrong.
    pub fn verdict(&self) -> Result<(), Cause> {
        let status = self.ran()?;
        if status == Some(SUCCESS) || process::is_powered_off(&self.output) {
            return Ok(());
        }
        if self.output.contains(REBOOT) { Err(Cause::Reboot) } else { Err(Cause::Status(status)) }
    }

    /// QEMU's exit status, if QEMU ended by itself and no domain crashed.
    ///
    /// # Errors
    ///
    /// What went wrong.
    pub fn ran(&self) -> Result<Option<i32>, Cause> {
        let is_crash = |line: &&str| CRASHES.iter().any(|word| line.contains(word));
        match self.output.lines().find(is_crash) {
            Some(line) => Err(Cause::Crash(line.trim().to_owned())),
            None => self.end.clone(),
        }
    }

    /// The last lines of what the machine wrote and QEMU said, without what a terminal would not show.
    #[must_use]
    pub fn tail(&self, lines: usize) -> String {
        let text = format!("{}\n{}", self.output, self.complaints);
        let all: Vec<_> = text.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect();
        let printable = |c: char| if c.is_control() && c != '\n' { '.' } else { c };
        all[all.len().saturating_sub(lines)..].join("\n").chars().map(printable).collect()
    }

    /// The log of the serial line. It is removed with the value unless [`keep`](Self::keep) says otherwise.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Leaves the files of the boot where they are.
    pub fn keep(&mut self) {
        self.place.disable_cleanup(true);
    }
}
