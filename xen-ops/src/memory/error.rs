//! Why a memory operation failed.

use core::fmt;

use xen_abi::xen::xen_pfn_t;

use crate::hypercall;

/// A memory operation that was refused before the hypercall, or that Xen did not do.
///
/// For all variants but [`Xen`](Self::Xen), no hypercall was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The number at `index` is too large for a frame (`INVALID_GFN` and above).
    NotAFrame {
        /// Which of the frames; 0 where there is only one.
        index: usize,
        /// Its number.
        frame: xen_pfn_t,
    },
    /// A frame of the grant table whose number has the bit which marks a status frame.
    GrantFrame {
        /// Its number.
        frame: u32,
    },
    /// Slices that must be of the same length are not.
    Lengths {
        /// Elements in the first slice.
        expected: usize,
        /// Elements in the slice that differs.
        found: usize,
    },
    /// The two sides of an exchange are not the same number of pages.
    PageCount {
        /// Pages given, or `None` if they overflow a word.
        given: Option<usize>,
        /// Pages asked for, or `None` if they overflow a word.
        wanted: Option<usize>,
    },
    /// More elements than one call takes: split the request.
    TooMany {
        /// Elements asked for.
        asked: usize,
        /// The maximum of one call.
        limit: usize,
    },
    /// No frames were given where Xen needs at least one.
    NoFrames,
    /// Xen's answer.
    Xen(hypercall::Error),
}

impl Error {
    /// Xen's error number, if it returned one.
    #[must_use]
    pub const fn errno(&self) -> Option<xen_abi::Errno> {
        match self {
            Self::Xen(error) => error.errno(),
            _ => None,
        }
    }
}

impl From<hypercall::Error> for Error {
    fn from(error: hypercall::Error) -> Self {
        Self::Xen(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotAFrame { index, frame } => {
                write!(f, "frame {:#x} at index {index}: no frame has that number", frame.0)
            }
            Self::GrantFrame { frame } => {
                write!(f, "grant-table frame {frame:#x}: bit 31 marks a status frame")
            }
            Self::Lengths { expected, found } => {
                write!(f, "slices of {expected} and {found} elements: they must be equally long")
            }
            Self::PageCount { given, wanted } => {
                f.write_str("an exchange gives ")?;
                pages(f, given)?;
                f.write_str(" for ")?;
                pages(f, wanted)?;
                f.write_str(": both must be the same")
            }
            Self::TooMany { asked, limit } => {
                write!(f, "{asked} elements: one call takes at most {limit}, split the request")
            }
            Self::NoFrames => f.write_str("no frames given: at least one is needed"),
            Self::Xen(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

fn pages(f: &mut fmt::Formatter<'_>, pages: Option<usize>) -> fmt::Result {
    match pages {
        Some(pages) => write!(f, "{pages} pages"),
        None => f.write_str("more pages than a word counts"),
    }
}
