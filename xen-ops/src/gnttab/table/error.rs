//! Why a table cannot be started or resumed.

use core::fmt;

use crate::gnttab::granting::Version;
use crate::hypercall::Error;

/// Why a table cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// Xen refused the version. After a suspend: the one the table has had before.
    Version(Version, Error),
    /// Xen accepted the version, but another one is in effect.
    OtherVersion {
        /// Its number.
        in_effect: u32,
    },
    /// Version 2 needs status frames, and [`TableFrames::status`](super::TableFrames::status) gives none.
    NoStatusFrames,
    /// A limit of the table's size is 0 frames: Xen's, the configuration's, that of
    /// [`TableFrames`](super::TableFrames), or that of the storage.
    NoFrames,
    /// Xen did not tell the table's size.
    Size(Error),
    /// The table's frames could not be made reachable.
    Attach(Error),
    /// Another CPU is adding frames to the table.
    Growing,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version, error) => {
                write!(f, "no grant table of version {}: {error}", version.number())
            }
            Self::OtherVersion { in_effect } => {
                write!(f, "the grant table is of version {in_effect}, which was not asked for")
            }
            Self::NoStatusFrames => f.write_str(
                "version 2 needs memory for status frames: provide it, or use version 1",
            ),
            Self::NoFrames => f.write_str(
                "the grant table could not have a single frame: look at the limits of Xen, of the \
                 configuration, of the memory for frames and of the storage",
            ),
            Self::Size(error) => write!(f, "the grant table's size is unknown: {error}"),
            Self::Attach(error) => {
                write!(f, "the grant table's frames could not be attached: {error}")
            }
            Self::Growing => {
                f.write_str("another CPU is adding frames to the grant table: try again")
            }
        }
    }
}

impl core::error::Error for StartError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Version(_, error) | Self::Size(error) | Self::Attach(error) => Some(error),
            _ => None,
        }
    }
}
