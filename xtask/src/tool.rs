//! Cargo subcommands from crates.io, each in the one version that the checks were tried with.

use std::path::PathBuf;
use std::process::Command;

use crate::install::Install;
use crate::{Error, process, workspace};

/// A cargo subcommand. It is installed below `target/tools`; one of the same version on PATH is used as
/// it is.
#[derive(Debug)]
pub(crate) struct Tool {
    /// The package, which is also the program.
    package: &'static str,
    /// The version, and no other: a newer one may find more, or print something else.
    version: &'static str,
    /// What it is for.
    why: &'static str,
}

pub(crate) const HACK: Tool =
    Tool { package: "cargo-hack", version: "0.6.46", why: "it checks every cargo feature alone" };

pub(crate) const DENY: Tool = Tool {
    package: "cargo-deny",
    version: "0.20.2",
    why: "it checks the dependencies' licences, sources and users",
};

pub(crate) const SEMVER: Tool = Tool {
    package: "cargo-semver-checks",
    version: "0.51.0",
    why: "it compares the public API with the last release's",
};

pub(crate) const FUZZ: Tool =
    Tool { package: "cargo-fuzz", version: "0.13.2", why: "it builds and runs the fuzz targets" };

/// It needs Rust 1.88.
pub(crate) const MUTANTS: Tool = Tool {
    package: "cargo-mutants",
    version: "27.1.0",
    why: "it changes single lines of code and runs the tests",
};

/// The tools start a few times a run and wait for compilers: optimising them costs more than it saves.
/// cargo-deny alone would take several minutes.
const PROFILE: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
];

impl Tool {
    /// Installs it if it is missing and may be installed.
    pub(crate) fn ensure(&self, install: Install) -> Result<(), Error> {
        if self.find()?.is_some() {
            return Ok(());
        }
        let mut command = workspace::cargo()?;
        command.args(["install", "--locked", &self.spec(), "--root"]);
        command.arg(workspace::scratch("tools")?);
        let by_hand = format!("cargo install --locked {}", self.spec());
        install.announce(&format!("{} below target/tools", self.spec()), self.why, &by_hand)?;
        command.arg("--target-dir").arg(workspace::scratch("tools/build")?).envs(PROFILE);
        // These are for the workspace, not for tools.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
        process::captured(&format!("cargo install {}", self.spec()), &mut command).map(drop)
    }

    /// The tool with its subcommand as the first argument, in the root of the workspace.
    pub(crate) fn command(&self) -> Result<Command, Error> {
        let program = self.find()?.ok_or_else(|| Error::Missing {
            what: self.spec(),
            remedy: format!("run `cargo install --locked {}`", self.spec()),
        })?;
        let mut command = Command::new(program);
        command.arg(self.subcommand()).current_dir(workspace::root()?);
        Ok(command)
    }

    /// The program, if there is one of this version: our own, else the user's.
    fn find(&self) -> Result<Option<PathBuf>, Error> {
        let ours = workspace::target_dir()?.join("tools/bin").join(self.package);
        let is_pinned = |program: &PathBuf| {
            let mut command = Command::new(program);
            let answer = process::answer(command.args([self.subcommand(), "--version"]));
            answer.is_some_and(|answer| answer.split_whitespace().any(|word| word == self.version))
        };
        Ok([ours, PathBuf::from(self.package)].into_iter().find(is_pinned))
    }

    fn spec(&self) -> String {
        format!("{}@{}", self.package, self.version)
    }

    fn subcommand(&self) -> &'static str {
        self.package.trim_start_matches("cargo-")
    }
}

#[cfg(test)]
impl Tool {
    /// A tool that is not installed. `true` answers any arguments with status 0 and names no version.
    pub(crate) const fn absent() -> Self {
        Self { package: "true", version: "0.0.0", why: "it is a test" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_of_another_version_counts_as_missing() {
        let tool = Tool::absent();
        assert!(tool.find().unwrap().is_none());
        let error = tool.ensure(Install::Forbidden).unwrap_err().to_string();
        assert!(error.contains("true@0.0.0") && error.contains("cargo install"), "{error}");
    }
}
