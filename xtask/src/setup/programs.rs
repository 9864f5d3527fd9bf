//! Programs that commands run: emulators to boot hypervisors in, what builds hypervisors, and a browser.

use std::process::Command;

use super::For;
use crate::process;

/// A program of the system's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// Its name.
    pub(super) name: &'static str,
    /// Debian's packages that it needs.
    pub(super) packages: &'static [&'static str],
}

/// Those that boot hypervisors.
pub(super) const EMULATORS: [Program; 3] = [
    Program { name: "qemu-system-x86_64", packages: &["qemu-system-x86", "seabios"] },
    Program { name: "qemu-system-aarch64", packages: &["qemu-system-arm"] },
    Program { name: "qemu-system-arm", packages: &["qemu-system-arm"] },
];

/// Those that build hypervisors, beside compilers.
const BUILDERS: [Program; 6] = [
    Program { name: "git", packages: &["git"] },
    Program { name: "make", packages: &["make"] },
    Program { name: "patch", packages: &["patch"] },
    Program { name: "flex", packages: &["flex"] },
    Program { name: "bison", packages: &["bison"] },
    Program { name: "python3", packages: &["python3"] },
];

/// Any browser that the test of the atlas can drive. Debian's whole one would do as well.
const BROWSERS: [Program; 1] = [Program {
    name: "chromium-headless-shell",
    packages: &["chromium-headless-shell", "fonts-dejavu-core"],
}];

/// The programs that are wanted for a purpose.
fn wanted(purpose: For) -> &'static [Program] {
    match purpose {
        For::Headers => &[],
        For::Live | For::Everything => &EMULATORS,
        For::Source => &BUILDERS,
        For::Browser => &BROWSERS,
    }
}

/// Those of them that do not run.
pub(super) fn missing(purpose: For) -> Vec<Program> {
    let runs = |program: &Program| process::succeeds(Command::new(program.name).arg("--version"));
    wanted(purpose).iter().filter(|program| !runs(program)).copied().collect()
}
