//! An exception of the processor, on Arm.

use core::fmt;

/// What is known about an exception that the kernel does not expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exception {
    /// Why: the register `ESR_EL1` on aarch64, the processor's mode on 32-bit Arm.
    pub syndrome: usize,
    /// The address of the instruction; on 32-bit Arm that of one after it.
    pub instruction: usize,
    /// The address that was accessed, if it was a fault of an access.
    pub address: usize,
}

impl Exception {
    /// For the entry code.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(syndrome: usize, instruction: usize, address: usize) -> Self {
        Self { syndrome, instruction, address }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { syndrome, instruction, address } = self;
        write!(f, "exception {syndrome:#x} at {instruction:#x}, address {address:#x}")
    }
}
