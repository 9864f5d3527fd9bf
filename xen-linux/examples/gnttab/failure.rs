//! Failures, and their exit statuses.

use std::fmt;
use std::io;

use xen_linux::{Cause, Error};

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A device refused, or cannot be opened.
    Device(Error),
    /// A file, or standard input.
    File(String, io::Error),
    /// Standard output.
    Output(io::Error),
    /// It cannot be done.
    Impossible(String),
    /// Xen cannot be used here. The details have been printed.
    NoXen,
}

impl Failure {
    /// For `map_err`: the named file could not be read or written.
    pub(crate) fn file(name: &str) -> impl FnOnce(io::Error) -> Self {
        let name = name.to_owned();
        move |error| Self::File(name, error)
    }

    /// The exit status: 1, or 3 if a device is missing or may not be opened. 2 is wrong usage.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Device(error) if matches!(error.cause(), Cause::Open { .. }) => 3,
            Self::NoXen => 3,
            _ => 1,
        }
    }

    /// Whether the reader of standard output has closed it.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Device(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(error) => error.fmt(f),
            Self::File(name, error) => write!(f, "{name}: {error}"),
            Self::Output(error) => write!(f, "standard output: {error}"),
            Self::Impossible(why) => f.write_str(why),
            Self::NoXen => f.write_str("grants cannot be mapped and shared here"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_standard_output_may_be_closed() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(Failure::Output(broken()).is_closed_pipe());
        assert!(!Failure::file("fifo")(broken()).is_closed_pipe());
        assert!(!Failure::Output(io::ErrorKind::StorageFull.into()).is_closed_pipe());
    }
}
