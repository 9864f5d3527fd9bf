//! The error type of operations that return a value on failure.

use core::fmt;

/// An operation failed, and returns what it was given.
///
/// In functions that return the error alone, `?` converts to it and drops the returned value. Every type
/// that this crate returns cleans up when it is dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Failed<E, T> {
    /// Why the operation failed.
    pub error: E,
    /// The value that was given, or `None` where the operation documents that it keeps or leaks it.
    pub returned: Option<T>,
}

impl<E, T> Failed<E, T> {
    /// A failure that returns `value`.
    #[must_use]
    pub const fn returning(error: E, value: T) -> Self {
        Self { error, returned: Some(value) }
    }

    /// A failure that returns nothing.
    #[must_use]
    pub const fn keeping(error: E) -> Self {
        Self { error, returned: None }
    }

    /// The same failure, with `f` applied to what is returned.
    #[must_use]
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Failed<E, U> {
        Failed { error: self.error, returned: self.returned.map(f) }
    }
}

impl<E: fmt::Debug, T> fmt::Debug for Failed<E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failed")
            .field("error", &self.error)
            .field("returned", &self.returned.is_some())
            .finish()
    }
}

impl<E: fmt::Display, T> fmt::Display for Failed<E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<E: core::error::Error, T> core::error::Error for Failed<E, T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.error.source()
    }
}
