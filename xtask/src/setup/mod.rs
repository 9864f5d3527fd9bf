//! `cargo xtask setup`: installs, or names, what the other commands need from the system.

mod apt;
mod distribution;
mod programs;

use devtools::libclang::{self, Libclang};
use devtools::{Arch, Compiler, compilers};

use crate::install::Install;
use crate::{Error, toolchain};

use distribution::Distribution;
use programs::Program;

/// Options of `setup`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask setup           install what is missing (as root), or print the command\n  \
    cargo xtask setup --print   only say what there is, what is missing and how to get it\n\n\
    libclang 14 or newer and a C compiler for each architecture are found by trying them.\n\
    To use others, set LIBCLANG_PATH to the directory that holds libclang, and CC_x86_64,\n\
    CC_x86_32, CC_aarch64, CC_arm or CC_riscv64 to a compiler, arguments included.")]
pub(crate) struct Options {
    /// Only print: install nothing, and succeed whatever is missing
    #[arg(long)]
    pub(crate) print: bool,
}

/// What packages are wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// Reading headers and checking the result with C compilers.
    Headers,
    /// Booting hypervisors.
    Live,
    /// Reading headers, and building hypervisors from their source.
    Source,
    /// Looking at the atlas.
    Browser,
    /// All the tests.
    Everything,
}

impl For {
    /// Whether it needs libclang and C compilers.
    fn reads_headers(self) -> bool {
        !matches!(self, Self::Live | Self::Browser)
    }

    fn why(self) -> &'static str {
        match self {
            Self::Headers => "Xen's headers are read with libclang and checked with C compilers",
            Self::Live => "hypervisors are booted under QEMU",
            Self::Source => "hypervisors are built from source",
            Self::Browser => "the atlas is read in a headless browser",
            Self::Everything => "headers are read and checked, and hypervisors booted",
        }
    }
}

/// What the system has and what it lacks.
struct Survey {
    purpose: For,
    libclang: Result<Libclang, String>,
    compilers: Vec<Compiler>,
    /// Those that are missing.
    programs: Vec<Program>,
}

impl Survey {
    fn take(purpose: For) -> Self {
        let programs = programs::missing(purpose);
        Self { purpose, libclang: libclang::find(), compilers: compilers(), programs }
    }

    /// Why there is no libclang, if one is wanted.
    fn missing_libclang(&self) -> Option<&String> {
        self.libclang.as_ref().err().filter(|_| self.purpose.reads_headers())
    }

    fn missing_compilers(&self) -> Vec<Arch> {
        if !self.purpose.reads_headers() {
            return Vec::new();
        }
        let has = |arch| self.compilers.iter().any(|compiler| compiler.arch == arch);
        Arch::ALL.into_iter().filter(|arch| !has(*arch)).collect()
    }

    fn is_complete(&self) -> bool {
        self.missing_libclang().is_none()
            && self.missing_compilers().is_empty()
            && self.programs.is_empty()
    }

    /// The missing things in words, each with the variable that points at one.
    fn missing(&self) -> String {
        let libclang = self.missing_libclang().map(|reason| {
            format!("libclang {} or newer ({reason}; LIBCLANG_PATH)", libclang::MINIMUM)
        });
        let arches = self.missing_compilers();
        let names = arches.iter().map(|arch| arch.name()).collect::<Vec<_>>().join(", ");
        let variables =
            arches.iter().map(|arch| Compiler::variable(*arch)).collect::<Vec<_>>().join(", ");
        let compilers = (!arches.is_empty()).then(|| format!("gcc for {names} ({variables})"));
        let programs = self.programs.iter().map(|program| program.name.to_owned());
        libclang.into_iter().chain(compilers).chain(programs).collect::<Vec<_>>().join(" and ")
    }

    fn print(&self) {
        match &self.libclang {
            Ok(found) => {
                println!("{:<19}  {} ({})", "libclang", found.version, found.path.display());
            }
            Err(reason) => println!("{:<19}  missing: {reason}", "libclang"),
        }
        for arch in Arch::ALL {
            let mut found = self.compilers.iter().filter(|found| found.arch == arch).peekable();
            if found.peek().is_none() {
                println!("{:<19}  missing", format!("C for {arch}"));
            }
            for compiler in found {
                println!("{:<19}  {}", format!("C for {arch}"), compiler.version);
            }
        }
        for program in programs::EMULATORS {
            let is_missing = self.programs.contains(&program);
            let state = if is_missing { "missing" } else { "found" };
            println!("{:<19}  {state}", program.name);
        }
    }
}

/// Installs what is missing if it can; otherwise says what to do.
pub(crate) fn run(options: &Options, install: Install) -> Result<(), Error> {
    let survey = Survey::take(For::Everything);
    if options.print {
        survey.print();
        match ensure_variables(&survey) {
            Ok(()) if survey.is_complete() => {}
            Ok(()) => println!("{}", remedy(&survey, &Distribution::detect())),
            Err(error) => println!("{error}"),
        }
        return Ok(());
    }
    ensure_packages(survey, install)?.print();
    toolchain::ensure_components(install)?;
    toolchain::ensure_targets(&toolchain::TARGETS, install)
}

/// Installs what a command needs if it can; otherwise says what to do.
pub(crate) fn ensure(purpose: For, install: Install) -> Result<(), Error> {
    ensure_packages(Survey::take(purpose), install).map(drop)
}

/// Installs the packages of what is missing, and surveys again.
fn ensure_packages(before: Survey, install: Install) -> Result<Survey, Error> {
    if before.is_complete() {
        return Ok(before);
    }
    ensure_variables(&before)?;
    let distribution = Distribution::detect();
    if !(distribution.has_apt && rustix::process::geteuid().is_root()) {
        return Err(still_missing(&before, &distribution));
    }
    let mut wanted = packages(&before);
    install.announce(
        &format!("Debian's packages {}", wanted.join(" ")),
        before.purpose.why(),
        &apt::install_line(&wanted),
    )?;
    if !apt::knows(&wanted) {
        apt::update()?;
        // Only the lists tell which package has a libclang that is new enough.
        wanted = packages(&before);
    }
    apt::install(&wanted)?;
    let after = Survey::take(before.purpose);
    if after.is_complete() { Ok(after) } else { Err(still_missing(&after, &distribution)) }
}

/// Refuses a variable that points at nothing usable: it would hide what a package installs.
fn ensure_variables(survey: &Survey) -> Result<(), Error> {
    let libclang = survey.missing_libclang().map(|reason| {
        let what = format!("gives no libclang {} or newer: {reason}", libclang::MINIMUM);
        ("LIBCLANG_PATH".to_owned(), what)
    });
    let compilers = survey.missing_compilers().into_iter().map(|arch| {
        let what = format!("compiles nothing for {arch}");
        (Compiler::variable(arch), what)
    });
    for (variable, what) in libclang.into_iter().chain(compilers) {
        if let Some(value) = std::env::var_os(&variable) {
            let value = value.to_string_lossy();
            return Err(Error::Unexpected(format!(
                "{variable}={value} {what}; correct it or unset it"
            )));
        }
    }
    Ok(())
}

fn still_missing(survey: &Survey, distribution: &Distribution) -> Error {
    Error::Missing { what: survey.missing(), remedy: remedy(survey, distribution) }
}

/// The Debian packages of what is missing.
fn packages(survey: &Survey) -> Vec<String> {
    let libclang = survey.missing_libclang().map(|_| apt::libclang_package(&apt::offered()));
    let compilers = survey.missing_compilers();
    let compilers = compilers.into_iter().map(|arch| apt::compiler_package(arch).to_owned());
    let programs = survey.programs.iter().flat_map(|program| program.packages);
    let programs = programs.map(|package| (*package).to_owned());
    let mut all: Vec<_> = libclang.into_iter().chain(compilers).chain(programs).collect();
    all.dedup();
    all
}

fn remedy(survey: &Survey, distribution: &Distribution) -> String {
    if distribution.has_apt {
        let update = if apt::offered().is_empty() { "sudo apt-get update && " } else { "" };
        return format!("run `{update}sudo {}`", apt::install_line(&packages(survey)));
    }
    format!(
        "{} has no apt-get: install them with its own package manager, then, where they are not \
         found by themselves, point at them with LIBCLANG_PATH=DIRECTORY and with \
         CC_<architecture>=COMMAND",
        distribution.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_variable() {
        let survey = Survey {
            purpose: For::Everything,
            libclang: Err("none found".to_owned()),
            compilers: Vec::new(),
            programs: programs::EMULATORS.to_vec(),
        };
        let missing = survey.missing();
        for word in [
            "qemu-system-aarch64",
            "LIBCLANG_PATH",
            "CC_x86_64",
            "CC_x86_32",
            "CC_aarch64",
            "CC_arm",
            "CC_riscv64",
        ] {
            assert!(missing.contains(word), "{missing}");
        }
        let elsewhere = Distribution { name: "Elsewhere".to_owned(), has_apt: false };
        let error = still_missing(&survey, &elsewhere).to_string();
        assert!(error.contains("Elsewhere has no apt-get"), "{error}");
        assert_eq!(error.lines().count(), 1);
    }

    #[test]
    fn a_command_wants_what_it_needs_and_no_more() {
        let nothing = |purpose| Survey {
            purpose,
            libclang: Err("none found".to_owned()),
            compilers: Vec::new(),
            programs: Vec::new(),
        };
        assert!(nothing(For::Live).is_complete());
        assert!(nothing(For::Browser).is_complete());
        assert!(!nothing(For::Headers).is_complete());
        let programs = programs::EMULATORS.to_vec();
        let without = Survey { programs, ..nothing(For::Live) };
        assert_eq!(packages(&without), ["qemu-system-x86", "seabios", "qemu-system-arm"]);
    }
}
