//! QEMU: whether it is there, and how it is told to boot a Xen.

mod domains;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Arch, Error, Mode, Row};

/// The oldest QEMU with all the devices that are used: guest-loader came last.
const MINIMUM: (u32, u32) = (6, 0);

/// The oldest one in which a program of Linux can say how it went.
const MINIMUM_FOR_ARM_LINUX: (u32, u32) = (7, 2);

/// What Xen is told where our kernel is alone: handles for 255 mappings, of which it runs out.
const FEW_HANDLES: &str = "gnttab_max_maptrack_frames=1";

/// How much memory the first domain has and the machine, in megabytes.
fn memory(row: Row) -> (u32, u32) {
    match (row.has_linux(), row.arch) {
        (true, _) => (256, 768),
        (_, Arch::X86_64) => (32, 128),
        _ => (32, 256),
    }
}

/// What Xen is told: a first domain of a known size, and no time spent on wiping the rest of the
/// memory.
fn told(row: Row) -> String {
    let handles = if row.domains > 1 || row.has_linux() { "" } else { FEW_HANDLES };
    format!("dom0_mem={}M bootscrub=0 loglvl=all guest_loglvl=all {handles}", memory(row).0)
}

/// Where Xen writes on Arm.
const ARM_CONSOLE: &str = "console=dtuart";

/// The files of a boot.
pub(crate) struct Files<'a> {
    pub(crate) hypervisor: &'a Path,
    pub(crate) kernel: &'a Path,
    /// The root file system, for Linux.
    pub(crate) initramfs: Option<&'a Path>,
    /// Where files of this boot can be written.
    pub(crate) place: &'a Path,
}

/// The program for a machine, and Debian's package of it.
fn program(row: Row) -> (&'static str, &'static str) {
    match row.hypervisor() {
        Arch::X86_64 => ("qemu-system-x86_64", "qemu-system-x86"),
        Arch::Aarch64 => ("qemu-system-aarch64", "qemu-system-arm"),
        _ => ("qemu-system-arm", "qemu-system-arm"),
    }
}

/// The QEMU for a machine, in `directory` or on PATH, once it has said that it is new enough.
pub(crate) fn find(row: Row, directory: Option<&Path>) -> Result<PathBuf, Error> {
    let (name, package) = program(row);
    let path = directory.map_or_else(|| PathBuf::from(name), |directory| directory.join(name));
    let program = path.display().to_string();
    let output = match Command::new(&path).arg("--version").stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(source) => return Err(Error::NoQemu { program, package, source }),
    };
    let answer = String::from_utf8_lossy(&output.stdout);
    let answer = answer.lines().next().unwrap_or_default();
    let minimum = match (row.has_linux(), row.arch) {
        (true, Arch::Aarch64) => MINIMUM_FOR_ARM_LINUX,
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

/// The command that boots a machine whose domains get these command lines.
pub(crate) fn command(
    qemu: &Path,
    row: Row,
    files: &Files<'_>,
    arguments: &[String],
) -> Result<Command, Error> {
    let mut command = Command::new(qemu);
    command.args(["-accel", "tcg", "-display", "none", "-monitor", "none", "-nodefaults"]);
    command.args(["-no-reboot", "-serial", "stdio", "-kernel"]).arg(files.hypervisor);
    match row.arch {
        Arch::X86_64 => x86(&mut command, row, files, &arguments.concat()),
        _ => {
            arm_machine(&mut command, row);
            match arguments {
                [arguments] => arm(&mut command, row, files, arguments),
                several => domains::add(&mut command, qemu, row, files, several)?,
            }
        }
    }
    Ok(command)
}

fn x86(command: &mut Command, row: Row, files: &Files<'_>, arguments: &str) {
    // A PVH dom0 needs an IOMMU.
    let (machine, dom0) = match row.mode {
        Mode::Pvh if !row.has_linux() => {
            (&["-machine", "q35", "-device", "amd-iommu"][..], " dom0=pvh")
        }
        _ => (&["-machine", "pc"][..], ""),
    };
    // A paravirtualised Linux does not survive this QEMU's SMAP.
    let cpu = if row.has_linux() { "max,-smap" } else { "max" };
    command.args(machine).args(["-cpu", cpu, "-m", &memory(row).1.to_string()]);
    // What the guest writes there becomes QEMU's exit status.
    command.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]);
    command.arg("-append").arg(format!("console=com1 {}{dom0}", told(row)));
    let mut modules = joined([files.kernel.as_os_str(), " ".as_ref(), arguments.as_ref()]);
    if let Some(initramfs) = files.initramfs {
        modules.push(joined([",".as_ref(), initramfs.as_os_str()]));
    }
    command.arg("-initrd").arg(modules);
}

fn arm_machine(command: &mut Command, row: Row) {
    // Neither processor is one that Xen 4.14 warns about for three seconds.
    let (machine, cpu) = match row.hypervisor() {
        Arch::Aarch64 => ("virt,virtualization=on,gic-version=3", "cortex-a53"),
        _ => ("virt,virtualization=on", "cortex-a15"),
    };
    // One processor, though there be several domains: they wait for each other by giving way, which
    // two emulated processors on a busy machine take forty times as long for.
    command.args(["-machine", machine, "-cpu", cpu, "-m", &memory(row).1.to_string()]);
    // The guest's exit status comes by a semihosting call.
    let userspace = if row.has_linux() { ",userspace=on" } else { "" };
    command.arg("-semihosting-config").arg(format!("enable=on,target=native{userspace}"));
}

fn arm(command: &mut Command, row: Row, files: &Files<'_>, arguments: &str) {
    command.arg("-append").arg(format!("{ARM_CONSOLE} {}", told(row)));
    let bootargs = format!(",bootargs={}", arguments.replace(',', ",,"));
    let kernel = files.kernel.as_os_str();
    let loader =
        |address: &str, kind: &str| OsString::from(format!("guest-loader,addr={address},{kind}="));
    command.arg("-device").arg(joined([
        &loader("0x49000000", "kernel"),
        kernel,
        bootargs.as_ref(),
    ]));
    if let Some(initramfs) = files.initramfs {
        // Kernels are smaller than 100 megabytes.
        let loader = loader("0x50000000", "initrd");
        command.arg("-device").arg(joined([&loader, initramfs.as_os_str()]));
    }
}

fn joined<const N: usize>(parts: [&OsStr; N]) -> OsString {
    parts.into_iter().collect()
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
}
