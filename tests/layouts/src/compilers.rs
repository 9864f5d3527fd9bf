//! The C compilers of each architecture, aimed at our stand-in headers.

use std::path::Path;
use std::process::Output;
use std::sync::OnceLock;

use devtools::{Arch, Compiler, Family, compilers};
use xen_codegen::import::Source;
use xen_codegen::ir::Profile;

use crate::Error;

/// The compiler for `arch` that `CC_<arch>` names, or the GNU one.
pub fn gcc(arch: Arch) -> Result<&'static Compiler, Error> {
    // The first of an architecture is the user's own, or the GNU one.
    let is_named = std::env::var_os(Compiler::variable(arch)).is_some();
    let own = of(arch).next().filter(|own| own.family == Family::Gcc || is_named);
    own.ok_or(Error::NoCompiler { arch })
}

/// Clang for `arch`, if it is installed.
#[must_use]
pub fn clang(arch: Arch) -> Option<&'static Compiler> {
    of(arch).find(|compiler| compiler.family == Family::Clang)
}

/// Runs `compiler` over the C file `c` against the headers of `source`, with our stand-ins in `stubs` for
/// those that are not of the ABI, as a program of this profile.
pub fn run(
    compiler: &Compiler,
    source: &Source,
    c: &Path,
    stubs: &Path,
    profile: Profile,
    more: &[&str],
) -> Result<Output, Error> {
    compiler
        .command()
        .args(["-nostdinc", "-std=gnu11", "-w"])
        .arg(match profile {
            Profile::Tools => String::from("-D__XEN_TOOLS__=1"),
            Profile::Guest(version) => format!("-D__XEN_INTERFACE_VERSION__={version:#x}"),
        })
        .arg(format!("-I{}", stubs.display()))
        .args(source.roots().map(|root| format!("-I{}", root.display())))
        .args(more)
        .arg(c)
        .output()
        .map_err(|source| Error::Compiler { program: compiler.program.clone(), source })
}

/// The compilers for `arch`, looked for once: each is tried by compiling with it.
fn of(arch: Arch) -> impl Iterator<Item = &'static Compiler> {
    static FOUND: OnceLock<Vec<Compiler>> = OnceLock::new();
    FOUND.get_or_init(compilers).iter().filter(move |compiler| compiler.arch == arch)
}
