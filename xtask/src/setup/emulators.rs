//! The emulators that the live tests boot hypervisors in.

use std::process::Command;

use crate::process;

/// A program of QEMU's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Emulator {
    /// Its name.
    pub(super) program: &'static str,
    /// Debian's packages that it needs.
    pub(super) packages: &'static [&'static str],
}

/// All that are used.
pub(super) const EMULATORS: [Emulator; 3] = [
    Emulator { program: "qemu-system-x86_64", packages: &["qemu-system-x86", "seabios"] },
    Emulator { program: "qemu-system-aarch64", packages: &["qemu-system-arm"] },
    Emulator { program: "qemu-system-arm", packages: &["qemu-system-arm"] },
];

/// Those that do not run.
pub(super) fn missing() -> Vec<Emulator> {
    let runs =
        |emulator: &Emulator| process::succeeds(Command::new(emulator.program).arg("--version"));
    EMULATORS.into_iter().filter(|emulator| !runs(emulator)).collect()
}
