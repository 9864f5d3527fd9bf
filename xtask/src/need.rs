//! What a command needs beyond the default Rust toolchain, and how it is provided.

use std::process::Command;

use crate::install::Install;
use crate::tool::Tool;
use crate::{Error, book, process, setup, toolchain};

/// Something that may have to be installed first.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Need {
    /// The system's packages for a purpose.
    Packages(setup::For),
    /// rustfmt and clippy.
    Components,
    /// Rust's core library for other targets.
    Targets(&'static [&'static str]),
    /// The oldest Rust version that is promised to work.
    Msrv,
    /// The nightly toolchain.
    Nightly,
    /// The nightly toolchain with Miri.
    Miri,
    /// A cargo subcommand from crates.io.
    Tool(&'static Tool),
    /// Python with pip.
    Pip,
    /// mdBook, by pip.
    MdBook,
}

impl Need {
    /// Whether it can be installed beside other steps: it takes cargo alone, and minutes of compilation.
    pub(crate) fn is_compiled(self) -> bool {
        matches!(self, Self::Tool(_))
    }

    /// Installs it if it is missing and may be installed.
    pub(crate) fn provide(self, install: Install) -> Result<(), Error> {
        match self {
            Self::Packages(purpose) => setup::ensure(purpose, install),
            Self::Components => toolchain::ensure_components(install),
            Self::Targets(targets) => toolchain::ensure_targets(targets, install),
            Self::Msrv => toolchain::ensure_msrv(install),
            Self::Nightly => toolchain::ensure_nightly(install),
            Self::Miri => toolchain::ensure_miri(install),
            Self::Tool(tool) => tool.ensure(install),
            Self::Pip => pip(),
            Self::MdBook => pip().and_then(|()| book::ensure_mdbook(install)),
        }
    }
}

/// Python is the user's: it is not installed.
fn pip() -> Result<(), Error> {
    if process::succeeds(Command::new("python3").args(["-m", "pip", "--version"])) {
        return Ok(());
    }
    Err(Error::Missing {
        what: "pip for python3".to_owned(),
        remedy: "install the packages python3 and python3-pip".to_owned(),
    })
}

/// Provides everything in a list; the first that cannot be provided is the error.
pub(crate) fn provide<'a>(
    needs: impl IntoIterator<Item = &'a Need>,
    install: Install,
) -> Result<(), Error> {
    needs.into_iter().try_for_each(|need| need.provide(install))
}
