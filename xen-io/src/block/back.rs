//! The back end of a block device.

use core::fmt;

use xen_abi::io::blkif::{BLKIF_RSP_EOPNOTSUPP, BLKIF_RSP_ERROR, BLKIF_RSP_OKAY};
use xen_ops::Failed;
use xen_ops::page::PAGE_SIZE;

use super::abi::Abi;
use super::error::BadRequest;
use super::grants::GrantAccess;
use super::request::{Direction, Request, Segments};
use crate::error::{AttachError, BadIndex};
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

/// The back end of a block device: requests of the ABI `A` in the pages `M`, whose data are reached through
/// `G`, served from the storage `S`.
pub struct Back<A: Abi, M: Pages, G: GrantAccess, S: Storage> {
    ring: ring::Back<A, M>,
    grants: G,
    storage: S,
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

impl<A: Abi, M: Pages, G: GrantAccess, S: Storage> Back<A, M, G, S> {
    /// The back end of the ring in these pages. Requests that another back end has taken and not answered
    /// are served again.
    ///
    /// # Errors
    ///
    /// As [`ring::Back::attach`].
    pub fn attach(pages: M, grants: G, storage: S) -> Result<Self, Failed<AttachError, M>> {
        Ok(Self { ring: ring::Back::attach(pages)?, grants, storage })
    }

    /// The storage.
    pub const fn storage(&self) -> &S {
        &self.storage
    }

    /// Serves the requests that are there, at most as many as the ring has entries, and pushes their
    /// responses.
    ///
    /// # Errors
    ///
    /// [`BadIndex`] if the peer's index is not possible. Requests that were served before are answered:
    /// close the device.
    pub fn serve(&mut self) -> Result<Served, BadIndex> {
        let mut served = Served { requests: 0, failed: 0, notify: false };
        let result = self.serve_all(&mut served);
        served.notify = self.ring.push();
        result.map(|()| served)
    }

    fn serve_all(&mut self, served: &mut Served) -> Result<(), BadIndex> {
        while served.requests < self.ring.size() {
            let Some(entry) = self.ring.take()? else { return Ok(()) };
            let (id, operation, request) = A::decode(&entry);
            let status = match request.map_err(Failure::from).and_then(|r| self.perform(&r)) {
                Ok(()) => BLKIF_RSP_OKAY,
                Err(Failure::Unsupported) => BLKIF_RSP_EOPNOTSUPP,
                Err(Failure::Bad | Failure::Failed) => BLKIF_RSP_ERROR,
            };
            served.requests += 1;
            served.failed += u32::from(status != BLKIF_RSP_OKAY);
            // There is a request without response: the one that was taken.
            let _ = self.ring.put(&A::response(id, operation, status));
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

    /// Returns the pages, the access to grants, the storage, and whether to notify the peer.
    pub fn detach(self) -> (M, G, S, bool) {
        let (pages, notify) = self.ring.detach();
        (pages, self.grants, self.storage, notify)
    }

    fn perform(&mut self, request: &Request) -> Result<(), Failure> {
        match request {
            Request::Transfer { direction, barrier, sector, segments } => {
                self.check_sectors(*sector, segments.sectors())?;
                if *barrier {
                    self.flush()?;
                }
                self.transfer(*direction, *sector, segments)?;
                if *barrier { self.flush() } else { Ok(()) }
            }
            Request::Flush => self.flush(),
            Request::Discard { sector, sectors, secure } => {
                self.check_sectors(*sector, *sectors)?;
                match self.storage.discard(*sector, *sectors, *secure) {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(Unsupported)) => Err(Failure::Unsupported),
                    Err(_) => Err(Failure::Failed),
                }
            }
        }
    }

    fn check_sectors(&self, sector: u64, sectors: u64) -> Result<(), BadRequest> {
        match sector.checked_add(sectors) {
            Some(end) if end <= self.storage.sectors() => Ok(()),
            _ => Err(BadRequest::Sectors { sector, sectors }),
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.storage.flush().map_err(|_| Failure::Failed)
    }

    fn transfer(
        &mut self,
        direction: Direction,
        mut sector: u64,
        segments: &Segments,
    ) -> Result<(), Failure> {
        let mut buffer = [0; PAGE_SIZE];
        for segment in segments.as_slice() {
            // A segment is inside a page, and as large as it at most.
            let Some(bytes) = buffer.get_mut(..segment.bytes()) else { return Err(Failure::Bad) };
            let (grant, offset) = (segment.grant(), segment.offset());
            match direction {
                Direction::Read => {
                    self.storage.read(sector, bytes).map_err(|_| Failure::Failed)?;
                    self.grants.write(grant, offset, bytes).map_err(|_| Failure::Failed)?;
                }
                Direction::Write => {
                    self.grants.read(grant, offset, bytes).map_err(|_| Failure::Failed)?;
                    self.storage.write(sector, bytes).map_err(|_| Failure::Failed)?;
                }
            }
            sector += u64::from(segment.sectors());
        }
        Ok(())
    }
}

impl<A: Abi, M: Pages, G: GrantAccess, S: Storage> fmt::Debug for Back<A, M, G, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Back").field("ring", &self.ring).finish_non_exhaustive()
    }
}
