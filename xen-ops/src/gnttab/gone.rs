//! What is left of memory that has been given away.

use core::fmt;
use core::mem::ManuallyDrop;

/// The value that stood for memory of the guest's, of which nothing is left. It is never dropped, so
/// that no allocator gets back what is not there.
pub struct Gone<P>(ManuallyDrop<P>);

impl<P> Gone<P> {
    pub(super) const fn new(page: P) -> Self {
        Self(ManuallyDrop::new(page))
    }

    /// The value, for one who knows how to put memory back in its place.
    ///
    /// # Safety
    ///
    /// What the type promises about its memory is not true any more: the caller makes it true before
    /// anyone relies on it, by putting other memory there.
    #[must_use]
    #[allow(unsafe_code, reason = "hands out a value whose promises are broken")]
    pub unsafe fn into_inner(self) -> P {
        ManuallyDrop::into_inner(self.0)
    }
}

impl<P> fmt::Debug for Gone<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gone")
    }
}
