//! The back end of a block device.

use core::fmt;

use xen_abi::grant_table::grant_ref_t;
use xen_abi::io::blkif::{
    BLKIF_RSP_EOPNOTSUPP, BLKIF_RSP_ERROR, BLKIF_RSP_OKAY, blkif_request_segment,
};
use xen_ops::Failed;
use xen_ops::page::PAGE_SIZE;

use super::MAX_INDIRECT_SEGMENTS;
use super::abi::Abi;
use super::error::BadRequest;
use super::request::{Direction, Request, SEGMENT_SIZE, Segment};
use crate::error::{AttachError, BadIndex};
use crate::grants::GrantAccess;
use crate::pages::Pages;
use crate::ring;

/// What a back end serves: sectors of 512 bytes.
pub trait Storage {
    /// Why it failed. The front end learns only that it did.
    type Error;

    /// How many sectors there are.
    fn sectors(&self) -> u64;

    /// Reads whole sectors, from `sector` on. They exist.
    ///
    /// # Errors
    ///
    /// If the medium fails.
    fn read(&mut self, sector: u64, to: &mut [u8]) -> Result<(), Self::Error>;

    /// Writes whole sectors, from `sector` on. They exist.
    ///
    /// # Errors
    ///
    /// If the medium fails, or is read-only.
    fn write(&mut self, sector: u64, from: &[u8]) -> Result<(), Self::Error>;

    /// Has everything that was written reach the medium.
    ///
    /// # Errors
    ///
    /// If the medium fails.
    fn flush(&mut self) -> Result<(), Self::Error>;

    /// Forgets the contents of sectors, which exist; beyond recovery if `secure`.
    ///
    /// # Errors
    ///
    /// `Ok(Err(Unsupported))` if the storage does not support that, which is the default. If it does, write
    /// `feature-discard` to xenstore, and `discard-secure` if that is supported.
    fn discard(
        &mut self,
        sector: u64,
        sectors: u64,
        secure: bool,
    ) -> Result<Result<(), Unsupported>, Self::Error> {
        let _ = (sector, sectors, secure);
        Ok(Err(Unsupported))
    }
}

/// The storage does not support the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsupported;

/// What a call of [`Back::serve`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "if `notify` is true, notify the peer"]
pub struct Served {
    /// How many requests were answered.
    pub requests: u32,
    /// How many of them with an error.
    pub failed: u32,
    /// Whether to notify the peer.
    pub notify: bool,
}

/// The back end of a queue of a block device: requests of the ABI `A` in the pages `M`, whose data are
/// reached through `G`. All queues of a device have the same storage.
pub struct Back<A: Abi, M: Pages, G: GrantAccess> {
    ring: ring::Back<A, M>,
    grants: G,
}

/// Why a request failed.
enum Failure {
    Bad,
    Unsupported,
    Failed,
}

impl From<BadRequest> for Failure {
    fn from(error: BadRequest) -> Self {
        match error {
            BadRequest::Operation(_) => Self::Unsupported,
            _ => Self::Bad,
        }
    }
}

impl<A: Abi, M: Pages, G: GrantAccess> Back<A, M, G> {
    /// The back end of the ring in these pages. Requests that another back end has taken and not answered
    /// are served again, even if it died while it served them.
    ///
    /// # Errors
    ///
    /// As [`ring::Back::attach`].
    pub fn attach(pages: M, grants: G) -> Result<Self, Failed<AttachError, M>> {
        Ok(Self { ring: ring::Back::attach(pages)?, grants })
    }

    /// Serves the requests that are there from `storage`, at most as many as the ring has entries. The front end sees
    /// each response as soon as its request is served, and is notified of all at most once.
    ///
    /// # Errors
    ///
    /// [`BadIndex`] if the peer's index is not possible. Requests that were served before are answered:
    /// close the device.
    pub fn serve<S: Storage>(&mut self, storage: &mut S) -> Result<Served, BadIndex> {
        let mut served = Served { requests: 0, failed: 0, notify: false };
        let result = self.serve_all(storage, &mut served);
        served.notify = self.ring.push();
        result.map(|()| served)
    }

    fn serve_all<S: Storage>(
        &mut self,
        storage: &mut S,
        served: &mut Served,
    ) -> Result<(), BadIndex> {
        while served.requests < self.ring.size() {
            let Some(entry) = self.ring.take()? else { return Ok(()) };
            let (id, operation, request) = A::decode(&entry);
            let request = request.map_err(Failure::from);
            let status = match request.and_then(|request| self.perform(storage, &request)) {
                Ok(()) => BLKIF_RSP_OKAY,
                Err(Failure::Unsupported) => BLKIF_RSP_EOPNOTSUPP,
                Err(Failure::Bad | Failure::Failed) => BLKIF_RSP_ERROR,
            };
            served.requests += 1;
            served.failed += u32::from(status != BLKIF_RSP_OKAY);
            // There is a request without response: the one that was taken.
            let _ = self.ring.put(&A::response(id, operation, status));
            // Else a successor would find it in the place of a request.
            self.ring.publish();
        }
        Ok(())
    }

    /// To be called before waiting for an event: see [`ring::Back::final_check`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn final_check(&mut self) -> Result<bool, BadIndex> {
        self.ring.final_check()
    }

    /// Returns the pages, the access to grants, and whether to notify the peer.
    pub fn detach(self) -> (M, G, bool) {
        let (pages, notify) = self.ring.detach();
        (pages, self.grants, notify)
    }

    fn perform<S: Storage>(&mut self, storage: &mut S, request: &Request) -> Result<(), Failure> {
        match request {
            Request::Transfer { direction, barrier, sector, segments } => {
                check_sectors(storage, *sector, segments.sectors())?;
                if *barrier {
                    flush(storage)?;
                }
                self.transfer(storage, *direction, *sector, segments.as_slice())?;
                if *barrier { flush(storage) } else { Ok(()) }
            }
            Request::Indirect { direction, sector, segments, pages } => {
                let mut table = [Segment::page(grant_ref_t(0)); MAX_INDIRECT_SEGMENTS];
                let segments = self.read_segments(usize::from(*segments), pages, &mut table)?;
                let sectors = segments.iter().map(|segment| u64::from(segment.sectors())).sum();
                check_sectors(storage, *sector, sectors)?;
                self.transfer(storage, *direction, *sector, segments)
            }
            Request::Flush => flush(storage),
            Request::Discard { sector, sectors, secure } => {
                check_sectors(storage, *sector, *sectors)?;
                match storage.discard(*sector, *sectors, *secure) {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(Unsupported)) => Err(Failure::Unsupported),
                    Err(_) => Err(Failure::Failed),
                }
            }
        }
    }

    /// Copies the segments of an indirect request out of the front end's page, once, and checks them all.
    fn read_segments<'t>(
        &mut self,
        count: usize,
        pages: &[grant_ref_t],
        table: &'t mut [Segment; MAX_INDIRECT_SEGMENTS],
    ) -> Result<&'t [Segment], Failure> {
        let mut bytes = [0; MAX_INDIRECT_SEGMENTS * SEGMENT_SIZE];
        // As many as are served fit the first page.
        let (Some(page), Some(segments)) = (pages.first(), table.get_mut(..count)) else {
            return Err(BadRequest::Segments(count).into());
        };
        let Some(bytes) = bytes.get_mut(..count * SEGMENT_SIZE).filter(|_| count > 0) else {
            return Err(BadRequest::Segments(count).into());
        };
        self.grants.read(*page, 0, bytes).map_err(|_| Failure::Failed)?;
        for (segment, bytes) in segments.iter_mut().zip(bytes.chunks(SEGMENT_SIZE)) {
            let entry = xen_abi::from_bytes(bytes).unwrap_or(blkif_request_segment::ZERO);
            let (first, last) = (entry.first_sect, entry.last_sect);
            *segment = Segment::from_entry(&entry).ok_or(BadRequest::Segment { first, last })?;
        }
        Ok(segments)
    }

    fn transfer<S: Storage>(
        &mut self,
        storage: &mut S,
        direction: Direction,
        mut sector: u64,
        segments: &[Segment],
    ) -> Result<(), Failure> {
        let mut buffer = [0; PAGE_SIZE];
        for segment in segments {
            // A segment is inside a page, and as large as it at most.
            let Some(bytes) = buffer.get_mut(..segment.bytes()) else { return Err(Failure::Bad) };
            let (grant, offset) = (segment.grant(), segment.offset());
            match direction {
                Direction::Read => {
                    storage.read(sector, bytes).map_err(|_| Failure::Failed)?;
                    self.grants.write(grant, offset, bytes).map_err(|_| Failure::Failed)?;
                }
                Direction::Write => {
                    self.grants.read(grant, offset, bytes).map_err(|_| Failure::Failed)?;
                    storage.write(sector, bytes).map_err(|_| Failure::Failed)?;
                }
            }
            sector += u64::from(segment.sectors());
        }
        Ok(())
    }
}

fn check_sectors<S: Storage>(storage: &S, sector: u64, sectors: u64) -> Result<(), BadRequest> {
    match sector.checked_add(sectors) {
        Some(end) if end <= storage.sectors() => Ok(()),
        _ => Err(BadRequest::Sectors { sector, sectors }),
    }
}

fn flush<S: Storage>(storage: &mut S) -> Result<(), Failure> {
    storage.flush().map_err(|_| Failure::Failed)
}

impl<A: Abi, M: Pages, G: GrantAccess> fmt::Debug for Back<A, M, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Back").field("ring", &self.ring).finish_non_exhaustive()
    }
}
