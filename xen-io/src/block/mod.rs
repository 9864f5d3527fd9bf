//! Block devices: a front end that asks for sectors, and a back end that serves them from a [`Storage`].
//!
//! Both are values that the caller drives: nothing waits, and events are the caller's. Sectors have 512
//! bytes. Data lie in pages that the front end grants, of which a [`Segment`] names a run of sectors.
//!
//! A front end: submit requests, push, take completions, wait.
//!
//! ```text
//! front.read(sector, &segments, buffer)?;
//! if front.push() { port.notify()?; }
//! loop {
//!     while let Some(completion) = front.complete()? { /* completion.kept is `buffer` */ }
//!     if !front.final_check()? { /* wait for an event */ }
//! }
//! ```
//!
//! A back end: serve, notify, wait.
//!
//! ```text
//! loop {
//!     let served = back.serve(&mut storage)?;
//!     if served.notify { port.notify()?; }
//!     if !back.final_check()? { /* wait for an event */ }
//! }
//! ```
//!
//! The example `block_device` of xen-sim is the whole program, with both domains.
//!
//! # What a peer can do
//!
//! A back end checks each request before it uses it: number of segments, their sectors, the end of the
//! device. What is wrong is answered with an error, and the data of other requests are not touched. One
//! call serves at most as many requests as the ring has entries. A front end accepts a response only for a
//! request that is on its way, once. Anything else is an error for which to close the device;
//! [`Front::detach`] returns what was kept for the requests on their way.
//!
//! The segments of an indirect request are copied out of the front end's page once, before any is looked at.
//!
//! # Features
//!
//! Reads, writes, barriers, flushes, discards and indirect requests of [`MAX_INDIRECT_SEGMENTS`] are served.
//! Persistent grants are a matter of how the back end reaches pages: `PersistentGrants` keeps them mapped.
//! A device with several queues has a [`Front`] and a [`Back`] for each. `setup` has the nodes in xenstore
//! by which both ends agree on all that.
//!
//! Upstream: `xen/include/public/io/blkif.h`.

mod abi;
mod back;
mod error;
mod front;
mod request;
#[cfg(feature = "alloc")]
#[cfg_attr(docsrs, doc(cfg(feature = "alloc")))]
pub mod setup;

pub use abi::Abi;
pub use back::{Back, Served, Storage, Unsupported};
pub use error::{BadRequest, BadResponse, SubmitError};
pub use front::{Completion, Front, Status};
pub use request::{Direction, Request, Segment, Segments};

/// Bytes in a sector, whatever the device's own sectors have.
pub const SECTOR_SIZE: usize = 512;

/// The largest number of segments of an indirect request that a [`Back`] serves: what it says in
/// `feature-max-indirect-segments`. They fit one page.
pub const MAX_INDIRECT_SEGMENTS: usize = 256;

/// Sectors in a page.
const SECTORS_PER_PAGE: u8 = 8;
