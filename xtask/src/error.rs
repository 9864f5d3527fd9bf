//! What can go wrong: one line each, naming the thing and the way out.

use std::io;
use std::path::PathBuf;

/// A failure of a developer command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// A program could not be started.
    #[error("{program} cannot be started ({source}); {remedy}")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
        /// How to get it.
        remedy: String,
    },

    /// A program ran and failed; its output has been shown.
    #[error("{name} failed ({status}); to run it alone: {command}")]
    Failed {
        /// What it was run for.
        name: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The command, ready to be pasted.
        command: String,
    },

    /// Something is not installed and this run cannot or must not install it.
    #[error("missing: {what}; {remedy}")]
    Missing {
        /// What is missing.
        what: String,
        /// What the user can do.
        remedy: String,
    },

    /// A step that was asked for by its name was skipped; the reason has been shown.
    #[error("not checked: {0}")]
    Skipped(String),

    /// A file or directory refused.
    #[error("{path}: {source}; check that it exists and is writable", path = path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The command line contradicts itself.
    #[error("{0}")]
    Usage(String),

    /// A program answered with something that was not understood.
    #[error("{0}")]
    Unexpected(String),
}

/// The exit status of a skipped step. Automake's tests end with it too.
pub(crate) const SKIPPED: u8 = 77;

impl Error {
    /// The exit status of a command that ends with this error.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Skipped(_) => SKIPPED,
            _ => 1,
        }
    }

    /// For `map_err`: a file or directory refused.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
