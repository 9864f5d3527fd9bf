//! What can be booted: releases, architectures and modes.

use std::fmt;
use std::ops::Range;

use clap::ValueEnum;

/// The architecture of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Arch {
    /// x86 with 64 bits.
    #[value(name = "x86-64")]
    X86_64,
    /// Arm with 64 bits.
    Arm64,
    /// Arm with 32 bits.
    Armhf,
}

/// The kind of guest, and what is underneath.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Mode {
    /// A paravirtualised guest: x86 only.
    Pv,
    /// A translated guest of x86.
    Pvh,
    /// Arm's one kind of guest, on a hypervisor of its own architecture.
    Native,
    /// A guest of 32 bits on a hypervisor of 64: Arm only.
    On64,
    /// Debian's Linux as the first domain, in the mode that it has where nothing else is asked for: a
    /// paravirtualised guest on x86. It runs programs instead of our kernel.
    Linux,
}

/// One combination that there is a hypervisor for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The release of Xen.
    pub release: &'static str,
    /// The guest's architecture.
    pub arch: Arch,
    /// Its kind; of several guests the first one's.
    pub mode: Mode,
    /// How many domains there are, each with our kernel; in [`Mode::Linux`] all but the first.
    pub domains: u16,
}

/// The releases, oldest first.
const RELEASES: [&str; 3] = ["4.14", "4.17", "4.20"];

/// The combinations, with the releases for which Debian has a hypervisor, and how many domains there
/// are. Arm's hypervisors start several without a toolstack; on x86 a Linux starts them, of the releases
/// whose toolstack Debian still looks after.
const COMBINATIONS: [(Arch, Mode, &[&str], u16); 11] = [
    (Arch::X86_64, Mode::Pv, &RELEASES, 1),
    (Arch::X86_64, Mode::Pvh, &RELEASES, 1),
    (Arch::Arm64, Mode::Native, &RELEASES, 1),
    (Arch::Armhf, Mode::On64, &RELEASES, 1),
    (Arch::Armhf, Mode::Native, &["4.17"], 1),
    (Arch::Arm64, Mode::Native, &RELEASES, 3),
    (Arch::X86_64, Mode::Pv, &["4.17", "4.20"], 3),
    (Arch::X86_64, Mode::Pvh, &["4.17", "4.20"], 3),
    (Arch::X86_64, Mode::Linux, &["4.17", "4.20"], 1),
    (Arch::Arm64, Mode::Linux, &["4.20"], 1),
    (Arch::X86_64, Mode::Linux, &["4.17", "4.20"], 3),
];

/// Everything that can be booted.
#[must_use]
pub fn matrix() -> Vec<Row> {
    let rows = COMBINATIONS.iter().flat_map(|&(arch, mode, releases, domains)| {
        releases.iter().map(move |&release| Row { release, arch, mode, domains })
    });
    rows.collect()
}

impl Row {
    /// Debian's name of the hypervisor's architecture.
    #[must_use]
    pub fn hypervisor(self) -> &'static str {
        match (self.arch, self.mode) {
            (Arch::X86_64, _) => "amd64",
            (Arch::Arm64, _) | (Arch::Armhf, Mode::On64) => "arm64",
            (Arch::Armhf, _) => "armhf",
        }
    }

    /// The numbers of the domains that write a transcript: all with our kernel, or Linux alone.
    #[must_use]
    pub fn domids(self) -> Range<u16> {
        match self.mode {
            Mode::Linux => 0..1,
            _ if self.has_toolstack() => self.guests(),
            _ => 0..self.domains,
        }
    }

    /// The numbers of the domains that a Linux starts.
    #[must_use]
    pub fn guests(self) -> Range<u16> {
        match self.mode {
            Mode::Linux => 1..self.domains,
            _ if self.has_toolstack() => 1..1 + self.domains,
            _ => 0..0,
        }
    }

    /// Whether the first domain is a Linux.
    #[must_use]
    pub fn has_linux(self) -> bool {
        self.mode == Mode::Linux || self.has_toolstack()
    }

    /// Whether the first domain is a Linux that starts others, with our kernel.
    #[must_use]
    pub fn has_toolstack(self) -> bool {
        self.arch == Arch::X86_64 && self.domains > 1
    }

    /// The kind of one of the guests. Of several on x86 every other one is of the other kind.
    #[must_use]
    pub fn mode_of(self, domid: u16) -> Mode {
        let is_other = self.has_toolstack() && domid % 2 == 0;
        match self.mode {
            Mode::Linux if domid == 0 => Mode::Linux,
            Mode::Pv | Mode::Linux if is_other => Mode::Pvh,
            Mode::Pvh if is_other => Mode::Pv,
            Mode::Linux => Mode::Pv,
            mode => mode,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.release, self.arch, self.mode)?;
        if self.domains == 1 { Ok(()) } else { write!(f, " {} domains", self.domains) }
    }
}

/// The name that the command line has for a value.
fn name(value: &impl ValueEnum, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value.to_possible_value() {
        Some(value) => f.write_str(value.get_name()),
        None => Ok(()),
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        name(self, f)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        name(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xen_headers::Hypervisor;

    #[test]
    fn every_row_has_a_pinned_hypervisor() {
        for row in matrix() {
            Hypervisor::known(row.release, row.hypervisor()).unwrap();
        }
        assert_eq!(matrix().len(), 25);
        assert_eq!(matrix()[3].to_string(), "4.14 x86-64 pvh");
        let linux = Row { release: "4.20", arch: Arch::X86_64, mode: Mode::Linux, domains: 3 };
        let modes = [0, 1, 2].map(|domid| linux.mode_of(domid));
        assert_eq!(modes, [Mode::Linux, Mode::Pv, Mode::Pvh]);
        assert_eq!((linux.domids(), linux.guests()), (0..1, 1..3));
        assert_eq!(matrix()[13].to_string(), "4.14 arm64 native 3 domains");
    }
}
