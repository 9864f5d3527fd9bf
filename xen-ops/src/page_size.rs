//! The size of a page, which views and pages share.

/// Bytes in a frame, on every architecture and whatever the guest's own page size.
pub const PAGE_SIZE: usize = 4096;
