//! The command line, and what it says to boot.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use xen_run::{Arch, Dom0, Hypervisor, Kernel, Machine};

/// The release that is booted unless another is named.
const RELEASE: &str = "4.20";

/// Boots a kernel under a real Xen in QEMU, or a program in a Linux dom0.
#[derive(Clone, Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  \
        xen-run kernel                                  the newest Xen, the mode that fits the kernel\n  \
        xen-run --release 4.14 --mode pv kernel a=1 b   an older Xen, and words for the kernel\n  \
        xen-run --domains 3 kernel me={domid}           three domains; {domid} becomes 1, 2 and 3\n  \
        xen-run --mode linux program --verbose          a static program in a Linux dom0\n  \
        xen-run --mode linux --guest kernel program     the same beside a domain with a kernel\n  \
        xen-run --mode linux-pvh program                Linux as a PVH guest\n  \
        xen-run --gdb 1234 kernel                       waits for gdb at port 1234\n\n\
        As cargo's runner: runner = \"xen-run\" in .cargo/config.toml; options are then environment\n\
        variables, as in: XEN_RUN_RELEASE=4.17 XEN_RUN_MODE=pv cargo run"
)]
pub(crate) struct Options {
    /// The kernel, or with --mode linux or linux-pvh the program; then words for it, in which {domid} is the number of
    /// the domain
    #[arg(
        value_names = ["FILE", "WORDS"],
        num_args = 1..,
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    command: Vec<OsString>,
    /// The release of Xen
    #[arg(long, env = "XEN_RUN_RELEASE", default_value = RELEASE, value_parser = release)]
    pub(crate) release: String,
    /// What is booted; by default what the kernel's file is made for
    #[arg(long, env = "XEN_RUN_MODE")]
    pub(crate) mode: Option<Mode>,
    /// So many domains with this kernel
    #[arg(long, env = "XEN_RUN_DOMAINS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub(crate) domains: u16,
    /// So many processors; dom0 has as many vCPUs
    #[arg(long, env = "XEN_RUN_CPUS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=8))]
    pub(crate) cpus: u16,
    /// A kernel that Linux starts as a domain beside the program; may be repeated
    #[arg(long, value_name = "KERNEL")]
    pub(crate) guest: Vec<PathBuf>,
    /// A file that is the disk xvda of each domain that Linux starts, and the next one xvdb; may be repeated. Of what
    /// is written there nothing is kept. PV and PVH kernels are started by Linux then
    #[arg(long, env = "XEN_RUN_DISK", value_name = "FILE", value_delimiter = ':')]
    pub(crate) disk: Vec<PathBuf>,
    /// Seconds until a machine that has not ended is ended; 0 for none [default: 60, with Linux 360]
    #[arg(long, env = "XEN_RUN_TIMEOUT", value_name = "SECONDS")]
    pub(crate) timeout: Option<u32>,
    /// Wait for gdb at this port of the local host, without a time limit
    #[arg(long, env = "XEN_RUN_GDB", value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = "1234")]
    pub(crate) gdb: Option<u16>,
    /// Write all that comes over the serial line to this file too
    #[arg(long, env = "XEN_RUN_LOG", value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// A hypervisor of your own, as the pinned one is: an image that is not compressed
    #[arg(long, env = "XEN_RUN_HYPERVISOR", value_name = "FILE")]
    pub(crate) hypervisor: Option<PathBuf>,
    /// Words for the hypervisor's command line
    #[arg(
        long,
        env = "XEN_RUN_XEN_ARGUMENTS",
        value_name = "WORDS",
        default_value = "",
        allow_hyphen_values = true
    )]
    pub(crate) xen_arguments: String,
    /// Where images are kept [default: xen-run in the user's cache directory]
    #[arg(long, env = "XEN_RUN_CACHE", value_name = "DIRECTORY")]
    pub(crate) cache: Option<PathBuf>,
    /// Take images from the cache only
    #[arg(long, env = "XEN_RUN_OFFLINE")]
    pub(crate) offline: bool,
    /// Show Xen's own lines too, and how QEMU is called
    #[arg(long, short, env = "XEN_RUN_VERBOSE")]
    pub(crate) verbose: bool,
}

/// What is booted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// The kernel as a PV guest on x86-64
    Pv,
    /// The kernel as a PVH guest on x86-64
    Pvh,
    /// The kernel on 64-bit Arm
    Arm64,
    /// The kernel on 32-bit Arm, under 64-bit Xen where no other is pinned
    Armhf,
    /// Several domains on Arm without a toolstack
    Dom0less,
    /// Debian's Linux as dom0, with a program; as a PV guest
    Linux,
    /// The same as a PVH guest
    LinuxPvh,
}

impl Mode {
    /// Whether it is a program in Linux that is booted, not a kernel.
    pub(crate) fn is_linux(self) -> bool {
        matches!(self, Self::Linux | Self::LinuxPvh)
    }
}

/// A release that is pinned.
fn release(text: &str) -> Result<String, String> {
    let mut all: Vec<_> = Hypervisor::all().iter().map(|known| known.release.as_str()).collect();
    all.dedup();
    if all.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(format!("known are {}", all.join(", ")))
    }
}

impl Options {
    /// The kernel, or the program for Linux.
    pub(crate) fn file(&self) -> &Path {
        self.command.first().map_or(Path::new(""), Path::new)
    }

    /// The words for it. What is no text is replaced: the kernel's command line is text.
    pub(crate) fn words(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.command.iter().skip(1).map(|word| word.to_string_lossy())
    }

    /// The mode, and the kernel if there is one to look at.
    pub(crate) fn mode(&self) -> Result<(Mode, Option<Kernel>), xen_run::Error> {
        if let Some(mode) = self.mode.filter(|mode| mode.is_linux()) {
            return Ok((mode, None));
        }
        let kernel = Kernel::open(self.file())?;
        let fitting = match kernel.arch {
            Arch::Aarch64 if self.domains > 1 => Mode::Dom0less,
            Arch::Aarch64 => Mode::Arm64,
            Arch::Arm if self.domains > 1 => Mode::Dom0less,
            Arch::Arm => Mode::Armhf,
            Arch::X86_64 if kernel.pv => Mode::Pv,
            _ => Mode::Pvh,
        };
        Ok((self.mode.unwrap_or(fitting), Some(kernel)))
    }

    /// The machine for a mode.
    pub(crate) fn machine(&self, mode: Mode) -> Machine {
        let (arch, dom0) = match mode {
            Mode::Pv | Mode::Pvh if self.are_started_by_linux() => (Arch::X86_64, Dom0::Linux),
            Mode::Pv => (Arch::X86_64, Dom0::Pv),
            Mode::Pvh => (Arch::X86_64, Dom0::Pvh),
            Mode::Arm64 | Mode::Dom0less => (Arch::Aarch64, Dom0::Arm),
            Mode::Armhf => {
                let native = Hypervisor::pinned(&self.release, Arch::Arm).is_ok();
                (if native { Arch::Arm } else { Arch::Aarch64 }, Dom0::Arm)
            }
            Mode::Linux => (Arch::X86_64, Dom0::Linux),
            Mode::LinuxPvh => (Arch::X86_64, Dom0::LinuxPvh),
        };
        Machine::new(&self.release, arch, dom0)
    }

    /// Whether a Linux starts PV and PVH domains: several, or some with disks.
    pub(crate) fn are_started_by_linux(&self) -> bool {
        self.domains > 1 || !self.disk.is_empty()
    }

    /// The command line of a domain.
    pub(crate) fn command_line(&self, domid: u16) -> String {
        self.words().collect::<Vec<_>>().join(" ").replace("{domid}", &domid.to_string())
    }

    /// The time limit: none if there is to be none at all, `Some(None)` for the usual one.
    pub(crate) fn time(&self) -> Option<Option<Duration>> {
        match self.timeout {
            _ if self.gdb.is_some() => None,
            Some(0) => None,
            Some(seconds) => Some(Some(Duration::from_secs(seconds.into()))),
            None => Some(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn words_after_the_kernel_are_the_kernels() {
        let options =
            Options::parse_from(["xen-run", "--mode", "pv", "kernel", "--mode", "x", "{domid}"]);
        assert_eq!(options.command_line(3), "--mode x 3");
        assert_eq!(options.machine(Mode::Pv), Machine::new("4.20", Arch::X86_64, Dom0::Pv));
    }

    #[test]
    fn a_program_for_linux_is_no_kernel_to_look_at() {
        for (name, mode, dom0) in
            [("linux", Mode::Linux, Dom0::Linux), ("linux-pvh", Mode::LinuxPvh, Dom0::LinuxPvh)]
        {
            let options = Options::parse_from(["xen-run", "--mode", name, "no such file"]);
            assert_eq!(options.mode().unwrap(), (mode, None));
            assert_eq!(options.machine(mode), Machine::new("4.20", Arch::X86_64, dom0));
        }
    }

    #[test]
    fn kernels_for_32_bit_arm_run_on_every_release() {
        for (release, arch) in
            [("4.14", Arch::Aarch64), ("4.17", Arch::Arm), ("4.20", Arch::Aarch64)]
        {
            let options = Options::parse_from(["xen-run", "--release", release, "kernel"]);
            assert_eq!(options.machine(Mode::Armhf), Machine::new(release, arch, Dom0::Arm));
        }
    }

    #[test]
    fn releases_that_are_not_pinned_are_refused_with_those_that_are() {
        let error = Options::try_parse_from(["xen-run", "--release", "4.9", "kernel"]).unwrap_err();
        assert!(error.to_string().contains("4.14, 4.17, 4.20"), "{error}");
    }
}
