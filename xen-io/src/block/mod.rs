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
//!     let served = back.serve()?;
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
//! Reads, writes, barriers, flushes and discards are served. Indirect requests are answered
//! `BLKIF_RSP_EOPNOTSUPP`, so do not write `feature-max-indirect-segments` to xenstore.
//!
//! Upstream: `xen/include/public/io/blkif.h`.

mod abi;
mod back;
mod error;
mod front;
mod grants;
mod request;

pub use abi::Abi;
pub use back::{Back, Served, Storage, Unsupported};
pub use error::{BadRequest, BadResponse, SubmitError};
pub use front::{Completion, Front, Status};
pub use grants::{CopyGrants, CopyGrantsError, GrantAccess};
pub use request::{Direction, Request, Segment, Segments};

/// Bytes in a sector, whatever the device's own sectors have.
pub const SECTOR_SIZE: usize = 512;

/// Sectors in a page.
const SECTORS_PER_PAGE: u8 = 8;
