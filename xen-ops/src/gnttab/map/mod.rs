//! Mapping what other domains grant.
//!
//! [`Mapping`] is one mapped grant: it owns the [`Target`](crate::page::Target) where the frame shows
//! up, the handle and the addresses, and unmaps when it is dropped. [`Slot`]s are for many grants, of
//! one domain or several, mapped and unmapped with one hypercall. [`Deferred`] keeps mappings that a
//! device still uses until they can be unmapped.
//!
//! # A target is given back only when nothing is mapped there
//!
//! Reusing a target under which a foreign frame may still lie would hand memory of another domain to
//! whoever gets it next. So whenever Xen's answer leaves that open (a status that Xen does not define,
//! positive ones too; none at all; a hypercall that ended half way; an unmap that failed) the target
//! is not given back but leaked, and [`leaked`] counts it.
//!
//! # Statuses
//!
//! | status | mapping | unmapping |
//! |---|---|---|
//! | `GNTST_general_error` | granted to another domain, not writable, not for whole pages, changed too often meanwhile; a device map in a guest that is not PV; the target cannot take it | not mapped at this address |
//! | `GNTST_bad_domain` | no such domain | |
//! | `GNTST_bad_gntref` | beyond the domain's table | |
//! | `GNTST_bad_handle` | | unknown or stale |
//! | `GNTST_bad_dev_addr` | | not the device address of this mapping |
//! | `GNTST_permission_denied` | the security policy forbids it | the same |
//! | `GNTST_bad_page` | the granted frame is none | |
//! | `GNTST_eagain` | the frame is paged out or shared for the moment: see [`retry`](super::retry) | |
//! | `GNTST_no_space`, before 4.16 `GNTST_no_device_space` | no handle left | |
//!
//! Upstream: `xen/include/public/grant_table.h`.

use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

use xen_abi::grant_table::GNTMAP_readonly;

use crate::view::{ReadOnly, ReadWrite};

mod deferred;
mod error;
mod mapping;
mod outcome;
mod slot;
mod slots;
#[cfg(test)]
mod tests;

pub use deferred::{Deferred, InUse, Polled, Waiting};
pub use error::{BatchError, MapError, Reason, UnmapError};
pub use mapping::Mapping;
pub(super) use outcome::{Unmapped, unmapped_status};
pub use slot::Slot;
pub use slots::{elements, map_all, map_each, unmap_each, unmap_elements};

/// How a mapping is accessed: [`ReadOnly`] or [`ReadWrite`].
pub trait Access: sealed::Sealed {}

impl Access for ReadOnly {}
impl Access for ReadWrite {}

pub(super) mod sealed {
    pub trait Sealed {
        /// The access's part of `flags`.
        const FLAGS: u32;
    }
}

impl sealed::Sealed for ReadOnly {
    const FLAGS: u32 = GNTMAP_readonly;
}
impl sealed::Sealed for ReadWrite {
    const FLAGS: u32 = 0;
}

static LEAKED: AtomicUsize = AtomicUsize::new(0);

/// How many targets were leaked since the start, because a foreign frame may still be mapped there.
#[must_use]
pub fn leaked() -> usize {
    LEAKED.load(Relaxed)
}

/// Keeps `target` from ever being used again.
pub(super) fn leak<T>(target: T) {
    core::mem::forget(target);
    LEAKED.fetch_add(1, Relaxed);
}
