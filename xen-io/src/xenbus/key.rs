//! Names of nodes with the type of their values.

use core::marker::PhantomData;

/// The name of a node in a device's directory, and the type of its value, which is written as text.
///
/// A feature is a `Key<u32>` with the value 0 or 1; one that is missing counts as 0.
///
/// ```
/// use xen_io::xenbus::Key;
///
/// const EVENT_CHANNEL: Key<u32> = Key::new("event-channel");
/// const MAC: Key<String> = Key::new("mac");
/// ```
#[derive(Debug)]
pub struct Key<T> {
    name: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// The node with this name, or path below the device's directory.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, value: PhantomData }
    }

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}
