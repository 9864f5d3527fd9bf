//! Why a place in a page cannot be accessed.

use core::fmt;

use crate::page_size::PAGE_SIZE;

/// A range that does not lie inside the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBounds {
    /// First byte of the range.
    pub offset: usize,
    /// Bytes in the range.
    pub length: usize,
}

impl fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, length } = self;
        write!(f, "{length} bytes at offset {offset} are not inside a page of {PAGE_SIZE} bytes")
    }
}

impl core::error::Error for OutOfBounds {}

/// An offset that is not a multiple of the value's alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misaligned {
    /// The offset.
    pub offset: usize,
    /// The alignment, in bytes.
    pub align: usize,
}

impl fmt::Display for Misaligned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, align } = self;
        write!(f, "offset {offset} is not a multiple of {align}: copy the value with `read_obj`")
    }
}

impl core::error::Error for Misaligned {}

/// Why a value in a page cannot be accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessError {
    /// It does not lie inside the page.
    OutOfBounds(OutOfBounds),
    /// It is not aligned.
    Misaligned(Misaligned),
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds(error) => error.fmt(f),
            Self::Misaligned(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for AccessError {}
