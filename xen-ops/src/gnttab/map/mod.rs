//! Mapping pages that other domains grant.
//!
//! [`Mapping`] is one mapped grant: it owns the [`MapTarget`](crate::page::MapTarget) where the frame
//! appears, the handle and the addresses, and unmaps when it is dropped. [`Slot`]s are for many grants,
//! of one domain or several, mapped and unmapped with one hypercall. [`Deferred`] keeps mappings that a
//! device still uses until they can be unmapped.
//!
//! # A target is returned only when nothing is mapped there
//!
//! Reusing a target where a granted frame may still be mapped would expose another domain's memory to
//! the target's next user. So the target is not returned but leaked, and [`leaked`] counts it, whenever
//! Xen's answer leaves that open (a status that Xen does not define, positive ones too; no status at all;
//! a hypercall that failed half way; an unmap that failed), and when a backend panics in the hypercall.
//!
//! ```
//! use xen_ops::gnttab::map::{BatchError, Slot, elements, map_all, unmap_each, unmap_elements};
//! use xen_ops::hypercall::Hypercall;
//! use xen_ops::page::MapTarget;
//! use xen_ops::{ReadOnly, RemoteGrant};
//!
//! /// Adds up the first bytes of two pages, which two domains may have granted.
//! fn sum<H: Hypercall, T: MapTarget>(
//!     xen: &H,
//!     grants: [(RemoteGrant, T); 2],
//! ) -> Result<u32, BatchError> {
//!     let mut slots = grants.map(|(grant, target)| Slot::new(grant, target, ReadOnly));
//!     map_all(xen, &mut slots, &mut elements::<2>())?;
//!     let bytes = slots.iter().filter_map(Slot::view).map(|view| view.read_obj::<u8>(0));
//!     let sum = bytes.flatten().map(u32::from).sum();
//!     unmap_each(&mut slots, &mut unmap_elements::<2>())?;
//!     Ok(sum)
//! }
//! ```
//!
//! # Statuses
//!
//! | status | mapping | unmapping |
//! |---|---|---|
//! | `GNTST_general_error` | nothing is granted to this domain under the reference, or not any more; not writable, not for whole pages, changed too often meanwhile; a device map in a guest that is not PV; the target cannot take it | not mapped at this address |
//! | `GNTST_bad_domain` | no such domain | |
//! | `GNTST_bad_gntref` | beyond the domain's table | |
//! | `GNTST_bad_handle` | | unknown or stale |
//! | `GNTST_bad_dev_addr` | | not the device address of this mapping; `GNTST_general_error` before 4.16 |
//! | `GNTST_permission_denied` | the security policy forbids it | the same |
//! | `GNTST_bad_page` | the granted frame does not exist | |
//! | `GNTST_eagain` | the frame is paged out or shared for the moment: see [`retry`](super::retry) | |
//! | `GNTST_no_space`, before 4.16 `GNTST_no_device_space` | no handle left | |
//!
//! Upstream: `xen/include/public/grant_table.h`.

use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

mod deferred;
mod error;
mod mapping;
mod outcome;
mod slot;
mod slots;
mod unwind;

pub use deferred::{Deferred, Full, InUse, NotPushed, Polled, Waiting};
pub use error::{BatchError, MapError};
pub use mapping::Mapping;
pub(super) use outcome::{Unmapped, unmapped_status};
pub use slot::Slot;
pub use slots::{
    elements, map_all, map_all_with_retry, map_each, map_each_with_retry, unmap_each,
    unmap_elements,
};
pub(super) use unwind::leak_on_unwind;

static LEAKED: AtomicUsize = AtomicUsize::new(0);

/// How many targets were leaked since the start, because a granted frame may still be mapped there.
#[must_use]
pub fn leaked() -> usize {
    LEAKED.load(Relaxed)
}

/// Leaks `target`, so that it is never used again.
pub(super) fn leak<T>(target: T) {
    core::mem::forget(target);
    count_leaked();
}

fn count_leaked() {
    LEAKED.fetch_add(1, Relaxed);
}
