//! Grants: the states of a reference as types, over entries that Xen reads and writes.
//!
//! Nothing here makes a hypercall. The [table](super::table) provides the memory of the entries.

mod accept;
pub(super) mod batch;
mod entries;
mod entry;
mod error;
mod free;
mod grant;
pub(super) mod grants;
mod reaper;
mod ref_pool;
mod toolstack_ref;
mod v2;

pub use accept::{Accepted, Accepting, NotTransferred};
pub use batch::{RevokeCounts, revoke_all};
pub(super) use entries::Entries;
pub use entries::Version;
pub use entry::{Body, EntryV1, EntryV2, Header, Status, StillInUse, Transfer};
pub use error::{AllocError, GrantError};
pub use free::{FreeRef, FreeRun};
pub use grant::{Granted, NotGranted, Revoking};
pub use reaper::{Reaped, Reaper, ReaperCounts, ReaperSlot};
pub use ref_pool::{RefPool, ReleaseError};
pub use toolstack_ref::ToolstackRef;
pub use v2::{SubPage, TransitiveGrant};
