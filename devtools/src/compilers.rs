//! The C compilers of each architecture, found by trying them.
//!
//! A compiler counts when it compiles a small freestanding file and says, through its own
//! macros, that it compiles for the architecture asked for. No package manager is consulted.

use std::env;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::{Arch, answer, succeeds};

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
    /// The environment variable that names an architecture's compiler, arguments included.
    #[must_use]
    pub fn variable(arch: Arch) -> String {
        format!("CC_{arch}")
    }

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
        let own = match env::var(Compiler::variable(arch)) {
            // The user's word is final: a compiler that does not work counts as missing.
            Ok(words) => probe(arch, &words),
            Err(_) => guesses(arch).iter().find_map(|words| probe(arch, words)),
        };
        let second = clang
            .as_ref()
            .and_then(|program| probe(arch, &format!("{program} --target={}", arch.gnu_triple())));
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
    let mut guesses = vec![format!("{}-gcc", arch.gnu_triple())];
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
        .find(|name| succeeds(Command::new(name).arg("--version")))
}

/// Tries one command, words separated by spaces.
fn probe(arch: Arch, words: &str) -> Option<Compiler> {
    let mut words = words.split_whitespace().map(str::to_owned);
    let program = words.next()?;
    let arguments = words.collect::<Vec<_>>();
    let version = answer(Command::new(&program).arg("--version"))?;
    let family = if version.contains("clang") { Family::Clang } else { Family::Gcc };
    let version = version.lines().next().unwrap_or_default().to_owned();
    let compiler = Compiler { arch, family, program, arguments, version };
    compiles(&compiler).then_some(compiler)
}

/// A condition that C's preprocessor finds true on this architecture alone.
fn condition(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "defined(__x86_64__) && defined(__LP64__)",
        Arch::X86_32 => "defined(__i386__)",
        Arch::Aarch64 => "defined(__aarch64__) && defined(__AARCH64EL__)",
        Arch::Arm => "defined(__arm__) && defined(__ARM_EABI__) && defined(__ARMEL__)",
        Arch::Riscv64 => "defined(__riscv) && __riscv_xlen == 64",
        Arch::Ppc64le => "defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)",
    }
}

/// A name that the assembly of the trial file must have.
const MARK: &str = "xen_abi_was_here";

fn compiles(compiler: &Compiler) -> bool {
    let source = format!(
        "#include <stddef.h>\n#include <stdint.h>\n#if !({})\n#error another architecture\n#endif\n\
         _Static_assert(sizeof(uintptr_t) == sizeof(size_t), \"\");\nint {MARK} = 1;\n",
        condition(compiler.arch)
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
