//! Sources of targets for mappings.
//!
//! A [`MapTarget`] is a place for a granted frame. There are two kinds: guest frames that have never had
//! memory, which a [`Pool`] allocates; and pages whose memory is [`Ballooned`] out. [`Targets`] is the
//! trait of such sources.
//!
//! # Other sources
//!
//! Memory that is contiguous for devices can be a target too: a type of the caller's owns it and
//! implements [`Page`](crate::page::Page), and [`Ballooned`] makes a target of it until it is
//! [restored](Ballooned::restore). [`Pool::take_run`] allocates contiguous frames of an extended region.
//!
//! Making a target is slow where it takes a hypercall. A [`Cache`] keeps some.

use crate::page::{Exhausted, MapTarget};

mod ballooned;
mod cache;
mod pool;
#[cfg(test)]
mod tests;

pub use ballooned::{BalloonError, Ballooned};
pub use cache::Cache;
pub use pool::{InvalidPool, Pool, PoolTarget, Run};

/// A source of targets.
///
/// ```
/// use xen_ops::gnttab::target::Targets;
/// use xen_ops::page::Exhausted;
///
/// /// Two targets, or none.
/// fn two<S: Targets>(source: &S) -> Result<[S::Target<'_>; 2], Exhausted> {
///     Ok([source.take()?, source.take()?])
/// }
/// ```
pub trait Targets {
    /// What it allocates. Dropping a target returns it.
    type Target<'s>: MapTarget
    where
        Self: 's;

    /// Allocates a target.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] if none is free.
    fn take(&self) -> Result<Self::Target<'_>, Exhausted>;
}
