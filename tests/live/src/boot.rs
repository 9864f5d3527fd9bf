//! One boot, from what is wanted to the transcript.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use debian_packages::{Options, Replaced};
use xen_scenarios::SCENARIOS;

use crate::guest::Guest;
use crate::linux::{self, Work};
use crate::machine::{Ended, Machine};
use crate::qemu::Files;
use crate::{Arch, Cause, Error, Failure, Hypervisor, Image, Mode, Row, Transcript};
use crate::{guest, matrix, qemu};

/// What QEMU ends with when the guest says that it is done.
const DONE: i32 = 85;

/// How long a boot may take: many times what one takes on a slow machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// The same with Linux, which takes five times as long as our kernel.
const LINUX_DEADLINE: Duration = Duration::from_secs(180);

/// How many lines of the log a failure shows.
const TAIL: usize = 25;

/// Words of Xen, Linux and our own after which nothing good comes.
const CRASHES: [&str; 9] = [
    "Panic on CPU",
    "Domain 0 crashed",
    "Hardware Dom0 crashed",
    "(vcpu#0) crashed",
    "Triple fault",
    "@panic",
    "@exception",
    "@failed",
    "Kernel panic - not syncing",
];

/// A boot to be done.
#[derive(Clone, Debug)]
pub struct Boot {
    release: String,
    arch: Arch,
    mode: Mode,
    domains: u16,
    scenarios: Vec<String>,
    deadline: Option<Duration>,
    keep: bool,
    qemu: Option<PathBuf>,
    hypervisor: Option<PathBuf>,
    kernel: Option<PathBuf>,
    without_transcript: bool,
    arguments: String,
    place: Option<PathBuf>,
    work: Work,
    progress: fn(&str),
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
        Self {
            release: release.to_owned(),
            arch,
            mode,
            domains: 1,
            scenarios: Vec::new(),
            deadline: None,
            keep: false,
            qemu: None,
            hypervisor: None,
            kernel: None,
            without_transcript: false,
            arguments: String::new(),
            place: None,
            work: Work::default(),
            progress: |_| (),
        }
    }

    /// So many domains, each with our kernel, and the scenario of several.
    #[must_use]
    pub fn domains(self, domains: u16) -> Self {
        Self { domains, ..self }
    }

    /// Runs this scenario, and others that are named in the same way, instead of all. Linux has none of
    /// them.
    #[must_use]
    pub fn scenario(mut self, name: &str) -> Self {
        self.scenarios.push(name.to_owned());
        self
    }

    /// How long it may take, instead of a minute, or three with Linux.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Whether to keep the serial log of a success too.
    #[must_use]
    pub fn keep(self, keep: bool) -> Self {
        Self { keep, ..self }
    }

    /// Takes QEMU from this directory, not from PATH.
    #[must_use]
    pub fn qemu(self, directory: &Path) -> Self {
        Self { qemu: Some(directory.to_owned()), ..self }
    }

    /// Boots this hypervisor, not the pinned one.
    #[must_use]
    pub fn hypervisor(self, image: &Path) -> Self {
        Self { hypervisor: Some(image.to_owned()), ..self }
    }

    /// Boots this kernel, not our own.
    #[must_use]
    pub fn kernel(self, kernel: &Path) -> Self {
        Self { kernel: Some(kernel.to_owned()), ..self }
    }

    /// Boots this kernel, which writes no transcript: its exit status alone says whether it was a success.
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
        Self { place: Some(directory.to_owned()), ..self }
    }

    /// Has Linux run this line of a shell, after those that were named before. A line that fails ends
    /// the boot as a failure.
    #[must_use]
    pub fn command(mut self, line: &str) -> Self {
        self.work.commands.push(line.to_owned());
        self
    }

    /// Gives Linux a file, by where it belongs in its root file system: `programs/hello`.
    #[must_use]
    pub fn file(mut self, name: &str, content: &Path) -> Self {
        self.work.files.push((name.to_owned(), content.to_owned()));
        self
    }

    /// Has Linux run this program, which needs no library, with `arguments`.
    #[must_use]
    pub fn program(mut self, program: &Path, arguments: &str) -> Self {
        self.work.program(program, arguments);
        self
    }

    /// Has Linux run a program of `tests/dom0`, which is built when it is first needed.
    ///
    /// # Errors
    ///
    /// [`Error::Guest`] if it does not build, [`Error::NoSuchRow`] for an architecture that runs none.
    pub fn dom0_program(self, name: &str, arguments: &str) -> Result<Self, Error> {
        let program = linux::program(name, self.arch)?;
        Ok(self.program(&program, arguments))
    }

    /// Gives Linux the hypervisor's own toolstack, so that `xl` can be among its commands. What
    /// domains write to their consoles is then in `/var/log/xen/console/guest-NAME.log`.
    #[must_use]
    pub fn toolstack(mut self) -> Self {
        self.work.toolstack = true;
        self
    }

    /// Is told, in one line each, what takes time before the machine starts.
    #[must_use]
    pub fn progress(self, progress: fn(&str)) -> Self {
        Self { progress, ..self }
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
        if row.mode != Mode::Linux && !self.work.commands.is_empty() {
            return Err(Error::NotLinux(row.to_string()));
        }
        let qemu = qemu::find(row, self.qemu.as_deref())?;
        let Image { path: hypervisor, replaced } = self.image(row)?;
        let mut replaced = Vec::from_iter(replaced);
        let base = self.place.clone().unwrap_or_else(guest::target_dir);
        fs::create_dir_all(&base).map_err(Error::file(&base))?;
        let prefix = format!("{}-", row.to_string().replace(' ', "-"));
        let place = tempfile::Builder::new().prefix(&prefix).tempdir_in(&base);
        let mut place = place.map_err(Error::file(&base))?;
        let domids = if row.has_toolstack() { row.guests() } else { row.domids() };
        let words: Vec<_> = domids.map(|domid| self.command_line(row, domid)).collect();
        let Guest { kernel, initramfs, replaced: others } =
            self.guest(row, &words, place.path())?;
        replaced.extend(others);
        let log = place.path().join("serial.log");
        let complaints = place.path().join("qemu.log");
        let initramfs = initramfs.as_deref();
        let files =
            Files { hypervisor: &hypervisor, kernel: &kernel, initramfs, place: place.path() };
        let words = if row.has_linux() { vec![linux::ARGUMENTS.to_owned()] } else { words };
        let mut command = qemu::command(&qemu, row, &files, &words)?;
        let machine = Machine::start(&mut command, &complaints).map_err(Error::file(&qemu))?;
        let ended = machine.finish(self.time(row), &log)?;

        let mut transcript = Transcript::default();
        ended.output.lines().for_each(|line| transcript.read(line));
        let domids = if self.without_transcript { 0..0 } else { row.domids() };
        let verdict = verdict(&ended, &transcript, domids);
        place.disable_cleanup(self.keep || verdict.is_err());
        if let Err(cause) = verdict {
            let said = fs::read_to_string(&complaints).unwrap_or_default();
            return Err(Error::Failed(Box::new(Failure {
                what: row.to_string(),
                cause,
                last_step: transcript.last_step(),
                tail: tail(&format!("{}\n{said}", ended.output)),
                log,
                again: self.again(),
                qemu: shown(&command),
            })));
        }
        let Ended { output, elapsed, .. } = ended;
        let log = self.keep.then_some(log);
        Ok(Report { transcript, elapsed, log, output, replaced })
    }

    /// The machine that is meant.
    fn row(&self) -> Result<Row, Error> {
        let Self { release, arch, mode, domains, .. } = self;
        let wanted = |row: &Row| {
            row.release == release && (row.arch, row.mode, row.domains) == (*arch, *mode, *domains)
        };
        let found = matrix().into_iter().find(wanted);
        found.ok_or_else(|| {
            Error::NoSuchRow(format!("{release} {arch} {mode} of {domains} domains"))
        })
    }

    /// How long it may take.
    fn time(&self, row: Row) -> Duration {
        let usual = if row.has_linux() { LINUX_DEADLINE } else { DEADLINE };
        self.deadline.unwrap_or(usual)
    }

    /// The hypervisor.
    fn image(&self, row: Row) -> Result<Image, Error> {
        if let Some(image) = &self.hypervisor {
            return Ok(Image { path: image.clone(), replaced: None });
        }
        Ok(Hypervisor::pinned(row.release, row.hypervisor())?.obtain(&self.options())?)
    }

    /// How packages are fetched.
    fn options(&self) -> Options<'_> {
        Options { progress: &self.progress, ..Options::from_env() }
    }

    /// What the first domain runs, if our kernel is given these command lines; files of this boot are
    /// made in `place`.
    fn guest(&self, row: Row, words: &[String], place: &Path) -> Result<Guest, Error> {
        let own = || self.kernel.clone().map_or_else(|| guest::kernel(row.arch), Ok);
        if row.has_toolstack() {
            // The other half is for Linux to start.
            let mut work = linux::guests(row, &own()?, words, self.time(row) / 2, place)?;
            if row.mode == Mode::Linux {
                let domids: Vec<_> = row.guests().map(|domid| domid.to_string()).collect();
                work.program(&linux::program("xen-dom0", row.arch)?, &domids.join(" "));
            }
            return linux::make(row, &work, &self.options(), place);
        }
        if row.mode != Mode::Linux || self.kernel.is_some() {
            let kernel = own()?;
            return Ok(Guest { kernel, initramfs: None, replaced: Vec::new() });
        }
        if !self.work.commands.is_empty() {
            return linux::make(row, &self.work, &self.options(), place);
        }
        // Nothing is asked for: our own program, then.
        let mut work = self.work.clone();
        work.program(&linux::program("xen-dom0", row.arch)?, "");
        linux::make(row, &work, &self.options(), place)
    }

    /// The command line of one of the guests.
    fn command_line(&self, row: Row, domid: u16) -> String {
        let mut words = vec![format!("me={domid}")];
        if row.domains > 1 {
            words.push(format!("first={}", row.domids().start));
        }
        if !self.scenarios.is_empty() {
            words.push(format!("scenario={}", self.scenarios.join(",")));
        }
        if !self.arguments.is_empty() {
            words.push(self.arguments.clone());
        }
        words.join(" ")
    }

    /// The command that does the same.
    fn again(&self) -> String {
        let Self { release, arch, mode, .. } = self;
        let mut text = format!("cargo xtask live --release {release} --arch {arch} --mode {mode}");
        if self.domains > 1 {
            text += &format!(" --domains {}", self.domains);
        }
        for name in &self.scenarios {
            text += &format!(" --scenario {name}");
        }
        text + " --log"
    }
}

/// Whether a machine that ended was a success.
fn verdict(ended: &Ended, transcript: &Transcript, domids: Range<u16>) -> Result<(), Cause> {
    let crash = ended.output.lines().find(|line| CRASHES.iter().any(|word| line.contains(word)));
    if let Some(line) = crash {
        return Err(Cause::Crash(line.trim().to_owned()));
    }
    let status = ended.end.clone()?;
    transcript.is_whole(domids, status)?;
    if status == Some(DONE) { Ok(()) } else { Err(Cause::Status(status)) }
}

/// The last lines of a text, without what a terminal would not show.
fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let printable = |c: char| if c.is_control() && c != '\n' { '.' } else { c };
    lines[lines.len().saturating_sub(TAIL)..].join("\n").chars().map(printable).collect()
}

/// A command as a line for a shell.
fn shown(command: &Command) -> String {
    let quoted = |word: &std::ffi::OsStr| {
        let word = word.to_string_lossy();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:+,@%".contains(c);
        if word.chars().all(plain) { word.into_owned() } else { format!("'{word}'") }
    };
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(quoted).collect::<Vec<_>>().join(" ")
}
