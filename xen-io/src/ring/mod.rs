//! Rings of requests and responses.
//!
//! A front end puts requests into a ring and takes responses out; a back end does the reverse. Each is
//! typed by its [`Protocol`]; [`protocols`] has those of Xen. The ring lies in one or several shared
//! [`Pages`](crate::Pages).
//!
//! | C macro | [`Front`] | [`Back`] |
//! |---|---|---|
//! | `XEN_FRONT_RING_INIT` | [`Front::new`] | |
//! | `FRONT_RING_ATTACH`, `BACK_RING_ATTACH` | [`Front::attach`] | [`Back::attach`] |
//! | `RING_FREE_REQUESTS`, `RING_FULL` | [`Front::free_requests`] | |
//! | `RING_GET_REQUEST`, `RING_GET_RESPONSE` to write | [`Front::put`] | [`Back::put`] |
//! | `RING_PUSH_REQUESTS_AND_CHECK_NOTIFY`, `..._RESPONSES_...` | [`Front::push`] | [`Back::push`] |
//! | `RING_COPY_RESPONSE`, `RING_COPY_REQUEST` | [`Front::take`] | [`Back::take`] |
//! | `XEN_RING_NR_UNCONSUMED_RESPONSES`, `..._REQUESTS` | [`Front::available`] | [`Back::available`] |
//! | `RING_FINAL_CHECK_FOR_RESPONSES`, `..._REQUESTS` | [`Front::final_check`] | [`Back::final_check`] |
//! | `RING_RESPONSE_PROD_OVERFLOW`, `RING_REQUEST_PROD_OVERFLOW` | checked always: [`BadIndex`](crate::BadIndex) | likewise |
//!
//! # What a peer can do
//!
//! A side's own indices are private and never read back from the pages. The peer's index is loaded once,
//! and is an error if more entries would be taken than the ring holds or, of responses, than requests were
//! made. An entry is copied once, into a value of its own: what the peer writes to the page afterwards
//! does not change it. The contents of an entry are whatever the peer wrote. The code that uses them must
//! check them.
//!
//! # Notification hold-off
//!
//! `push` returns whether the peer asked for an event. Send it through the event channel then, and only
//! then. Before waiting for an event, call `final_check`: it asks the peer for one, and returns true if
//! there is something to take already.
//!
//! ```
//! use xen_io::ring::protocols::Blkif;
//! use xen_io::ring::{Back, Front};
//! use xen_ops::ReadWrite;
//! use xen_ops::xen_abi::io::blkif::{blkif_request, blkif_response};
//! # use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};
//! # let xen = Xen::new();
//! # let [alice, bob] = [xen.domain(DomainConfig::new(GuestKind::Pvh))?, xen.domain(DomainConfig::new(GuestKind::Pvh))?];
//! # let mut memory = TableMemory::new(64, 16);
//! # let table = alice.grant_table(&mut memory, Default::default())?;
//! # let granted = table.grant_zeroed(bob.domid(), &alice, ReadWrite)?;
//! # let remote = xen_ops::RemoteGrant::new(alice.domid(), granted.reference());
//! # let mapping = xen_ops::Mapping::new(&bob, remote, bob.target(), ReadWrite)?;
//!
//! // Alice has granted a page to Bob, who has mapped it.
//! let mut front = Front::<Blkif, _>::new(granted).map_err(|failed| failed.error)?;
//! let mut back = Back::<Blkif, _>::attach(mapping).map_err(|failed| failed.error)?;
//!
//! front.put(&blkif_request { id: 7, ..blkif_request::ZERO })?;
//! let notify_bob = front.push();
//! assert!(notify_bob);
//!
//! while let Some(request) = back.take()? {
//!     back.put(&blkif_response { id: request.id, ..blkif_response::ZERO })?;
//! }
//! let notify_alice = back.push();
//! assert!(notify_alice);
//!
//! assert_eq!(front.take()?.map(|response| response.id), Some(7));
//! assert_eq!(front.final_check()?, false);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Upstream: `xen/include/public/io/ring.h`.

mod back;
pub mod event;
mod front;
mod protocol;
pub mod protocols;

use core::fmt;

pub use back::Back;
pub use front::{Front, Position};
pub use protocol::Protocol;

/// A ring has no place for another request: as many are on their way as it has entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ring is full: take a response first")
    }
}

impl core::error::Error for Full {}

/// There is no request without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRequest;

impl fmt::Display for NoRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("every request that was taken has its response: take a request first")
    }
}

impl core::error::Error for NoRequest {}
