//! Grant tables: lending pages to other domains, and using what they lend.
//!
//! # Lending
//!
//! A [`GrantTable`] is this domain's table. A reference goes through three states, each a type: a
//! [`FreeRef`] grants nothing; a [`Granted`] holds the page that a peer may use; a [`Revoking`] still
//! holds it, for the peer would not let go. The page comes back only from a revoke that has
//! succeeded, at once or later, so it cannot be freed, or lent again, while someone else writes to it.
//!
//! # Using what others lend
//!
//! [`map`] maps a foreign frame at a [`target`], [`copy`](mod@copy) copies from and to it. The
//! rest is for PV guests, [`replace`] and `transfer`, or for them and Arm's guests: [`flush`].
//!
//! Those who come from Zephyr find its calls beside these in [`zephyr`](crate::zephyr).

pub mod batch;
pub mod copy;
#[cfg(all(test, not(loom)))]
mod fake;
pub mod flush;
mod lend;
pub mod map;
mod remote;
pub mod replace;
pub mod retry;
pub mod swap;
pub mod target;
#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub mod transfer;

pub use lend::*;
pub use remote::RemoteGrant;
