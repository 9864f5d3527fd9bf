//! How many extents of a request are done.

use core::fmt;

/// How many extents Xen did of those asked for.
///
/// Xen goes through the list in order: the first [`done`](Self::done) are done and the others are not.
/// It does not report why it stopped: an invalid argument, a domain that does not exist, an order above
/// the caller's maximum and a lack of memory all look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a shortfall is not an error: check the count"]
pub struct Extents {
    done: usize,
    asked: usize,
}

/// Fewer extents are done than were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Extents done.
    pub done: usize,
    /// Extents asked for.
    pub asked: usize,
}

impl Extents {
    pub(super) const fn new(done: usize, asked: usize) -> Self {
        Self { done, asked }
    }

    /// Extents that are done.
    #[must_use]
    pub const fn done(self) -> usize {
        self.done
    }

    /// Extents that were asked for.
    #[must_use]
    pub const fn asked(self) -> usize {
        self.asked
    }

    /// Whether all are done.
    #[must_use]
    pub const fn is_complete(self) -> bool {
        self.done == self.asked
    }

    /// Success if all are done.
    ///
    /// # Errors
    ///
    /// [`Shortfall`] if some are not.
    pub const fn complete(self) -> Result<(), Shortfall> {
        let Self { done, asked } = self;
        if self.is_complete() { Ok(()) } else { Err(Shortfall { done, asked }) }
    }

    /// `list`, which has one element for each extent, as those that are done and those that are
    /// not.
    #[must_use]
    pub fn split<T>(self, list: &[T]) -> (&[T], &[T]) {
        list.split_at(self.done.min(list.len()))
    }
}

impl fmt::Display for Extents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} extents done", self.done, self.asked)
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} extents done: Xen does not report why", self.done, self.asked)
    }
}

impl core::error::Error for Shortfall {}
