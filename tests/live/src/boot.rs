//! One boot, from what is wanted to the transcript.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use xen_run::{Ended, GuestKind, Replaced, SUCCESS};
use xen_scenarios::{RANDOM, SCENARIOS};

use crate::platform::{built_releases, built_rows};
use crate::{Arch, Cause, Error, Failure, Mode, Row, Transcript};
use crate::{guest, matrix, programs};

/// What Xen is told where our kernel is alone: handles for 255 mappings, of which it runs out.
const FEW_HANDLES: &str = "gnttab_max_maptrack_frames=1";

/// Scenarios that the further domain does not run: it has more handles than can be used up in time, the
/// simulator has no 32-bit code and no PV kernel's page tables, and `library` moves the table's frames, which
/// random operations have used.
const LEFT_OUT: [&str; 4] = ["gnttab-limits", "compat", "pv", "library"];

/// Scenarios that Linux does not run as a PVH domain: they map grants of their own domain. Xen then moves the page from
/// the frame of its owner to that of the mapping (`p2m_add_page`), and Linux panics when it uses the owner's again.
const MAPPING_OWN: [&str; 3] = ["gntdev", "gntdev-notify", "grants"];

/// How long a machine may take with a further domain.
const LONGER: Duration = Duration::from_secs(180);

/// How many lines of the log a failure shows.
const TAIL: usize = 25;

/// A boot to be done.
#[derive(Clone, Debug)]
pub struct Boot {
    release: String,
    arch: Arch,
    mode: Mode,
    domains: u16,
    scenarios: Vec<String>,
    keep: bool,
    kernel: Option<PathBuf>,
    without_transcript: bool,
    arguments: String,
    has_commands: bool,
    vcpus: u16,
    unprivileged: bool,
    machine: xen_run::Boot,
}

/// A boot that was a success.
#[derive(Debug)]
pub struct Report {
    /// What the guests wrote.
    pub transcript: Transcript,
    /// How long QEMU ran.
    pub elapsed: Duration,
    /// The serial log, if it was to be kept.
    pub log: Option<PathBuf>,
    /// All that came over the serial line.
    pub output: String,
    /// The packages that are not the pinned ones.
    pub replaced: Vec<Replaced>,
}

impl Boot {
    /// A boot of a release, for example `4.20`, with our kernel as its only domain and all
    /// scenarios.
    #[must_use]
    pub fn new(release: &str, arch: Arch, mode: Mode) -> Self {
        let row = Row { release: "", arch, mode, domains: 1 };
        let machine = xen_run::Boot::new(row.machine());
        Self {
            release: release.to_owned(),
            arch,
            mode,
            domains: 1,
            scenarios: Vec::new(),
            keep: false,
            kernel: None,
            without_transcript: false,
            arguments: String::new(),
            has_commands: false,
            vcpus: 1,
            unprivileged: false,
            machine: machine
                .unchecked()
                .cache(&debian_packages::default_cache())
                .place(&guest::target_dir()),
        }
    }

    /// So many domains, each with our kernel, and the scenario of several.
    #[must_use]
    pub fn domains(self, domains: u16) -> Self {
        Self { domains, ..self }
    }

    /// So many vCPUs for our kernel as the first domain. If they are several, the machine has two processors, and
    /// Xen schedules by credit, not by its default, credit2.
    ///
    /// With credit2, guests of PVH and aarch64 with four vCPUs on two processors often stopped: Xen's dump of its run
    /// queues had a vCPU that could run, its upcall pending, while both processors idled.
    #[must_use]
    pub fn vcpus(self, vcpus: u16) -> Self {
        Self { vcpus, machine: self.machine.cpus(vcpus.min(2)), ..self }
    }

    /// Runs this scenario, and others that are named in the same way, instead of all. Linux has none of
    /// them.
    #[must_use]
    pub fn scenario(mut self, name: &str) -> Self {
        self.scenarios.push(name.to_owned());
        self
    }

    /// Adds the [unprivileged domain](Row::unprivileged), if the machine can have it.
    #[must_use]
    pub fn unprivileged(self) -> Self {
        let machine = match self.mode {
            Mode::Native => self.machine.deadline(LONGER),
            // A Linux has longer anyway.
            _ => self.machine,
        };
        Self { unprivileged: true, machine, ..self }
    }

    /// How long it may take, instead of a minute, or six with Linux.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { machine: self.machine.deadline(deadline), ..self }
    }

    /// Whether to keep the serial log of a success too.
    #[must_use]
    pub fn keep(self, keep: bool) -> Self {
        Self { keep, ..self }
    }

    /// Takes QEMU from this directory, not from PATH.
    #[must_use]
    pub fn qemu(self, directory: &Path) -> Self {
        Self { machine: self.machine.qemu(directory), ..self }
    }

    /// Boots this hypervisor, not the pinned one.
    #[must_use]
    pub fn hypervisor(self, image: &Path) -> Self {
        Self { machine: self.machine.hypervisor(image), ..self }
    }

    /// Boots this kernel, not our own.
    #[must_use]
    pub fn kernel(self, kernel: &Path) -> Self {
        Self { kernel: Some(kernel.to_owned()), ..self }
    }

    /// Boots this kernel, which writes no transcript: its end alone says whether it was a success.
    #[must_use]
    pub fn other_kernel(self, kernel: &Path) -> Self {
        self.kernel(kernel).without_transcript()
    }

    /// Nothing writes a transcript: the exit status alone says whether it was a success.
    #[must_use]
    pub fn without_transcript(self) -> Self {
        Self { without_transcript: true, ..self }
    }

    /// Puts these words on the guest's command line too.
    #[must_use]
    pub fn arguments(self, words: &str) -> Self {
        Self { arguments: words.to_owned(), ..self }
    }

    /// Writes logs below this directory, not below cargo's target directory.
    #[must_use]
    pub fn place(self, directory: &Path) -> Self {
        Self { machine: self.machine.place(directory), ..self }
    }

    /// Has Linux run this line of a shell, after those that were named before. A line that fails ends
    /// the boot as a failure.
    #[must_use]
    pub fn command(self, line: &str) -> Self {
        Self { machine: self.machine.command(line), has_commands: true, ..self }
    }

    /// Gives Linux a file, by where it belongs in its root file system: `programs/hello`.
    #[must_use]
    pub fn file(self, name: &str, content: &Path) -> Self {
        Self { machine: self.machine.file(name, content), ..self }
    }

    /// Has Linux run this program, which needs no library, with `arguments`.
    #[must_use]
    pub fn program(self, program: &Path, arguments: &str) -> Self {
        Self { machine: self.machine.program(program, arguments), has_commands: true, ..self }
    }

    /// Gives Linux a program of `tests/dom0`, as `/programs/NAME`, which is built when it is first needed.
    ///
    /// # Errors
    ///
    /// As [`dom0_program`](Self::dom0_program).
    pub fn dom0_file(self, name: &str) -> Result<Self, Error> {
        let program = programs::program(name, self.arch)?;
        Ok(self.file(&format!("programs/{name}"), &program))
    }

    /// Has Linux run a program of `tests/dom0`, which is built when it is first needed.
    ///
    /// # Errors
    ///
    /// [`Error::Guest`] if it does not build, [`Error::NoSuchRow`] for an architecture that runs none.
    pub fn dom0_program(self, name: &str, arguments: &str) -> Result<Self, Error> {
        let program = programs::program(name, self.arch)?;
        Ok(self.program(&program, arguments))
    }

    /// Gives Linux the hypervisor's own toolstack, so that `xl` can be among its commands. What
    /// domains write to their consoles is then in `/var/log/xen/console/guest-NAME.log`.
    #[must_use]
    pub fn toolstack(self) -> Self {
        Self { machine: self.machine.toolstack(), ..self }
    }

    /// Is told, in one line each, what takes time before the machine starts.
    #[must_use]
    pub fn progress(self, progress: fn(&str)) -> Self {
        Self { machine: self.machine.progress(progress), ..self }
    }

    /// Boots, and waits for the end.
    ///
    /// # Errors
    ///
    /// What is missing, or an [`Error::Failed`] that says all about what went wrong.
    pub fn run(&self) -> Result<Report, Error> {
        let row = self.row()?;
        // The guest would do nothing, and be through.
        if let Some(name) = self.scenarios.iter().find(|name| !SCENARIOS.contains(&name.as_str())) {
            return Err(Error::NoSuchScenario { name: name.clone() });
        }
        if !row.mode.is_linux() && self.has_commands {
            return Err(Error::NotLinux(row.to_string()));
        }
        let mut ended = self.boot(row)?.run()?;
        if row.has_linux() && has_crashed_while_starting(&ended.output) {
            // One of some hundred PV Linuxes did so, in QEMU without KVM, with flags of the processor that no code sets.
            eprintln!("warning: {row}: Linux crashed before it ran a program, and is booted again");
            ended = self.boot(row)?.run()?;
        }
        let mut transcript = Transcript::default();
        ended.output.lines().for_each(|line| transcript.read(line));
        let verdict = if self.without_transcript {
            ended.verdict().map_err(Cause::Ended)
        } else {
            let domids = row.domids();
            let end = self.further(row).map_or(domids.end, |domid| domid + 1);
            verdict(&ended, &transcript, domids.start..end)
        };
        if self.keep || verdict.is_err() {
            ended.keep();
        }
        if let Err(cause) = verdict {
            return Err(Error::Failed(Box::new(Failure {
                what: row.to_string(),
                cause,
                last_step: transcript.last_step(),
                tail: ended.tail(TAIL),
                log: ended.log().to_owned(),
                again: self.again(),
                qemu: ended.command,
            })));
        }
        let log = self.keep.then(|| ended.log().to_owned());
        let Ended { elapsed, output, replaced, .. } = ended;
        Ok(Report { transcript, elapsed, log, output, replaced })
    }

    /// The further domain that is wanted.
    fn further(&self, row: Row) -> Option<u16> {
        row.unprivileged().filter(|_| self.unprivileged)
    }

    /// The machine that is meant.
    fn row(&self) -> Result<Row, Error> {
        let Self { release, arch, mode, domains, .. } = self;
        let wanted = |row: &Row| {
            row.release == release && (row.arch, row.mode, row.domains) == (*arch, *mode, *domains)
        };
        let found = matrix().into_iter().chain(built_rows()).find(wanted);
        found.ok_or_else(|| {
            Error::NoSuchRow(format!("{release} {arch} {mode} of {domains} domains"))
        })
    }

    /// The machine, with what its domains run.
    fn boot(&self, row: Row) -> Result<xen_run::Boot, Error> {
        let own = || self.kernel.clone().map_or_else(|| guest::kernel(row.arch), Ok);
        let boot = self.machine.clone().machine(row.machine());
        if row.has_toolstack() {
            // The other half is for Linux to start.
            let guests = self.guests(row, &own()?);
            if !row.mode.is_linux() {
                return Ok(boot.guests(guests));
            }
            let domids: Vec<_> = row.guests().map(|domid| domid.to_string()).collect();
            let program = programs::program("xen-dom0", row.arch)?;
            return Ok(boot.guests_beside(guests).program(&program, &domids.join(" ")));
        }
        if !row.mode.is_linux() {
            let domids = row.domids().chain(self.further(row));
            let words = domids.map(|domid| self.command_line(row, domid));
            let mut told = format!("dom0_max_vcpus={}", self.vcpus);
            if self.vcpus > 1 {
                told += " sched=credit";
            }
            if row.domains == 1 {
                told = format!("{told} {FEW_HANDLES}");
            }
            return Ok(boot.kernel(&own()?).domains(words).xen_arguments(&told));
        }
        if self.has_commands {
            return Ok(boot);
        }
        // Nothing is asked for: our own program, then.
        let arguments = match row.mode {
            Mode::LinuxPvh => format!("without={}", MAPPING_OWN.join(",")),
            _ => String::new(),
        };
        Ok(boot.program(&programs::program("xen-dom0", row.arch)?, &arguments))
    }

    /// The domains that a Linux starts.
    fn guests(&self, row: Row, kernel: &Path) -> Vec<xen_run::Guest> {
        let guest = |domid| xen_run::Guest {
            name: format!("domain-{domid}"),
            kind: if row.mode_of(domid) == Mode::Pv { GuestKind::Pv } else { GuestKind::Pvh },
            vcpus: 1,
            kernel: kernel.to_owned(),
            arguments: self.command_line(row, domid),
            disks: Vec::new(),
        };
        row.guests().chain(self.further(row)).map(guest).collect()
    }

    /// The command line of one of the guests.
    fn command_line(&self, row: Row, domid: u16) -> String {
        let mut words = vec![format!("me={domid}")];
        let further = self.further(row);
        if row.domains > 1 && further != Some(domid) {
            words.push(format!("first={}", row.domids().start));
        }
        if let (0, Some(other)) = (domid, further) {
            // It ends the machine.
            words.push(format!("waits={other}"));
        }
        if !self.scenarios.is_empty() {
            words.push(format!("scenario={}", self.scenarios.join(",")));
        }
        if !self.arguments.is_empty() {
            words.push(self.arguments.clone());
        }
        if further != Some(domid) {
            return words.join(" ");
        }
        if row.has_toolstack() {
            words.push("resets".to_owned());
        }
        of_unprivileged(&words.join(" "))
    }

    /// The command that does the same.
    fn again(&self) -> String {
        let Self { release, arch, mode, .. } = self;
        // The machine that a hypervisor is built for says the architecture.
        let machine = match built_releases().any(|built| built == release) {
            true => "--from-source".to_owned(),
            false => format!("--arch {arch}"),
        };
        let mut text = format!("cargo xtask live --release {release} {machine} --mode {mode}");
        if self.domains > 1 {
            text += &format!(" --domains {}", self.domains);
        }
        for name in &self.scenarios {
            text += &format!(" --scenario {name}");
        }
        text + " --log"
    }
}

/// What an unprivileged domain is told: the scenarios that it runs, unless some are named. The random one is
/// the first, since what it answers depends on all steps before it.
pub(crate) fn of_unprivileged(arguments: &str) -> String {
    if arguments.contains("scenario=") {
        return arguments.to_owned();
    }
    let others = SCENARIOS.iter().filter(|name| **name != RANDOM && !LEFT_OUT.contains(name));
    let names: Vec<_> = [RANDOM].iter().chain(others).copied().collect();
    format!("{arguments} scenario={}", names.join(","))
}

/// Whether Linux crashed in the functions that start it, where nothing runs yet that is tested.
fn has_crashed_while_starting(output: &str) -> bool {
    let Some((_, trace)) = output.split_once("Call Trace:") else { return false };
    let has = |function: &str| trace.lines().any(|line| line.contains(function));
    // The idle process, which starts Linux, goes on as the last of these.
    (has(" start_kernel+") || has(" kernel_init_freeable+")) && !has(" cpu_startup_entry+")
}

/// Whether a machine that ended was a success.
fn verdict(ended: &Ended, transcript: &Transcript, domids: Range<u16>) -> Result<(), Cause> {
    let status = ended.ran().map_err(Cause::Ended)?;
    transcript.is_whole(domids, status)?;
    if status == Some(SUCCESS) {
        return Ok(());
    }
    Err(Cause::Ended(xen_run::Cause::Status(status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_domain_is_of_the_other_kind() {
        let boot = Boot::new("4.20", Arch::X86_64, Mode::Pvh).domains(3);
        let guests = boot.guests(boot.row().unwrap(), Path::new("kernel"));
        let found: Vec<_> = guests.iter().map(|guest| (&*guest.name, guest.kind)).collect();
        let expected = [
            ("domain-1", GuestKind::Pvh),
            ("domain-2", GuestKind::Pv),
            ("domain-3", GuestKind::Pvh),
        ];
        assert_eq!(found, expected);
        assert_eq!(guests[1].arguments, "me=2 first=1");
        let boot = boot.scenario("memory").unprivileged();
        let guests = boot.guests(boot.row().unwrap(), Path::new("kernel"));
        let [.., last] = &guests[..] else { panic!("no guests") };
        assert_eq!((guests.len(), last.kind), (4, GuestKind::Pvh));
        assert_eq!(last.arguments, "me=4 scenario=memory resets");
    }

    #[test]
    fn a_crash_is_early_if_linux_has_not_started() {
        let crash = |functions: &[&str]| {
            let lines = functions.iter().map(|name| format!("[    3.0]  ? {name}+0x6f2/0x750\n"));
            format!("Kernel panic - not syncing\nCall Trace:\n{}", lines.collect::<String>())
        };
        for early in [&["fork_init", "start_kernel"], &["acpi_init", "kernel_init_freeable"]] {
            assert!(has_crashed_while_starting(&crash(early)), "{early:?}");
        }
        for late in [&["do_idle", "cpu_startup_entry", "start_kernel"][..], &["do_syscall_64"]] {
            assert!(!has_crashed_while_starting(&crash(late)), "{late:?}");
        }
        assert!(!has_crashed_while_starting("start_kernel+0x6f2/0x750"));
    }

    #[test]
    fn a_further_domain_runs_the_scenarios_of_one() {
        let boot = Boot::new("4.20", Arch::Aarch64, Mode::Native).domains(3).arguments("seed=7");
        let row = boot.row().unwrap();
        assert_eq!(boot.command_line(row, 0), "me=0 first=0 seed=7");
        let boot = boot.unprivileged();
        assert_eq!(boot.further(row), Some(3));
        assert_eq!(boot.command_line(row, 0), "me=0 first=0 waits=3 seed=7");
        assert_eq!(boot.command_line(row, 2), "me=2 first=0 seed=7");
        let words = boot.command_line(row, 3);
        assert!(words.starts_with("me=3 seed=7 scenario=random,version,"), "{words}");
        assert!(!words.contains("library"), "{words}");
        let words = boot.scenario("memory").command_line(row, 3);
        assert_eq!(words, "me=3 scenario=memory seed=7");
    }
}
