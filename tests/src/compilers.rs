//! C compilers that generate code for an architecture.

use std::path::Path;
use std::process::{Command, Output};

use xen_codegen::arch::Arch;

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
    /// The compiler for `arch` that `CC_<arch>` names, arguments included, else the GNU one by its
    /// usual names.
    #[must_use]
    pub fn gcc(arch: Arch) -> Self {
        let named = std::env::var(format!("CC_{arch}")).unwrap_or_default();
        let mut words = named.split_whitespace().map(str::to_owned);
        let named = words.next();
        let arguments = words.collect();
        let program = named.unwrap_or_else(|| {
            let cross = format!("{}-gcc", gnu_triple(arch));
            if std::env::consts::ARCH == arch.target_arch() && !starts(&cross) {
                String::from("gcc")
            } else {
                cross
            }
        });
        Self { program, arguments, arch }
    }

    /// Clang for `arch`, if it is installed.
    #[must_use]
    pub fn clang(arch: Arch) -> Option<Self> {
        let names = std::iter::once(String::from("clang"));
        let program =
            names.chain((14..40).rev().map(|n| format!("clang-{n}"))).find(|n| starts(n))?;
        Some(Self { program, arguments: vec![format!("--target={}", arch.triple())], arch })
    }

    /// Whether it can be started.
    #[must_use]
    pub fn is_there(&self) -> bool {
        starts(&self.program)
    }

    /// Runs it over C text against the headers at `root`, with our stand-ins for the C library's.
    pub fn run(&self, root: &Path, c: &Path, stubs: &Path, more: &[&str]) -> Result<Output, Error> {
        Command::new(&self.program)
            .args(&self.arguments)
            .args(["-nostdinc", "-std=gnu11", "-w", "-D__XEN_TOOLS__=1"])
            .arg(format!("-I{}", stubs.display()))
            .arg(format!("-I{}", root.display()))
            .args(more)
            .arg(c)
            .output()
            .map_err(|source| Error::Compiler { program: self.program.clone(), source })
    }
}

fn starts(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The prefix of Debian's cross compilers.
const fn gnu_triple(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "x86_64-linux-gnu",
        Arch::X86_32 => "i686-linux-gnu",
        Arch::Aarch64 => "aarch64-linux-gnu",
        Arch::Arm => "arm-linux-gnueabihf",
        Arch::Riscv64 => "riscv64-linux-gnu",
    }
}
