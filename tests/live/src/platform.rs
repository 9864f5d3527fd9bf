//! What can be booted: releases, architectures and modes.

use std::fmt;
use std::ops::Range;

use clap::ValueEnum;
use xen_headers::{PointRelease, pins};
use xen_run::{Arch, Dom0, Hypervisor, Machine};

/// The kind of guest, and of hypervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Mode {
    /// A paravirtualised guest: x86 only.
    Pv,
    /// A translated guest: x86 only.
    Pvh,
    /// Arm's one kind of guest, on a hypervisor of its own architecture.
    Native,
    /// A guest of 32 bits on a hypervisor of 64: Arm only.
    On64,
    /// Debian's Linux as the first domain, in its default mode: a paravirtualised guest on x86. It runs
    /// programs instead of our kernel.
    Linux,
    /// The same as a PVH guest: x86 only.
    LinuxPvh,
}

impl Mode {
    /// Whether the first domain is a Linux that runs programs.
    #[must_use]
    pub fn is_linux(self) -> bool {
        matches!(self, Self::Linux | Self::LinuxPvh)
    }
}

/// One machine that can be booted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The release of Xen.
    pub release: &'static str,
    /// The guest's architecture.
    pub arch: Arch,
    /// Its kind; of several guests the first one's.
    pub mode: Mode,
    /// How many domains there are, each with our kernel; if its mode [is Linux](Mode::is_linux) all but the first.
    pub domains: u16,
}

/// The combinations: the guest's architecture and mode, and how many domains there are. Arm's
/// hypervisors start several without a toolstack; on x86 a Linux starts them.
const COMBINATIONS: [(Arch, Mode, u16); 14] = [
    (Arch::X86_64, Mode::Pv, 1),
    (Arch::X86_64, Mode::Pvh, 1),
    (Arch::X86_32, Mode::Pvh, 1),
    (Arch::Aarch64, Mode::Native, 1),
    (Arch::Arm, Mode::On64, 1),
    (Arch::Arm, Mode::Native, 1),
    (Arch::Aarch64, Mode::Native, 3),
    (Arch::X86_64, Mode::Pv, 3),
    (Arch::X86_64, Mode::Pvh, 3),
    (Arch::X86_64, Mode::Linux, 1),
    (Arch::X86_64, Mode::LinuxPvh, 1),
    (Arch::Aarch64, Mode::Linux, 1),
    (Arch::X86_64, Mode::Linux, 3),
    (Arch::X86_64, Mode::LinuxPvh, 3),
];

/// The machines that show what a release does that no Debian package has: its hypervisor is built from source, and
/// there is neither a Linux nor a toolstack for it.
const BUILT: [(Arch, Mode, u16); 2] = [(Arch::X86_64, Mode::Pv, 1), (Arch::X86_64, Mode::Pvh, 1)];

/// The release of which a Linux is booted once only, with guests of both kinds by its toolstack. Each boot of a
/// Linux takes long, and other releases have all combinations.
const LINUX_ONCE: &str = "4.14";

/// The releases whose headers are pinned, oldest first.
#[must_use]
pub fn releases() -> impl DoubleEndedIterator<Item = &'static str> {
    pins().releases().iter().map(|release| release.name.as_str())
}

/// The releases that are newer, oldest first: their hypervisors are built from source.
pub fn built_releases() -> impl Iterator<Item = &'static str> {
    pins().newer_points().into_iter().map(PointRelease::series)
}

/// The hypervisors that are not pinned though the headers of their release are, on the architectures
/// for which Debian has every release. It has 32-bit Arm's of few.
pub fn missing_hypervisors() -> impl Iterator<Item = (&'static str, Arch)> {
    let all =
        releases().flat_map(|release| [Arch::X86_64, Arch::Aarch64].map(|arch| (release, arch)));
    all.filter(|(release, arch)| Hypervisor::pinned(release, *arch).is_err())
}

/// Everything that can be booted: each combination with every release of which the hypervisor, and the
/// Linux and toolstack that it needs, are pinned.
#[must_use]
pub fn matrix() -> Vec<Row> {
    let rows = COMBINATIONS.iter().flat_map(|&(arch, mode, domains)| {
        releases().map(move |release| Row { release, arch, mode, domains })
    });
    rows.filter(|row| row.is_pinned() && row.is_wanted()).collect()
}

/// What can be booted once its hypervisor was built from source.
pub fn built_rows() -> impl Iterator<Item = Row> {
    let row = |release, (arch, mode, domains)| Row { release, arch, mode, domains };
    built_releases().flat_map(move |release| BUILT.map(|machine| row(release, machine)))
}

impl Row {
    /// The hypervisor's architecture.
    #[must_use]
    pub fn hypervisor(self) -> Arch {
        match self.arch {
            Arch::X86_32 => Arch::X86_64,
            _ if self.mode == Mode::On64 => Arch::Aarch64,
            own => own,
        }
    }

    /// The hypervisor and the first domain.
    #[must_use]
    pub fn machine(self) -> Machine {
        let dom0 = match self.mode {
            Mode::LinuxPvh => Dom0::LinuxPvh,
            _ if self.has_linux() => Dom0::Linux,
            Mode::Pv => Dom0::Pv,
            Mode::Pvh => Dom0::Pvh,
            Mode::Native | Mode::On64 | Mode::Linux => Dom0::Arm,
        };
        Machine::new(self.release, self.hypervisor(), dom0)
    }

    /// Whether the simulator in this process has such guests. On x86 they have the width of the process.
    #[must_use]
    pub fn is_simulated(self) -> bool {
        !self.mode.is_linux() && (self.arch == Arch::X86_32) == cfg!(target_arch = "x86")
    }

    /// Whether everything that is booted is pinned.
    fn is_pinned(self) -> bool {
        self.machine().pinned(self.has_toolstack()).is_ok()
    }

    /// Whether its hypervisor is built from source.
    #[must_use]
    pub fn is_built(self) -> bool {
        built_releases().any(|release| release == self.release)
    }

    /// Whether it is booted though another row shows the same.
    fn is_wanted(self) -> bool {
        let is_one = self.mode == Mode::Pvh && self.has_toolstack();
        self.release != LINUX_ONCE || !self.has_linux() || is_one
    }

    /// The numbers of the domains that write a transcript: all with our kernel, or Linux alone.
    #[must_use]
    pub fn domids(self) -> Range<u16> {
        match self.mode {
            _ if self.mode.is_linux() => 0..1,
            _ if self.has_toolstack() => self.guests(),
            _ => 0..self.domains,
        }
    }

    /// The numbers of the domains that a Linux starts.
    #[must_use]
    pub fn guests(self) -> Range<u16> {
        match self.mode {
            _ if self.mode.is_linux() => 1..self.domains,
            _ if self.has_toolstack() => 1..1 + self.domains,
            _ => 0..0,
        }
    }

    /// The number of a further domain, unprivileged, which runs the scenarios of one domain: by Xen on Arm, by xl on
    /// x86.
    #[must_use]
    pub fn unprivileged(self) -> Option<u16> {
        let starts_more = match self.mode {
            Mode::Native => self.arch == Arch::Aarch64,
            Mode::Pv | Mode::Pvh => self.has_toolstack(),
            Mode::On64 | Mode::Linux | Mode::LinuxPvh => false,
        };
        (starts_more && self.domains > 1).then(|| self.domids().end)
    }

    /// Whether the first domain is a Linux.
    #[must_use]
    pub fn has_linux(self) -> bool {
        self.mode.is_linux() || self.has_toolstack()
    }

    /// Whether the first domain is a Linux that starts others, with our kernel.
    #[must_use]
    pub fn has_toolstack(self) -> bool {
        self.arch == Arch::X86_64 && self.domains > 1
    }

    /// The kind of one of the guests. Of several on x86 every other one is of the other kind, but for the
    /// [unprivileged](Self::unprivileged) one.
    #[must_use]
    pub fn mode_of(self, domid: u16) -> Mode {
        let is_other = self.has_toolstack() && domid % 2 == 0 && self.unprivileged() != Some(domid);
        match self.mode {
            linux if linux.is_linux() && domid == 0 => linux,
            Mode::Pvh if is_other => Mode::Pv,
            _ if is_other => Mode::Pvh,
            Mode::Linux | Mode::LinuxPvh => Mode::Pv,
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

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The name that the command line has for it.
        match self.to_possible_value() {
            Some(value) => f.write_str(value.get_name()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_is_booted_with_some_release() {
        let matrix = matrix();
        for (arch, mode, domains) in COMBINATIONS {
            let is_it = |row: &&Row| (row.arch, row.mode, row.domains) == (arch, mode, domains);
            assert!(matrix.iter().any(|row| is_it(&row)), "{arch} {mode} {domains}");
        }
        let names: Vec<_> = matrix.iter().map(Row::to_string).collect();
        for name in [
            "4.14 x86_64 pvh",
            "4.17 arm native",
            "4.14 aarch64 native 3 domains",
            "4.14 x86_64 pvh 3 domains",
            "4.17 x86_64 linux-pvh",
            "4.20 x86_64 linux-pvh 3 domains",
        ] {
            assert!(names.iter().any(|own| own == name), "no {name} in {names:#?}");
        }
        assert!(names.iter().all(|own| own != "4.20 arm native"), "Debian has none");
        assert!(names.iter().all(|own| own != "4.14 x86_64 linux"), "one Linux for that release");
    }

    #[test]
    fn every_pinned_hypervisor_is_booted() {
        for known in Hypervisor::all() {
            let is_it = |row: &Row| {
                row.release == known.release && row.hypervisor().debian() == known.package.arch
            };
            assert!(matrix().iter().any(is_it), "{} {}", known.release, known.package.arch);
        }
    }

    #[test]
    fn domains_that_a_linux_starts_are_of_both_kinds() {
        for mode in [Mode::Linux, Mode::LinuxPvh] {
            let linux = Row { release: "4.20", arch: Arch::X86_64, mode, domains: 3 };
            let modes = [0, 1, 2].map(|domid| linux.mode_of(domid));
            assert_eq!(modes, [mode, Mode::Pv, Mode::Pvh]);
            assert_eq!((linux.domids(), linux.guests()), (0..1, 1..3));
        }
    }

    #[test]
    fn an_unprivileged_domain_is_of_the_mode_s_kind() {
        for (arch, mode, domid) in [
            (Arch::X86_64, Mode::Pv, Some(4)),
            (Arch::X86_64, Mode::Pvh, Some(4)),
            (Arch::X86_64, Mode::Linux, None),
            (Arch::Aarch64, Mode::Native, Some(3)),
        ] {
            let row = Row { release: "4.20", arch, mode, domains: 3 };
            assert_eq!(row.unprivileged(), domid, "{row}");
            assert!(domid.is_none_or(|domid| row.mode_of(domid) == mode), "{row}");
            assert_eq!(Row { domains: 1, ..row }.unprivileged(), None, "{row}");
        }
    }
}
