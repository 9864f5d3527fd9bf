//! The C compilers of each architecture, found by trying them.
//!
//! A compiler counts when it compiles a small freestanding file and says, through its own
//! macros, that it compiles for the architecture asked for. No package manager is consulted.

use std::env;
use std::fmt;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::process;

/// An architecture whose layouts a C compiler is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Arch {
    X86_64,
    X86_32,
    Aarch64,
    Arm,
    Riscv64,
}

impl Arch {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::X86_64, Self::X86_32, Self::Aarch64, Self::Arm, Self::Riscv64];

    /// The name that the generator's `--arch` uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::X86_32 => "x86_32",
            Self::Aarch64 => "aarch64",
            Self::Arm => "arm",
            Self::Riscv64 => "riscv64",
        }
    }

    /// The environment variable that names this architecture's compiler, arguments included.
    #[must_use]
    pub fn variable(self) -> String {
        format!("CC_{}", self.name())
    }

    /// The triple that Debian's cross compilers and clang's `--target` go by.
    #[must_use]
    pub fn triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-linux-gnu",
            Self::X86_32 => "i686-linux-gnu",
            Self::Aarch64 => "aarch64-linux-gnu",
            Self::Arm => "arm-linux-gnueabihf",
            Self::Riscv64 => "riscv64-linux-gnu",
        }
    }

    /// Whether this program runs on it.
    #[must_use]
    pub fn is_native(self) -> bool {
        let host = env::consts::ARCH;
        self.name() == if host == "x86" { "x86_32" } else { host }
    }

    /// A condition that C's preprocessor finds true on this architecture alone.
    fn condition(self) -> &'static str {
        match self {
            Self::X86_64 => "defined(__x86_64__) && defined(__LP64__)",
            Self::X86_32 => "defined(__i386__)",
            Self::Aarch64 => "defined(__aarch64__) && defined(__AARCH64EL__)",
            Self::Arm => "defined(__arm__) && defined(__ARM_EABI__) && defined(__ARMEL__)",
            Self::Riscv64 => "defined(__riscv) && __riscv_xlen == 64",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whose compiler it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Family {
    Gcc,
    Clang,
}

/// A C compiler that works for one architecture.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// What it compiles for.
    pub arch: Arch,
    /// Whose it is.
    pub family: Family,
    /// The program.
    pub program: String,
    /// The arguments that must stand before all others, such as `-m32`.
    pub arguments: Vec<String>,
    /// The first line of its `--version`.
    pub version: String,
}

impl Compiler {
    /// A command that starts this compiler.
    ///
    /// The packages that `setup` installs bring no C library for foreign architectures, so pass
    /// `-ffreestanding` and include freestanding headers only.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command
    }
}

/// Every architecture's compilers: for each at most one gcc, or what its `CC_` variable names,
/// and at most one clang.
#[must_use]
pub fn compilers() -> Vec<Compiler> {
    let clang = clang();
    let mut found = Vec::new();
    for arch in Arch::ALL {
        let own = match env::var(arch.variable()) {
            // The user's word is final: a compiler that does not work counts as missing.
            Ok(words) => probe(arch, &words),
            Err(_) => guesses(arch).iter().find_map(|words| probe(arch, words)),
        };
        let second = clang
            .as_ref()
            .and_then(|program| probe(arch, &format!("{program} --target={}", arch.triple())));
        // A user's own clang, or a gcc that is one in disguise, is not counted twice.
        let is_clang = own.as_ref().is_some_and(|own| own.family == Family::Clang);
        found.extend(own);
        found.extend(second.filter(|_| !is_clang));
    }
    found
}

/// The commands worth trying for an architecture, best first: the names that Debian, Fedora and
/// most cross toolchains use. Others are the user's to name.
fn guesses(arch: Arch) -> Vec<String> {
    let mut guesses = vec![format!("{}-gcc", arch.triple())];
    if arch.is_native() {
        guesses.push("gcc".to_owned());
    }
    guesses
}

/// Any clang, the unversioned one first.
fn clang() -> Option<String> {
    let versioned = (crate::libclang::MINIMUM..40).rev().map(|major| format!("clang-{major}"));
    ["clang".to_owned()]
        .into_iter()
        .chain(versioned)
        .find(|name| process::succeeds(Command::new(name).arg("--version")))
}

/// Tries one command, words separated by spaces.
fn probe(arch: Arch, words: &str) -> Option<Compiler> {
    let mut words = words.split_whitespace().map(str::to_owned);
    let program = words.next()?;
    let arguments = words.collect::<Vec<_>>();
    let version = process::answer(Command::new(&program).arg("--version"))?;
    let family = if version.contains("clang") { Family::Clang } else { Family::Gcc };
    let version = version.lines().next().unwrap_or_default().to_owned();
    let compiler = Compiler { arch, family, program, arguments, version };
    compiles(&compiler).then_some(compiler)
}

/// A name that the assembly of the trial file must have.
const MARK: &str = "xen_abi_was_here";

fn compiles(compiler: &Compiler) -> bool {
    let source = format!(
        "#include <stddef.h>\n#include <stdint.h>\n#if !({})\n#error another architecture\n#endif\n\
         _Static_assert(sizeof(uintptr_t) == sizeof(size_t), \"\");\nint {MARK} = 1;\n",
        compiler.arch.condition()
    );
    let child = compiler
        .command()
        .args(["-ffreestanding", "-std=gnu11", "-S", "-x", "c", "-o", "-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return false };
    // A compiler that stops reading early has failed, which its status tells.
    let _ = child.stdin.take().map(|mut input| input.write_all(source.as_bytes()));
    // Success alone proves little: `true` succeeds.
    child.wait_with_output().is_ok_and(|output| {
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains(MARK)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_no_compiler() {
        assert!(probe(Arch::Arm, "").is_none());
        assert!(probe(Arch::Arm, "xen-abi-no-such-program").is_none());
        assert!(probe(Arch::Arm, "true").is_none());
    }

    #[test]
    fn a_compiler_compiles_for_its_own_architecture_only() {
        for found in compilers() {
            for arch in Arch::ALL {
                let other = Compiler { arch, ..found.clone() };
                assert_eq!(compiles(&other), arch == found.arch, "{other:?}");
            }
        }
    }
}
