//! What split drivers of [xen-io](xen_io) need on Linux.
//!
//! | xen-io's | on Linux |
//! |---|---|
//! | [`EventChannel`](xen_io::EventChannel) | [`Channel`](crate::Channel) |
//! | [`SharedPage`](xen_io::SharedPage) | the views of a [`Mapping`](crate::Mapping) or of [`Shared`](crate::Shared) pages |
//! | [`GrantAccess`] | [`GntdevCopy`] |
//! | [`Transport`](xenstore::Transport) of xenstore | [`xenstore::open`] |
//!
//! A back end connects to the ring of its front end:
//!
//! ```no_run
//! use xen_linux::drivers::xen_io::block::setup::Queue;
//! use xen_linux::drivers::xen_io::block::{Back, Served, Storage};
//! use xen_linux::drivers::xen_io::ring::protocols::Blkif;
//! use xen_linux::drivers::GntdevCopy;
//! use xen_linux::{Channel, DomainId, Gntdev, Grants, ReadWrite, RemoteGrant};
//!
//! fn serve(
//!     guest: DomainId,
//!     queue: &Queue,
//!     disk: &mut impl Storage,
//! ) -> Result<Served, Box<dyn std::error::Error>> {
//!     let events = Channel::open(|evtchn| evtchn.bind_interdomain(guest, queue.port))?;
//!     let gntdev = Gntdev::open()?;
//!     let ring = queue.ring.iter().map(|grant| RemoteGrant::new(guest, *grant));
//!     let ring = gntdev.map_all(&mut Grants::from_iter(ring), ReadWrite)?;
//!     let pages: Vec<_> = ring.pages().collect();
//!     let mut back = Back::<Blkif, _, _>::attach(pages, GntdevCopy::new(gntdev, guest))
//!         .map_err(|failed| failed.error)?;
//!     # let _ = &events;
//!     Ok(back.serve(disk)?)
//! }
//! ```

use xen_io::GrantAccess;
pub use xen_io::{self, xenstore};
use xen_ops::view::OutOfBounds;

use crate::gntdev::{COPY, Segment};
use crate::{Cause, DomainId, Error, Gntdev, RemoteGrant, grant_ref_t};

/// A back end's access to the pages of its front end, by copies that Xen makes. Nothing is mapped, so the
/// front end may end a grant at any time.
#[derive(Debug)]
pub struct GntdevCopy {
    gntdev: Gntdev,
    peer: DomainId,
}

impl GntdevCopy {
    /// Access to grants of domain `peer`.
    #[must_use]
    pub const fn new(gntdev: Gntdev, peer: DomainId) -> Self {
        Self { gntdev, peer }
    }

    fn copy(&self, segment: Result<Segment<'_>, OutOfBounds>) -> Result<(), Error> {
        let segment = segment.map_err(|error| Error::new(COPY, Cause::Range(error)))?;
        self.gntdev.copy(&mut [segment])?.all()
    }
}

impl GrantAccess for GntdevCopy {
    type Error = Error;

    fn read(&mut self, grant: grant_ref_t, offset: usize, to: &mut [u8]) -> Result<(), Error> {
        self.copy(Segment::read(RemoteGrant::new(self.peer, grant), offset, to))
    }

    fn write(&mut self, grant: grant_ref_t, offset: usize, from: &[u8]) -> Result<(), Error> {
        self.copy(Segment::write(from, RemoteGrant::new(self.peer, grant), offset))
    }
}

#[cfg(test)]
mod tests {
    use xen_ops::xen_abi::xen::domid_t;

    use super::*;
    use crate::testing::memory;

    /// The range is checked first, and then the device, which is not a gntdev.
    #[test]
    fn a_copy_that_fails_is_an_error() {
        let gntdev = Gntdev::of(memory("drivers", 0).0);
        let mut access = GntdevCopy::new(gntdev, DomainId::new(domid_t(1)).unwrap());
        for (offset, cause) in [
            (4096, Cause::Range(OutOfBounds { offset: 4096, length: 1 })),
            (4095, Cause::Unsupported),
        ] {
            let error = Error::new(COPY, cause);
            assert_eq!(access.read(grant_ref_t(8), offset, &mut [0]), Err(error.clone()));
            assert_eq!(access.write(grant_ref_t(8), offset, &[0]), Err(error));
        }
    }
}
