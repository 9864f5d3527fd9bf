//! Copying between pages without mapping them: Xen copies.
//!
//! Each end of a copy is a page: one that another domain grants, or one of the guest's own. All
//! combinations are allowed, own to own too. [`read`] and [`write()`] copy between one grant and one page.
//! [`copy`] copies any number of bytes between buffers of several pages. A [`Segment`] is inside one page
//! at either end, and [`copy_each`] copies a slice of them with one hypercall.
//!
//! # Statuses
//!
//! | status | |
//! |---|---|
//! | `GNTST_bad_domain` | no such domain, or it is dying |
//! | `GNTST_permission_denied` | the security policy forbids it; or, without a hypercall, a page is of another domain than the one that copies |
//! | `GNTST_bad_gntref` | past the domain's table |
//! | `GNTST_general_error` | nothing is granted to this domain under the reference, or not any more; or read-only and written to, or outside the bytes of a sub-page grant |
//! | `GNTST_bad_page` | the frame does not exist |
//! | `GNTST_eagain` | a frame is temporarily paged out or shared: see [`retry`](super::retry) |
//!
//! `GNTST_bad_copy_arg`, for ranges that leave their page, does not happen: [`Segment::new`] refuses
//! them. After a copy that failed, the contents of the destination are not defined.
//!
//! Upstream: `xen/include/public/grant_table.h`.

mod end;
mod error;
mod segment;
mod split;
mod whole;

pub use end::{Dest, Source};
pub use error::{CopyError, Invalid};
pub use segment::{Segment, copy_each, copy_each_with_retry, elements};
pub use split::{Split, copy, copy_with_retry, split};
pub use whole::{read, read_with_retry, write, write_with_retry};
