//! Grant tables: granting pages to other domains, and using pages that they grant.
//!
//! # Grants
//!
//! A [`GrantTable`] is this domain's table. A reference has three states, each a type: a [`FreeRef`]
//! grants nothing; a [`Granted`] holds the page that a peer may use; a [`Revoking`] still holds it,
//! because the peer was using it. Only a revoke that succeeds, at once or later, returns the page. So the
//! page cannot be freed, or granted again, while another domain writes to it.
//!
//! # Using grants of other domains
//!
//! A [`RemoteGrant`] names a grant of another domain. [`map`] maps it at a [`target`], [`copy`](mod@copy)
//! copies from and to it. [`replace`] and `transfer` are for PV guests; [`flush`] is for PV guests and
//! guests on Arm.
//!
//! [`zephyr`](crate::zephyr) has the calls of Zephyr's headers beside these.
//!
//! # Implementation
//!
//! | private module | contents |
//! |---|---|
//! | `references` | allocation of references: a lock-free bitmap, caches of it, waiters |
//! | `granting` | the types of grants, over entries that Xen reads and writes |
//! | `table` | the table: its memory, its growth, per-CPU handles |

pub mod batch;
pub mod copy;
pub mod flush;
mod granting;
pub mod map;
mod references;
mod remote;
pub mod replace;
pub mod retry;
pub mod swap;
mod table;
pub mod target;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub mod transfer;

pub use granting::{
    Accepted, Accepting, AllocError, FreeRef, FreeRun, GrantError, Granted, NotGranted,
    NotTransferred, Reaped, ReaperCounts, ReaperSlot, RefPool, ReleaseError, RevokeCounts,
    Revoking, StillInUse, SubPage, ToolstackRef, TransitiveGrant, Version, revoke_all,
};
pub use references::{BitmapLine, WaitError, Waiter};
pub use remote::RemoteGrant;
#[cfg(not(loom))]
pub use table::Storage;
pub use table::{
    Config, FrameRange, GrantTable, MapFrames, PageAllocator, Paravirtual, PerCpuRefs, StartError,
    TableFrames, TableStorage, ToolstackEntry, Translated, VersionPolicy,
};

#[doc(hidden)]
pub mod protocol {
    //! The parts of the table, for the tests that check them in every interleaving. Not a public
    //! interface.
    pub use super::granting::{
        Body, EntryV1, EntryV2, Header, Reaper, Status, StillInUse, Transfer,
    };
    pub use super::references::{AllocHint, Orders, Proven, RefCache, Refs, Taken, Waiters};
}
