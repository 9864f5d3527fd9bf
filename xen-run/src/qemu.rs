//! QEMU: whether it is there, and how it is told to boot a Xen.

mod domains;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Arch, Dom0, Error, Machine};

/// The oldest QEMU with all the devices that are used: guest-loader came last.
const MINIMUM: (u32, u32) = (6, 0);

/// The oldest one in which a program of Linux can say how it went.
const MINIMUM_FOR_ARM_LINUX: (u32, u32) = (7, 2);

/// How much memory the first domain has and the machine, in megabytes.
fn memory(machine: &Machine) -> (u32, u32) {
    match machine.arch {
        _ if machine.has_linux() => (256, 768),
        Arch::X86_64 => (32, 128),
        _ => (32, 256),
    }
}

/// What Xen is told: a first domain of a known size, and no time spent on wiping the rest of the
/// memory.
fn told(config: &Config<'_>) -> String {
    let memory = memory(config.machine).0;
    let more = config.xen_arguments;
    format!("dom0_mem={memory}M bootscrub=0 loglvl=all guest_loglvl=all {more}")
}

/// Where Xen writes on Arm.
const ARM_CONSOLE: &str = "console=dtuart";

/// All that a command of QEMU's follows from.
pub(crate) struct Config<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) hypervisor: &'a Path,
    /// The kernel of the first domain and, on Arm, of the others.
    pub(crate) kernel: &'a Path,
    /// The root file system, for Linux.
    pub(crate) initramfs: Option<&'a Path>,
    /// The command lines of the domains that Xen starts: several only on Arm.
    pub(crate) arguments: &'a [String],
    /// What the hypervisor is told beside the usual.
    pub(crate) xen_arguments: &'a str,
    /// The port at which a debugger is waited for.
    pub(crate) gdb: Option<u16>,
    /// How many processors there are.
    pub(crate) cpus: u16,
    /// Where files of this boot can be written.
    pub(crate) place: &'a Path,
}

/// The program for a machine, and Debian's package of it.
fn program(machine: &Machine) -> (&'static str, &'static str) {
    match machine.arch {
        Arch::X86_64 | Arch::X86_32 => ("qemu-system-x86_64", "qemu-system-x86"),
        Arch::Aarch64 => ("qemu-system-aarch64", "qemu-system-arm"),
        Arch::Arm => ("qemu-system-arm", "qemu-system-arm"),
    }
}

/// The QEMU for a machine, in `directory` or on PATH, once it has said that it is new enough.
pub(crate) fn find(machine: &Machine, directory: Option<&Path>) -> Result<PathBuf, Error> {
    let (name, package) = program(machine);
    let path = directory.map_or_else(|| PathBuf::from(name), |directory| directory.join(name));
    let program = path.display().to_string();
    let output = match Command::new(&path).arg("--version").stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(source) => return Err(Error::NoQemu { program, package, source }),
    };
    let answer = String::from_utf8_lossy(&output.stdout);
    let answer = answer.lines().next().unwrap_or_default();
    let minimum = match (machine.dom0, machine.arch) {
        (Dom0::Linux, Arch::Aarch64) => MINIMUM_FOR_ARM_LINUX,
        _ => MINIMUM,
    };
    if version(answer).is_some_and(|version| version >= minimum) {
        return Ok(path);
    }
    Err(Error::OldQemu { program, answer: answer.to_owned(), minimum })
}

/// Reads `QEMU emulator version 7.2.22 (Debian ...)`.
fn version(answer: &str) -> Option<(u32, u32)> {
    let (_, rest) = answer.split_once("version ")?;
    let mut numbers = rest.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The command that boots a machine.
pub(crate) fn command(qemu: &Path, config: &Config<'_>) -> Result<Command, Error> {
    let mut command = Command::new(qemu);
    command.args(["-accel", "tcg", "-display", "none", "-monitor", "none", "-nodefaults"]);
    command.args(["-no-reboot", "-serial", "stdio", "-kernel"]).arg(config.hypervisor);
    if let Some(port) = config.gdb {
        command.args(["-S", "-gdb", &format!("tcp:127.0.0.1:{port}")]);
    }
    if config.cpus > 1 {
        command.args(["-smp", &config.cpus.to_string()]);
    }
    if matches!(config.machine.arch, Arch::X86_64 | Arch::X86_32) {
        x86(&mut command, config);
        return Ok(command);
    }
    arm_machine(&mut command, config.machine);
    match config.arguments {
        [arguments] => arm(&mut command, config, arguments),
        _ => domains::add(&mut command, qemu, config)?,
    }
    Ok(command)
}

fn x86(command: &mut Command, config: &Config<'_>) {
    // A PVH dom0 needs an IOMMU.
    let (machine, dom0) = match config.machine.dom0 {
        Dom0::Pvh | Dom0::LinuxPvh => {
            (&["-machine", "q35", "-device", "amd-iommu"][..], " dom0=pvh")
        }
        _ => (&["-machine", "pc"][..], ""),
    };
    let cpu = match config.machine.dom0 {
        // A paravirtualised Linux does not survive this QEMU's SMAP.
        Dom0::Linux => "max,-smap",
        // Xen lets a PVH domain read the processor's time stamp counter only if its rate is invariant. It is, but QEMU
        // has to be forced to say so. Otherwise Xen emulates every read, and fails at RDTSCP, for which QEMU reports
        // the exit of RDTSC.
        Dom0::LinuxPvh => "max,x-force-features=on,+invtsc",
        _ => "max",
    };
    command.args(machine).args(["-cpu", cpu, "-m", &memory(config.machine).1.to_string()]);
    // What the guest writes there becomes QEMU's exit status.
    command.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]);
    command.arg("-append").arg(format!("console=com1 {}{dom0}", told(config)));
    // A comma separates modules, and two of them are one.
    let mut modules = joined([
        commas(config.kernel.as_os_str()).as_ref(),
        " ".as_ref(),
        config.arguments.concat().replace(',', ",,").as_ref(),
    ]);
    if let Some(initramfs) = config.initramfs {
        modules.push(joined([",".as_ref(), commas(initramfs.as_os_str()).as_ref()]));
    }
    command.arg("-initrd").arg(modules);
}

/// A path with every comma twice, as QEMU's lists want it. A path that is no text has none to double.
fn commas(path: &OsStr) -> OsString {
    path.to_str().map_or_else(|| path.to_owned(), |path| path.replace(',', ",,").into())
}

fn arm_machine(command: &mut Command, machine: &Machine) {
    // Neither processor is one that Xen 4.14 warns about for three seconds.
    let (kind, cpu) = match machine.arch {
        Arch::Aarch64 => ("virt,virtualization=on,gic-version=3", "cortex-a53"),
        _ => ("virt,virtualization=on", "cortex-a15"),
    };
    command.args(["-machine", kind, "-cpu", cpu, "-m", &memory(machine).1.to_string()]);
    // The guest's exit status comes by a semihosting call.
    let userspace = if machine.has_linux() { ",userspace=on" } else { "" };
    command.arg("-semihosting-config").arg(format!("enable=on,target=native{userspace}"));
}

fn arm(command: &mut Command, config: &Config<'_>, arguments: &str) {
    command.arg("-append").arg(format!("{ARM_CONSOLE} {}", told(config)));
    // If the kernel has no command line, Xen takes its own for the kernel's.
    let arguments = if arguments.is_empty() { " " } else { arguments };
    let bootargs = format!(",bootargs={}", arguments.replace(',', ",,"));
    let kernel = commas(config.kernel.as_os_str());
    let loader =
        |address: &str, kind: &str| OsString::from(format!("guest-loader,addr={address},{kind}="));
    command.arg("-device").arg(joined([
        &loader("0x49000000", "kernel"),
        &kernel,
        bootargs.as_ref(),
    ]));
    if let Some(initramfs) = config.initramfs {
        // Kernels are smaller than 100 megabytes.
        let loader = loader("0x50000000", "initrd");
        command.arg("-device").arg(joined([&loader, &commas(initramfs.as_os_str())]));
    }
}

fn joined<const N: usize>(parts: [&OsStr; N]) -> OsString {
    parts.into_iter().collect()
}

/// A command as a line for a shell.
pub(crate) fn shown(command: &Command) -> String {
    let quoted = |word: &OsStr| {
        let word = word.to_string_lossy();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:+,@%".contains(c);
        if word.chars().all(plain) { word.into_owned() } else { format!("'{word}'") }
    };
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(version("QEMU emulator version 7.2.22 (Debian 1:7.2)"), Some((7, 2)));
        assert_eq!(version("QEMU emulator version 10.0"), Some((10, 0)));
        assert_eq!(version("something else"), None);
    }

    #[test]
    fn commas_in_paths_and_arguments_stay_in_them() {
        let machine = Machine::new("4.20", Arch::X86_64, Dom0::Pv);
        let config = Config {
            machine: &machine,
            hypervisor: Path::new("xen"),
            kernel: Path::new("a,b"),
            initramfs: None,
            arguments: &["c,d".to_owned()],
            xen_arguments: "",
            gdb: Some(1234),
            cpus: 2,
            place: Path::new("."),
        };
        let text = shown(&command(Path::new("qemu"), &config).unwrap());
        assert!(text.contains("-initrd 'a,,b c,,d'"), "{text}");
        assert!(text.contains("-S -gdb tcp:127.0.0.1:1234"), "{text}");
    }
}
