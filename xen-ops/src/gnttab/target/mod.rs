//! Where mappings get their targets from.
//!
//! A [`MapTarget`] is room for a foreign frame. There are two kinds of places for it: guest frames that
//! have never had memory, of which a [`Pool`] hands out one after the other; and memory that is
//! [`Ballooned`] out for the time. [`Targets`] is what both look like to one who needs some, and the
//! trait to implement for any other source.
//!
//! # Other sources
//!
//! Memory for devices, contiguous in their address space, needs nothing more: a type of the caller's
//! owns it and implements [`Page`](crate::page::Page), [`Ballooned`] makes a target of it, and when it
//! is [restored](Ballooned::restore) the caller's allocator gets back what it gave. A run of frames
//! next to each other in an extended region comes from [`Pool::take_run`].
//!
//! Making targets is slow where it takes a hypercall. A [`Cache`] keeps some.

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
/// /// A target for each of two grants, or none at all.
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
