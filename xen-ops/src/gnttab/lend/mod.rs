//! Lending: this domain's own grant table.
//!
//! A [`GrantTable`] is this domain's table. A reference goes through three states, each a type: a
//! [`FreeRef`] grants nothing; a [`Granted`] holds the page that a peer may use; a [`Revoking`] still
//! holds it, for the peer would not let go. The page comes back out of [`Granted::revoke`] and of
//! nothing else, so it cannot be freed, or lent again, while someone else writes to it.

mod accept;
mod batch;
mod entries;
mod entry;
mod error;
mod frames;
mod free;
mod grant;
mod grants;
mod hold;
mod local;
mod lock;
mod narrow;
mod orders;
mod pages;
mod peer;
mod pv;
mod reaper;
mod refs;
mod reserve;
mod reserved;
mod storage;
mod sync;
mod table;
#[cfg(all(test, not(loom)))]
mod tests;
mod waiter;
mod wake;

pub use accept::{Accepted, Accepting};
pub use batch::{RevokeCounts, revoke_all};
pub use entries::Version;
pub use error::{AllocError, GrantError, Refused, StartError};
pub use frames::{FrameRange, TableFrames, Translated};
pub use free::{FreeRef, FreeRun};
pub use grant::{Access, Granted, Granting, Revoking};
pub use local::PerCpuRefs;
pub use narrow::{SubPage, TransitiveGrant};
pub use pages::PageAllocator;
pub use peer::{DomainId, InvalidDomainId};
pub use pv::{MapFrames, Paravirtual};
pub use reaper::{Reaped, ReaperCounts, ReaperSlot};
pub use refs::{AllocHint, BitmapLine};
pub use reserve::RefPool;
pub use reserved::ToolstackRef;
#[cfg(not(loom))]
pub use storage::Storage;
pub use storage::TableStorage;
pub use table::{Config, GrantTable, ToolstackEntry, VersionPolicy};
pub use waiter::{WaitError, Waiter};

#[doc(hidden)]
pub mod protocol {
    //! What the table is made of, for the tests that check it in every interleaving. Not for anyone
    //! else.
    pub use super::entry::{Body, EntryV1, EntryV2, Header, InUse, Status, Transfer};
    pub use super::hold::RefCache;
    pub use super::orders::{Orders, Proven};
    pub use super::reaper::Reaper;
    pub use super::refs::{Refs, Taken};
    pub use super::wake::Waiters;
}
