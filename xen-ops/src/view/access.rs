//! Access to a page: read-only or read-write.

use core::fmt;

/// A page can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOnly;

/// A page can be read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadWrite;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ReadOnly {}
    impl Sealed for super::ReadWrite {}
}

/// The access to a page: [`ReadOnly`] or [`ReadWrite`].
pub trait Access: sealed::Sealed + Copy + Default + fmt::Debug {
    /// Whether writing is forbidden.
    const READONLY: bool;
}

impl Access for ReadOnly {
    const READONLY: bool = true;
}

impl Access for ReadWrite {
    const READONLY: bool = false;
}
