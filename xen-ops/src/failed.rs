//! The one shape of failures that hand a value back.

use core::fmt;

/// An operation failed, and what it was given comes back.
///
/// `?` turns it into the error alone, in functions that return that error, and drops what came back:
/// every type here that can be returned cleans up when it is dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Failed<E, T> {
    /// Why the operation failed.
    pub error: E,
    /// What was given, unless the operation says that it keeps or leaks it in this case.
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
