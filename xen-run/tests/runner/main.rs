//! The program, with scripts that stand for QEMU.

mod ends;
mod missing;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A directory with a QEMU, a hypervisor, and a kernel for x86-64 that can be both kinds of guest.
struct Place {
    dir: TempDir,
}

impl Place {
    /// A QEMU that answers to `--version` and then does what `script` says.
    fn new(script: &str) -> Self {
        let version = "QEMU emulator version 7.2.22 (Debian)";
        Self::of(&format!("[ \"$1\" = --version ] && {{ echo '{version}'; exit; }}\n{script}"))
    }

    /// A QEMU that is this script.
    fn of(script: &str) -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(place.path("bin")).unwrap();
        for name in ["qemu-system-x86_64", "qemu-system-aarch64"] {
            let program = place.path("bin").join(name);
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(place.path("xen"), "").unwrap();
        fs::write(place.path("kernel"), kernel(62, b"Xen\0")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The program, which finds nothing but what is here and in `/bin`.
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xen-run"));
        let bin = self.path("bin");
        command.env_clear().env("PATH", format!("{}:/bin:/usr/bin", bin.display()));
        command.env("HOME", self.dir.path()).env("TMPDIR", self.dir.path());
        command.env("XEN_RUN_HYPERVISOR", self.path("xen"));
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } = self.command().args(words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (status.code(), text(stdout), text(stderr))
    }

    /// The files that the boots have left.
    fn left(&self) -> Vec<String> {
        let names = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        names.filter(|name| name.starts_with("xen-")).collect()
    }
}

/// An ELF file of 64 bits for a machine, with the notes of both entry points.
fn kernel(machine: u16, owner: &[u8; 4]) -> Vec<u8> {
    let mut notes = Vec::new();
    for kind in [1_u32, 18] {
        for word in [4_u32, 8, kind] {
            notes.extend(word.to_le_bytes());
        }
        notes.extend(owner);
        notes.extend([0; 8]);
    }
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend([2, machine].iter().flat_map(|half: &u16| half.to_le_bytes()));
    file.extend(1_u32.to_le_bytes());
    file.extend([0_u64, 64, 0].iter().flat_map(|long| long.to_le_bytes()));
    file.extend([0_u16, 0, 64, 56, 1, 0, 0, 0].iter().flat_map(|half| half.to_le_bytes()));
    file.extend([4_u32, 4].iter().flat_map(|word| word.to_le_bytes()));
    let size = notes.len() as u64;
    file.extend([120, 0, 0, size, size, 4].iter().flat_map(|long: &u64| long.to_le_bytes()));
    file.extend(notes);
    file
}

/// Whether the process whose number a script wrote to a file still runs.
fn runs(file: &Path) -> bool {
    let process = fs::read_to_string(file).unwrap();
    Path::new("/proc").join(process.trim()).exists()
}
