//! Hypervisors built from source, for the debug information and to be booted.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use debian_packages::Options;
use devtools::Arch;

use crate::Error;
use crate::source::HypervisorSource;

/// What is built beside the defaults: on Arm, what restricts a domain's pages. x86 always has it.
const CONFIGURATION: &str = "CONFIG_MEM_ACCESS=y\n";

/// The file in a tree that says what was built there: a version of the source, and our configuration.
const BUILT: &str = "built";

/// Builds `source` below `place`, unless that was done before, and returns the linked hypervisor.
pub fn build(
    source: &HypervisorSource,
    place: &Path,
    options: &Options<'_>,
) -> Result<PathBuf, Error> {
    let tree = place.join(source.directory_name());
    let linked = tree.join("xen-syms");
    let [built, configuration] = [BUILT, "xen/.config"].map(|name| tree.join(name));
    let what = format!("{}\n{CONFIGURATION}", source.version());
    if linked.is_file() && fs::read_to_string(&built).is_ok_and(|known| known == what) {
        return Ok(linked);
    }
    let cross = format!("{}-", source.arch().gnu_triple());
    compiles(&format!("{cross}gcc"))?;
    fs::create_dir_all(place).map_err(Error::io(place))?;
    // An interrupted build may have left a tree that is half patched.
    if tree.exists() {
        fs::remove_dir_all(&tree).map_err(Error::io(&tree))?;
    }
    source.unpack(&tree, options)?;
    let (release, arch) = (source.release(), source.arch());
    (options.progress)(&format!("building Xen {release} for {arch}; this takes minutes"));
    patch(&tree)?;
    fs::write(&configuration, CONFIGURATION).map_err(Error::io(&configuration))?;
    fs::write(&built, what).map_err(Error::io(&built))?;
    let target = match source.arch() {
        Arch::X86_64 => "XEN_TARGET_ARCH=x86_64",
        _ => "XEN_TARGET_ARCH=arm64",
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    for goal in ["olddefconfig", "build"] {
        let mut make = Command::new("make");
        make.args(["-C", "xen", goal, target]).arg(format!("-j{processors}"));
        make.arg(format!("CROSS_COMPILE={cross}"));
        // The distribution's configuration has none.
        make.arg("EXTRA_CFLAGS_XEN_CORE=-g");
        logged(&mut make, &tree)?;
    }
    // Only a build that was finished has it there.
    let made = tree.join("xen/xen-syms");
    fs::rename(&made, &linked).map_err(Error::io(&made))?;
    Ok(linked)
}

/// Whether there is a compiler of this name: make's own words would be found in a log alone.
fn compiles(program: &str) -> Result<(), Error> {
    let mut command = Command::new(program);
    let command = command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.stderr(Stdio::null()).status();
    status.map(drop).map_err(|source| Error::Builder { program: program.to_owned(), source })
}

/// Applies the distribution's patches, if it is a distribution's source.
fn patch(tree: &Path) -> Result<(), Error> {
    let patches = tree.join("debian/patches");
    if !patches.exists() {
        return Ok(());
    }
    let series = patches.join("series");
    let list = fs::read_to_string(&series).map_err(Error::io(&series))?;
    for name in
        list.lines().map(str::trim).filter(|name| !name.is_empty() && !name.starts_with('#'))
    {
        let mut patch = Command::new("patch");
        patch.args(["--strip=1", "--batch", "--input"]).arg(patches.join(name));
        logged(&mut patch, tree)?;
    }
    Ok(())
}

/// Runs a program in `tree` and appends its output to a log there.
fn logged(command: &mut Command, tree: &Path) -> Result<(), Error> {
    let log = tree.join("build.log");
    let file = File::options().create(true).append(true).open(&log).map_err(Error::io(&log))?;
    let other = file.try_clone().map_err(Error::io(&log))?;
    let program = command.get_program().to_string_lossy().into_owned();
    let command = command.current_dir(tree).stdin(Stdio::null()).stdout(file).stderr(other);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Error::Build { program, log }),
        Err(source) => Err(Error::Builder { program, source }),
    }
}
