//! C compilers that generate code for an architecture, aimed at our stand-in headers.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use xen_codegen::arch::Arch;
use xen_codegen::import::Source;
use xtask::Family;

use crate::Error;

/// A compiler with what it takes to aim it at one architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiler {
    /// The executable.
    pub program: String,
    /// Arguments that choose the architecture.
    pub arguments: Vec<String>,
    /// What it generates code for.
    pub arch: Arch,
}

impl Compiler {
    /// The compiler for `arch` that `CC_<arch>` names, or the GNU one. If there is neither, its usual
    /// name, which then fails to start and says so.
    #[must_use]
    pub fn gcc(arch: Arch) -> Self {
        // What stands first for an architecture is the user's own, or the GNU one.
        let own = of(arch).next().filter(|own| own.family == Family::Gcc || is_named(arch));
        let program = own.map_or_else(|| format!("{arch}-gcc"), |own| own.program.clone());
        let arguments = own.map(|own| own.arguments.clone()).unwrap_or_default();
        Self { program, arguments, arch }
    }

    /// Clang for `arch`, if it is installed.
    #[must_use]
    pub fn clang(arch: Arch) -> Option<Self> {
        let clang = of(arch).find(|compiler| compiler.family == Family::Clang)?;
        Some(Self { program: clang.program.clone(), arguments: clang.arguments.clone(), arch })
    }

    /// Runs it over C text against the headers of `source`, with our stand-ins for those not of the
    /// ABI.
    pub fn run(
        &self,
        source: &Source,
        c: &Path,
        stubs: &Path,
        more: &[&str],
    ) -> Result<Output, Error> {
        Command::new(&self.program)
            .args(&self.arguments)
            .args(["-nostdinc", "-std=gnu11", "-w", "-D__XEN_TOOLS__=1"])
            .arg(format!("-I{}", stubs.display()))
            .args(source.roots().map(|root| format!("-I{}", root.display())))
            .args(more)
            .arg(c)
            .output()
            .map_err(|source| Error::Compiler { program: self.program.clone(), source })
    }
}

/// The compilers for `arch`, looked for once: each is tried by compiling with it.
fn of(arch: Arch) -> impl Iterator<Item = &'static xtask::Compiler> {
    static FOUND: OnceLock<Vec<xtask::Compiler>> = OnceLock::new();
    let found = FOUND.get_or_init(xtask::compilers).iter();
    found.filter(move |compiler| compiler.arch.name() == arch.name())
}

fn is_named(arch: Arch) -> bool {
    std::env::var_os(format!("CC_{arch}")).is_some()
}
