//! Hypervisors built from their distribution's source, for the debug information.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use debian_packages::Options;
use devtools::Arch;

use crate::Error;
use crate::pins::SourcePackage;

/// What is built beside the defaults: on Arm, what restricts a domain's pages. x86 always has it.
const CONFIGURATION: &str = "CONFIG_MEM_ACCESS=y\n";

/// Builds `source` below `place`, unless that was done before, and returns the linked hypervisor.
pub fn build(source: &SourcePackage, place: &Path) -> Result<PathBuf, Error> {
    let stem = source.changes.file_name().trim_end_matches(".debian.tar.xz");
    let tree = place.join(format!("{stem}-{}", source.arch));
    let linked = tree.join("xen-syms");
    let configuration = tree.join("xen/.config");
    let known = fs::read_to_string(&configuration).unwrap_or_default();
    if linked.is_file() && known.contains(CONFIGURATION) {
        return Ok(linked);
    }
    fs::create_dir_all(place).map_err(Error::io(place))?;
    // An interrupted build may have left a tree that is half patched.
    if tree.exists() {
        fs::remove_dir_all(&tree).map_err(Error::io(&tree))?;
    }
    let options = Options::from_env();
    source.unpack(&tree, &options)?;
    let SourcePackage { release, arch, .. } = source;
    (options.progress)(&format!("building Xen {release} for {arch}; this takes minutes"));
    patch(&tree)?;
    fs::write(&configuration, CONFIGURATION).map_err(Error::io(&configuration))?;
    let cross = match source.arch {
        Arch::X86_64 => ["XEN_TARGET_ARCH=x86_64", "CROSS_COMPILE=x86_64-linux-gnu-"],
        _ => ["XEN_TARGET_ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"],
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    for goal in ["olddefconfig", "build"] {
        let mut make = Command::new("make");
        make.args(["-C", "xen", goal]).arg(format!("-j{processors}")).args(cross);
        // The distribution's configuration has none.
        make.arg("EXTRA_CFLAGS_XEN_CORE=-g");
        logged(&mut make, &tree)?;
    }
    // Only a build that was finished has it there.
    let made = tree.join("xen/xen-syms");
    fs::rename(&made, &linked).map_err(Error::io(&made))?;
    Ok(linked)
}

/// Applies the distribution's patches.
fn patch(tree: &Path) -> Result<(), Error> {
    let patches = tree.join("debian/patches");
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
        Err(source) => Err(Error::Compiler { program, source }),
    }
}
