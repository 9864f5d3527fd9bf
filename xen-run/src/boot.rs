//! One boot, from what is wanted to what came of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ChildStdin;
use std::time::Duration;

use debian_packages::{Options, Replaced};
use tempfile::TempDir;

use crate::linux::{self, Work};
use crate::process::{Limits, Process, Stopper};
use crate::{Arch, Dom0, Ended, Error, Guest, Image, Kernel, Machine, cache, qemu};

/// How long a boot may take: many times what one takes on a slow machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// The same with Linux, which takes five times as long as a small kernel.
const LINUX_DEADLINE: Duration = Duration::from_secs(360);

/// The most bytes that a boot may write: ten times what a chatty one does.
const OUTPUT_LIMIT: usize = 512 << 10;

/// A boot to be done.
///
/// ```no_run
/// use std::path::Path;
/// use xen_run::{Arch, Boot, Dom0, Machine};
///
/// let boot = Boot::new(Machine::new("4.20", Arch::X86_64, Dom0::Pvh));
/// let ended = boot.kernel(Path::new("kernel")).arguments("verbose").run()?;
/// println!("{}", ended.output);
/// ended.verdict()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Boot {
    machine: Machine,
    kernel: Option<PathBuf>,
    unchecked: bool,
    arguments: Vec<String>,
    guests: Vec<Guest>,
    beside: bool,
    xen_arguments: String,
    deadline: Option<Duration>,
    endless: bool,
    output_limit: usize,
    qemu: Option<PathBuf>,
    hypervisor: Option<PathBuf>,
    place: Option<PathBuf>,
    cache: Option<PathBuf>,
    offline: bool,
    input: bool,
    gdb: Option<u16>,
    cpus: u16,
    work: Work,
    progress: fn(&str),
}

impl Boot {
    /// A boot of a machine.
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        Self {
            machine,
            kernel: None,
            unchecked: false,
            arguments: vec![String::new()],
            guests: Vec::new(),
            beside: false,
            xen_arguments: String::new(),
            deadline: None,
            endless: false,
            output_limit: OUTPUT_LIMIT,
            qemu: None,
            hypervisor: None,
            place: None,
            cache: None,
            offline: false,
            input: false,
            gdb: None,
            cpus: 1,
            work: Work::default(),
            progress: |_| (),
        }
    }

    /// Boots another machine, with everything else as it is.
    #[must_use]
    pub fn machine(self, machine: Machine) -> Self {
        Self { machine, ..self }
    }

    /// The kernel of the first domain, unless that is Linux.
    #[must_use]
    pub fn kernel(self, kernel: &Path) -> Self {
        Self { kernel: Some(kernel.to_owned()), ..self }
    }

    /// Boots the kernel whatever it is, for tests of what a hypervisor does with it.
    #[must_use]
    pub fn unchecked(self) -> Self {
        Self { unchecked: true, ..self }
    }

    /// The command line of the first domain's kernel.
    #[must_use]
    pub fn arguments(self, words: &str) -> Self {
        self.domains([words.to_owned()])
    }

    /// So many domains, each with the same kernel and one of these command lines, without a toolstack:
    /// on aarch64 ("dom0less"). The first of them is dom0.
    #[must_use]
    pub fn domains(self, arguments: impl IntoIterator<Item = String>) -> Self {
        Self { arguments: arguments.into_iter().collect(), ..self }
    }

    /// Has Linux start these domains, after its other commands, wait until all of them have ended, and show
    /// what they wrote.
    #[must_use]
    pub fn guests(self, guests: impl IntoIterator<Item = Guest>) -> Self {
        Self { guests: guests.into_iter().collect(), beside: false, ..self }
    }

    /// Has Linux start these domains first: its commands run beside them.
    #[must_use]
    pub fn guests_beside(self, guests: impl IntoIterator<Item = Guest>) -> Self {
        Self { beside: true, ..self.guests(guests) }
    }

    /// Puts these words on the hypervisor's command line too.
    #[must_use]
    pub fn xen_arguments(self, words: &str) -> Self {
        Self { xen_arguments: words.to_owned(), ..self }
    }

    /// How long it may take, instead of a minute, or six with Linux.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), endless: false, ..self }
    }

    /// It may take as long as it does.
    #[must_use]
    pub fn no_deadline(self) -> Self {
        Self { endless: true, ..self }
    }

    /// The most bytes that it may write, instead of 512 KiB. All of them are kept in memory.
    #[must_use]
    pub fn output_limit(self, bytes: usize) -> Self {
        Self { output_limit: bytes, ..self }
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

    /// Makes files of the boot below this directory, not the system's for temporary files.
    #[must_use]
    pub fn place(self, directory: &Path) -> Self {
        Self { place: Some(directory.to_owned()), ..self }
    }

    /// Keeps images in this directory, not in the user's cache directory ([`default_cache`]).
    ///
    /// [`default_cache`]: crate::default_cache
    #[must_use]
    pub fn cache(self, directory: &Path) -> Self {
        Self { cache: Some(directory.to_owned()), ..self }
    }

    /// Takes images from the cache only.
    #[must_use]
    pub fn offline(self, offline: bool) -> Self {
        Self { offline, ..self }
    }

    /// Gives the machine's serial line an input: [`Running::input`].
    #[must_use]
    pub fn input(self) -> Self {
        Self { input: true, ..self }
    }

    /// Has QEMU wait at this port of the local host for a debugger before the first instruction.
    #[must_use]
    pub fn gdb(self, port: u16) -> Self {
        Self { gdb: Some(port), ..self }
    }

    /// Gives the machine so many processors, instead of one. A first domain has as many vCPUs.
    ///
    /// Domains that wait for each other by yielding take far longer on several emulated processors.
    #[must_use]
    pub fn cpus(self, cpus: u16) -> Self {
        Self { cpus, ..self }
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

    /// Has Linux run this program, which needs no library, with `arguments` as words of a shell.
    #[must_use]
    pub fn program(mut self, program: &Path, arguments: &str) -> Self {
        self.work.program(program, arguments);
        self
    }

    /// Gives Linux the hypervisor's own toolstack, so that `xl` can be among its commands. What
    /// domains write to their consoles is then in `/var/log/xen/console/guest-NAME.log`.
    ///
    /// The store is `xenstored`, or the program that a [`file`](Self::file) `etc/default/xencommons` has as
    /// `XENSTORED`: from 4.17 on `oxenstored` is there too.
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
    /// Those of [`start`](Self::start) and of [`Running::finish`].
    pub fn run(&self) -> Result<Ended, Error> {
        self.start()?.finish(&mut |_| ())
    }

    /// Starts the machine. It ends with the thread that started it, at the latest.
    ///
    /// # Errors
    ///
    /// What is missing, and how to get it: QEMU, a pinned image, a kernel that Xen can start.
    pub fn start(&self) -> Result<Running, Error> {
        let machine = &self.machine;
        let hypervisor = match &self.hypervisor {
            Some(image) => Err(image.clone()),
            None => Ok(machine.pinned(!self.guests.is_empty())?),
        };
        self.check_kernels()?;
        let program = qemu::find(machine, self.qemu.as_deref())?;
        let options = self.options();
        let Image { path: hypervisor, replaced } = match hypervisor {
            Ok(pinned) => pinned.obtain(&options)?,
            Err(path) => Image { path, replaced: None },
        };
        let mut replaced = Vec::from_iter(replaced);
        let place = self.make_place()?;
        let (mut initramfs, kernel, words);
        if machine.has_linux() {
            let mut work = self.work.clone();
            let limit = (!self.beside).then(|| self.time().unwrap_or(LINUX_DEADLINE * 20) / 2);
            work.start(&self.guests, limit, place.path())?;
            let made = linux::make(machine, &work, &options, place.path())?;
            replaced.extend(made.replaced);
            initramfs = Some(made.initramfs);
            kernel = made.kernel;
            words = vec![linux::arguments(machine)];
        } else {
            initramfs = None;
            kernel = self.kernel.clone().ok_or_else(|| Error::NoKernel(machine.to_string()))?;
            words = self.arguments.clone();
        }
        let config = qemu::Config {
            machine,
            hypervisor: &hypervisor,
            kernel: &kernel,
            initramfs: initramfs.as_deref_mut().map(|path| &*path),
            arguments: &words,
            xen_arguments: &self.xen_arguments,
            gdb: self.gdb,
            cpus: self.cpus,
            place: place.path(),
        };
        let mut command = qemu::command(&program, &config)?;
        let complaints = place.path().join("qemu.log");
        let process = Process::start(&mut command, &complaints, self.input);
        let process = process.map_err(Error::file(&program))?;
        let command = qemu::shown(&command);
        let limits = Limits { time: self.time(), bytes: self.output_limit };
        Ok(Running { process, limits, place, command, replaced, hypervisor })
    }

    /// Whether the machine can boot all kernels.
    fn check_kernels(&self) -> Result<(), Error> {
        if self.unchecked {
            return Ok(());
        }
        let check = |path: &Path, machine: &Machine| {
            let fits = Kernel::open(path)?.fits(machine);
            fits.map_err(|reason| Error::Kernel { path: path.to_owned(), reason })
        };
        if let (Some(path), false) = (&self.kernel, self.machine.has_linux()) {
            check(path, &self.machine)?;
        }
        for guest in &self.guests {
            let dom0 = match guest.kind {
                linux::GuestKind::Pv => Dom0::Pv,
                linux::GuestKind::Pvh => Dom0::Pvh,
            };
            check(&guest.kernel, &Machine { arch: Arch::X86_64, dom0, ..self.machine.clone() })?;
        }
        Ok(())
    }

    /// The directory of this boot's files.
    fn make_place(&self) -> Result<TempDir, Error> {
        let base = self.place.clone().unwrap_or_else(std::env::temp_dir);
        fs::create_dir_all(&base).map_err(Error::file(&base))?;
        let Machine { release, arch, .. } = &self.machine;
        let prefix = format!("xen-{release}-{arch}-");
        tempfile::Builder::new().prefix(&prefix).tempdir_in(&base).map_err(Error::file(&base))
    }

    /// How long it may take.
    fn time(&self) -> Option<Duration> {
        let usual = if self.machine.has_linux() { LINUX_DEADLINE } else { DEADLINE };
        (!self.endless).then_some(self.deadline.unwrap_or(usual))
    }

    /// How packages are fetched.
    fn options(&self) -> Options<'_> {
        Options {
            cache: self.cache.clone().unwrap_or_else(cache::default_cache),
            offline: self.offline,
            progress: &self.progress,
            ..Options::from_env()
        }
    }
}

/// A machine that runs. It is ended when the value is dropped.
pub struct Running {
    process: Process,
    limits: Limits,
    place: TempDir,
    command: String,
    replaced: Vec<Replaced>,
    hypervisor: PathBuf,
}

impl Running {
    /// QEMU's command line, for a shell.
    #[must_use]
    pub fn command(&self) -> &str {
        &self.command
    }

    /// The hypervisor's file.
    #[must_use]
    pub fn hypervisor(&self) -> &Path {
        &self.hypervisor
    }

    /// The packages that are not the pinned ones.
    #[must_use]
    pub fn replaced(&self) -> &[Replaced] {
        &self.replaced
    }

    /// Where bytes for the serial line go, once, if [`Boot::input`] asked for it.
    pub fn input(&mut self) -> Option<ChildStdin> {
        self.process.input()
    }

    /// What ends the machine from another thread.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.process.stopper()
    }

    /// Waits for the end, and hands all that comes over the serial line to `sink`.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the log of the serial line cannot be written.
    pub fn finish(self, sink: &mut dyn FnMut(&[u8])) -> Result<Ended, Error> {
        let log = self.place.path().join("serial.log");
        let ended = self.process.finish(&self.limits, &log, sink)?;
        let complaints = fs::read_to_string(self.place.path().join("qemu.log"));
        Ok(Ended {
            output: ended.output,
            end: ended.end,
            elapsed: ended.elapsed,
            complaints: complaints.unwrap_or_default(),
            command: self.command,
            replaced: self.replaced,
            log,
            place: self.place,
        })
    }
}
