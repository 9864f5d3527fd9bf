//! What is wrong with the information that a kernel was started with.

use core::fmt;

/// Why start information cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartInfoError {
    /// It does not begin with its magic number or text: the kernel was not started as this kind of guest.
    BadMagic {
        /// The first four bytes.
        found: u32,
    },
    /// It refers to memory that the kernel cannot read.
    Unreadable {
        /// What is there.
        what: &'static str,
        /// Its address.
        address: u64,
        /// Its length in bytes.
        length: u64,
    },
    /// A text has no zero byte within [`MAX_COMMAND_LINE`](super::MAX_COMMAND_LINE) bytes.
    NotTerminated {
        /// What the text is.
        what: &'static str,
        /// Its address.
        address: u64,
    },
    /// A text is not UTF-8.
    NotText {
        /// What the text is.
        what: &'static str,
        /// Its address.
        address: u64,
    },
    /// A table has more entries than are read.
    TooMany {
        /// What the entries are.
        what: &'static str,
        /// How many there are.
        count: u64,
        /// How many are read at most.
        max: u64,
    },
    /// A module or a range of memory does not end before the address space does.
    Wraps {
        /// What it is.
        what: &'static str,
        /// Its address.
        address: u64,
        /// Its length in bytes.
        length: u64,
    },
    /// Two modules, or two ranges of memory, have bytes in common.
    Overlap {
        /// What they are.
        what: &'static str,
        /// The index of the first.
        first: u32,
        /// The index of the second.
        second: u32,
    },
}

impl fmt::Display for StartInfoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BadMagic { found } => write!(
                f,
                "the start information begins with {found:#x}: was the kernel started by Xen, as this kind of guest?"
            ),
            Self::Unreadable { what, address, length } => {
                write!(f, "{what} at {address:#x}, {length} bytes: the kernel cannot read it")
            }
            Self::NotTerminated { what, address } => {
                write!(f, "{what} at {address:#x} does not end")
            }
            Self::NotText { what, address } => write!(f, "{what} at {address:#x} is not UTF-8"),
            Self::TooMany { what, count, max } => {
                write!(f, "{count} {what}: at most {max} are read")
            }
            Self::Wraps { what, address, length } => {
                write!(f, "{what} at {address:#x}, {length:#x} bytes, ends past the address space")
            }
            Self::Overlap { what, first, second } => {
                write!(f, "{what} {first} and {second} overlap")
            }
        }
    }
}

impl core::error::Error for StartInfoError {}
