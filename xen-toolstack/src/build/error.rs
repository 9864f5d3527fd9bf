//! Why a guest was not built.

use core::fmt;

use xen_abi::Errno;
use xen_ops::{hypercall, memory};

use super::MAX_MODULES;
use crate::Error;

/// Why a guest was not built. No domain is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The memory is no whole number of pages, or more than 32 TiB.
    MemorySize {
        /// The memory in bytes.
        memory: u64,
    },
    /// There are more than [`MAX_MODULES`] modules.
    TooManyModules {
        /// How many there are.
        modules: usize,
    },
    /// A command line has a zero byte, which is where its end would be.
    Zero,
    /// Kernel, start information and modules do not fit into the memory below 4 GiB.
    DoesNotFit {
        /// The address after them; the highest address there is if they end beyond it.
        needed: u64,
        /// How many bytes of memory there are.
        memory: u64,
    },
    /// A call failed.
    Call(Error),
    /// An operation on the domain's memory failed.
    Memory(memory::Error),
    /// Xen has not as much memory, or the domain may not have it.
    Populate {
        /// The first frame without memory.
        frame: u64,
    },
    /// The new domain's memory cannot be written.
    Write {
        /// The guest physical address.
        address: u64,
        /// The reason.
        errno: Errno,
    },
    /// The new domain's grant table cannot be written.
    GrantTable {
        /// The reason.
        errno: Errno,
    },
}

impl From<Error> for BuildError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<hypercall::Error> for BuildError {
    fn from(error: hypercall::Error) -> Self {
        Self::Call(error.into())
    }
}

impl From<memory::Error> for BuildError {
    fn from(error: memory::Error) -> Self {
        Self::Memory(error)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MemorySize { memory } => {
                write!(f, "{memory} bytes of memory: it takes whole pages, and 32 TiB at most")
            }
            Self::TooManyModules { modules } => {
                write!(f, "{modules} modules are more than {MAX_MODULES}")
            }
            Self::Zero => f.write_str("a command line has a zero byte"),
            Self::DoesNotFit { needed, memory } => write!(
                f,
                "kernel and modules end at {needed:#x}, and memory at {memory:#x}: give the guest more"
            ),
            Self::Call(error) => write!(f, "{error}"),
            Self::Memory(error) => write!(f, "{error}"),
            Self::Populate { frame } => {
                write!(f, "no memory for guest frame {frame:#x}: the machine has not as much free")
            }
            Self::Write { address, errno } => {
                write!(f, "the guest's memory at {address:#x} cannot be written: {errno}")
            }
            Self::GrantTable { errno } => {
                write!(f, "the guest's grant table cannot be written: {errno}")
            }
        }
    }
}

impl core::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Call(error) => Some(error),
            Self::Memory(error) => Some(error),
            _ => None,
        }
    }
}
