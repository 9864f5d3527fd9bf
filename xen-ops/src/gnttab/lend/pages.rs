//! Where pages to be granted come from.

use crate::page::Page;

/// A pool of pages.
///
/// A page goes back to the pool by being dropped, or stays with whoever has it.
pub trait PageAllocator {
    /// What the pool gives.
    type Page: Page;

    /// A page that nobody uses, whatever it holds, or `None` if there is none.
    fn take(&self) -> Option<Self::Page>;
}
