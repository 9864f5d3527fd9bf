//! Debian's Linux as the first domain: its kernel, and a root file system with what it is to do.

mod archive;
mod finish;
mod guests;
mod vmlinuz;

use std::fs;
use std::path::{Path, PathBuf};

use debian_packages::{Files, Options, Replaced};

use crate::{Arch, Dom0, Dom0Files, Error, Machine};
use archive::Archive;

pub use guests::{Guest, GuestKind, MAX_DISKS};

/// The first process.
const INIT: &str = include_str!("init");

/// What starts the toolstack; the first process looks for it.
const TOOLSTACK: &str = include_str!("toolstack");

/// What the toolstack runs for a disk.
const BLOCK: &str = include_str!("block");

/// What Linux is told: where to write, and to say no more than what went wrong. With `rodata=off`, which saves a second,
/// programs of a PV Linux found their memory corrupt.
const ARGUMENTS: &str = "console=hvc0 loglevel=4 oops=panic panic=1";

/// What it is told beside that as a PVH guest: not to look for AGP, and not to try ACPI's timer, which Xen keeps to
/// itself. Each access to their ports exits to Xen, which takes seconds in all.
const PVH_ARGUMENTS: &str = "pci=noearly pmtmr=0";

/// What Linux is to do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Work {
    /// Lines for a shell, one after another.
    pub(crate) commands: Vec<String>,
    /// Files by where they belong in the root file system.
    pub(crate) files: Vec<(String, PathBuf)>,
    /// Whether domains are started.
    pub(crate) toolstack: bool,
}

/// Linux as it is booted.
pub(crate) struct Linux {
    pub(crate) kernel: PathBuf,
    /// The root file system.
    pub(crate) initramfs: PathBuf,
    /// The packages that are not the pinned ones.
    pub(crate) replaced: Vec<Replaced>,
}

impl Work {
    /// Has a program run, which needs no library.
    pub(crate) fn program(&mut self, program: &Path, arguments: &str) {
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("programs/{name}");
        self.commands.push(format!("/{name} {arguments}").trim_end().to_owned());
        self.files.push((name, program.to_owned()));
    }
}

/// What Linux is told.
pub(crate) fn arguments(machine: &Machine) -> String {
    match machine.dom0 {
        Dom0::LinuxPvh => format!("{ARGUMENTS} {PVH_ARGUMENTS}"),
        _ => ARGUMENTS.to_owned(),
    }
}

/// Makes a kernel and a root file system, the latter in the directory `place`.
pub(crate) fn make(
    machine: &Machine,
    work: &Work,
    options: &Options<'_>,
    place: &Path,
) -> Result<Linux, Error> {
    let Machine { release, arch, .. } = machine;
    let Files { mut paths, mut replaced } = Dom0Files::linux(release, *arch)?.obtain(options)?;
    let vmlinuz = paths.remove("vmlinuz").unwrap_or_default();
    let kernel = match arch {
        Arch::X86_64 => unpacked(&vmlinuz, options)?,
        // It is the kernel itself.
        _ => vmlinuz,
    };
    if work.toolstack {
        let toolstack = Dom0Files::toolstack(release, *arch)?.obtain(options)?;
        paths.extend(toolstack.paths);
        replaced.extend(toolstack.replaced);
    }
    paths.extend(work.files.iter().cloned());

    let mut archive = Archive::default();
    for (name, path) in paths {
        archive.add(&name, &fs::read(&path).map_err(Error::file(&path))?);
    }
    archive.add("init", INIT.as_bytes());
    archive.add("bin/finish", &finish::program(*arch));
    if work.toolstack {
        archive.add("toolstack", TOOLSTACK.as_bytes());
        archive.add("etc/xen/scripts/block", BLOCK.as_bytes());
    }
    archive.add("wanted", (work.commands.join("\n") + "\n").as_bytes());
    let initramfs = place.join("initramfs.cpio");
    fs::write(&initramfs, archive.finish()).map_err(Error::file(&initramfs))?;
    Ok(Linux { kernel, initramfs, replaced })
}

/// The kernel in a `vmlinuz`, as Xen starts it: Xen would unpack it too, but takes seconds.
fn unpacked(vmlinuz: &Path, options: &Options<'_>) -> Result<PathBuf, Error> {
    // The directory is called after the package, with its version.
    let package = vmlinuz.parent().and_then(Path::file_name).unwrap_or_default();
    let dir = options.cache.join("linux");
    let path = dir.join(format!("vmlinux-{}", package.to_string_lossy()));
    if path.is_file() {
        return Ok(path);
    }
    (options.progress)(&format!("unpacking the kernel in {}", vmlinuz.display()));
    let bytes = fs::read(vmlinuz).map_err(Error::file(vmlinuz))?;
    let kernel = vmlinuz::kernel(&bytes)
        .map_err(|detail| Error::BadKernel { path: vmlinuz.to_owned(), detail })?;
    fs::create_dir_all(&dir).map_err(Error::file(&dir))?;
    // Another process may need it at the same time: it appears as a whole.
    let file = tempfile::NamedTempFile::new_in(&dir).map_err(Error::file(&dir))?;
    fs::write(file.path(), kernel).map_err(Error::file(&path))?;
    file.persist(&path).map_err(|error| Error::file(&path)(error.error))?;
    Ok(path)
}
