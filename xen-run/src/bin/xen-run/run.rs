//! One run: the boot that the options ask for, its console on this terminal, and its exit status.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ChildStdin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use xen_run::{Boot, Cause, Ended, Error, Guest, GuestKind, Kernel, SUCCESS, Stopper};

use crate::console::Console;
use crate::options::{Mode, Options};

/// The exit status if nothing was booted.
pub(crate) const NOT_BOOTED: u8 = 125;

/// That of a crash: what a program of Rust's has that panicked.
const CRASHED: u8 = 101;

/// That of a machine that was not through in time, as `timeout` has it.
const LATE: u8 = 124;

/// The most bytes that a machine may write.
const OUTPUT_LIMIT: usize = 64 << 20;

/// How many lines a failure shows.
const TAIL: usize = 15;

/// The signal that was received, or 0.
static SIGNAL: AtomicU8 = AtomicU8::new(0);

/// Why nothing was booted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Boot(#[from] Error),
    #[error("--{option} is for {with}")]
    Option { option: &'static str, with: &'static str },
    #[error("signals cannot be received: {0}")]
    Signals(io::Error),
}

/// Boots, and says what the exit status is.
pub(crate) fn run(options: &Options) -> Result<u8, Failure> {
    let boot = boot(options)?;
    let mut log = options.log.as_deref().map(create).transpose()?;
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(Failure::Signals)?;
    let mut running = boot.start()?;
    for replaced in running.replaced() {
        eprintln!("xen-run: warning: {replaced}");
    }
    if options.verbose {
        eprintln!("xen-run: {}", running.command());
    }
    if let Some(port) = options.gdb {
        eprintln!("xen-run: waiting for gdb: target remote :{port}");
    }
    let stopper = running.stopper();
    thread::spawn(move || stop_on_signal(&mut signals, &stopper));
    if let Some(input) = running.input() {
        // Ends with this process: what is typed is read until then.
        thread::spawn(move || forward_input(input));
    }
    let mut console = Console::new(io::stdout(), options.verbose);
    let ended = running.finish(&mut |bytes| {
        // A terminal that is closed sends a signal, and a full disk stops no machine.
        let _ = console.write(bytes);
        if let Some(log) = &mut log {
            let _ = log.write_all(bytes);
        }
    })?;
    let _ = console.finish();
    Ok(status(&ended, options))
}

/// The boot that the options ask for.
fn boot(options: &Options) -> Result<Boot, Failure> {
    let (mode, kernel) = options.mode()?;
    let machine = options.machine(mode);
    if let Some(kernel) = kernel {
        // In a domain that Linux starts, the kernel is looked at once more when it is configured.
        check(options.file(), kernel, mode)?;
    }
    if !options.guest.is_empty() && !mode.is_linux() {
        return Err(Failure::Option { option: "guest", with: "--mode linux or linux-pvh" });
    }
    if options.domains > 1 && (mode.is_linux() || matches!(mode, Mode::Arm64 | Mode::Armhf)) {
        return Err(Failure::Option { option: "domains", with: "--mode pv, pvh or dom0less" });
    }
    let has_guests = matches!(mode, Mode::Pv | Mode::Pvh) || !options.guest.is_empty();
    if !options.disk.is_empty() && !has_guests {
        let with = "--mode pv or pvh, and for --guest";
        return Err(Failure::Option { option: "disk", with });
    }
    let mut boot = Boot::new(machine).xen_arguments(&options.xen_arguments);
    boot = boot.offline(options.offline).output_limit(OUTPUT_LIMIT).cpus(options.cpus).input();
    boot = boot.progress(|line| eprintln!("xen-run: {line}"));
    boot = match options.time() {
        None => boot.no_deadline(),
        Some(Some(limit)) => boot.deadline(limit),
        Some(None) => boot,
    };
    if let Some(cache) = &options.cache {
        boot = boot.cache(cache);
    }
    if let Some(hypervisor) = &options.hypervisor {
        boot = boot.hypervisor(hypervisor);
    }
    if let Some(port) = options.gdb {
        boot = boot.gdb(port);
    }
    let file = options.file();
    Ok(match mode {
        Mode::Linux | Mode::LinuxPvh => {
            let arguments: Vec<_> = options.words().map(|word| quoted(&word)).collect();
            let mut guests = Vec::new();
            for (index, kernel) in (1..).zip(&options.guest) {
                guests.push(guest(index, kernel, None, &options.disk)?);
            }
            boot.guests_beside(guests).program(file, &arguments.join(" "))
        }
        Mode::Pv | Mode::Pvh if options.are_started_by_linux() => {
            let kind = if mode == Mode::Pv { GuestKind::Pv } else { GuestKind::Pvh };
            let mut guests = Vec::new();
            for domid in 1..=options.domains {
                let arguments = options.command_line(domid);
                let guest = guest(domid, file, Some(kind), &options.disk)?;
                guests.push(Guest { arguments, ..guest });
            }
            boot.guests(guests)
        }
        _ => boot.kernel(file).domains((0..options.domains).map(|id| options.command_line(id))),
    })
}

/// Whether the mode can boot the kernel at all, before an image is fetched.
fn check(path: &Path, kernel: Kernel, mode: Mode) -> Result<(), Error> {
    use xen_run::{Arch, Dom0, KernelError, Machine};

    let machine = |arch, dom0| Machine::new("", arch, dom0);
    let reason = match mode {
        Mode::Pv => kernel.fits(&machine(Arch::X86_64, Dom0::Pv)),
        Mode::Pvh => kernel.fits(&machine(Arch::X86_64, Dom0::Pvh)),
        Mode::Arm64 if kernel.arch == Arch::Aarch64 => Ok(()),
        Mode::Armhf if kernel.arch == Arch::Arm => Ok(()),
        Mode::Dom0less => kernel.fits(&machine(Arch::Aarch64, Dom0::Arm)),
        Mode::Linux | Mode::LinuxPvh => Ok(()),
        Mode::Arm64 | Mode::Armhf => {
            let machine = if mode == Mode::Arm64 { "the mode arm64" } else { "the mode armhf" };
            Err(KernelError::OtherArch { kernel: kernel.arch, machine: machine.to_owned() })
        }
    };
    reason.map_err(|reason| Error::Kernel { path: path.to_owned(), reason })
}

/// A domain that Linux starts, of the kind that its kernel is made for unless one is named.
fn guest(
    domid: u16,
    kernel: &Path,
    kind: Option<GuestKind>,
    disks: &[PathBuf],
) -> Result<Guest, Error> {
    let found = Kernel::open(kernel)?;
    let fitting = if found.pvh { GuestKind::Pvh } else { GuestKind::Pv };
    Ok(Guest {
        name: format!("domain-{domid}"),
        kind: kind.unwrap_or(fitting),
        vcpus: 1,
        kernel: kernel.to_owned(),
        arguments: String::new(),
        disks: disks.to_vec(),
    })
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn create(path: &Path) -> Result<File, Error> {
    File::create(path).map_err(Error::file(path))
}

/// Ends the machine when this process is told to end.
fn stop_on_signal(signals: &mut Signals, stopper: &Stopper) {
    for signal in signals.forever() {
        SIGNAL.store(signal as u8, Ordering::Relaxed);
        stopper.stop();
    }
}

/// Hands what is typed to the machine.
fn forward_input(mut machine: ChildStdin) {
    let mut buffer = [0; 256];
    while let Ok(count @ 1..) = io::stdin().lock().read(&mut buffer) {
        if machine.write_all(&buffer[..count]).and_then(|()| machine.flush()).is_err() {
            return;
        }
    }
    // Nothing more to type, and the line stays open: QEMU would take its end for a break.
    std::mem::forget(machine);
}

/// The exit status, once what went wrong has been said.
fn status(ended: &Ended, options: &Options) -> u8 {
    let cause = match ended.verdict() {
        Ok(()) => return 0,
        Err(cause) => cause,
    };
    let status = match &cause {
        Cause::Stopped => return 128 + SIGNAL.load(Ordering::Relaxed),
        Cause::Status(Some(status)) => match u8::try_from(*status) {
            // QEMU itself has 1 if it does not start, and 0 if Xen restarts.
            Ok(own) if own > 1 && ended.complaints.is_empty() => {
                eprintln!(
                    "xen-run: the guest ended with exit status {status}; success is {SUCCESS}"
                );
                return own;
            }
            _ => 1,
        },
        Cause::Crash(line) => failed_program(line).unwrap_or(CRASHED),
        Cause::Deadline(_) => LATE,
        _ => 1,
    };
    eprintln!("xen-run: {cause}");
    if !options.verbose {
        for line in ended.tail(TAIL).lines() {
            eprintln!("    | {line}");
        }
    }
    status
}

/// The exit status of the program that Linux says has failed: `@failed PROGRAM: STATUS`.
fn failed_program(line: &str) -> Option<u8> {
    line.split_once("@failed ")?.1.rsplit_once(": ")?.1.parse().ok().filter(|status| *status != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn the_status_of_a_program_is_read() {
        assert_eq!(failed_program("@failed /programs/x '--a: b': 3"), Some(3));
        assert_eq!(failed_program("@failed insmod x: no"), None);
        assert_eq!(failed_program("@panic src/main.rs:3"), None);
    }
}
