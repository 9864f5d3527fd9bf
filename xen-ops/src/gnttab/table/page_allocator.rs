//! Allocators of pages to grant.

use crate::page::{Exhausted, Page};

/// An allocator of pages.
///
/// Dropping a page returns it to the allocator.
pub trait PageAllocator {
    /// What it allocates.
    type Page: Page;

    /// Allocates a page. Its contents are arbitrary.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] if no page is free.
    fn take(&self) -> Result<Self::Page, Exhausted>;
}
