//! The front end of a block device.

use core::fmt;

use xen_abi::grant_table::grant_ref_t;
use xen_abi::io::blkif::{BLKIF_RSP_EOPNOTSUPP, BLKIF_RSP_OKAY};
use xen_ops::page::PAGE_SIZE;
use xen_ops::{Failed, ReadWrite, View};

use super::abi::{Abi, operation};
use super::error::{BadResponse, SubmitError};
use super::request::{Direction, MAX_INDIRECT_PAGES, Request, SEGMENT_SIZE, Segment, Segments};
use crate::error::{AttachError, BadIndex};
use crate::pages::Pages;
use crate::ring;
use crate::ring::protocols::Blkif;

/// A request that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion<T> {
    /// Whether the back end did what was asked.
    pub status: Status,
    /// What was kept for the request.
    pub kept: T,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was done.
    Okay,
    /// The back end does not support the operation.
    Unsupported,
    /// It failed, with this status.
    Error(i16),
}

/// The front end of a block device: a ring in the pages `M`, with at most `N` requests on their way, for
/// each of which it keeps a `T`.
///
/// `T` is what the caller needs when the request is complete, and what must live as long as the back end
/// may use it: the grants of the request's pages.
pub struct Front<M: Pages, T, const N: usize = 32> {
    ring: ring::Front<Blkif, M>,
    on_their_way: [Option<Kept<T>>; N],
    /// The number of requests that were submitted, which makes ids unique.
    submitted: u64,
}

/// What is known of a request.
struct Kept<T> {
    id: u64,
    operation: u8,
    value: T,
}

impl<M: Pages, T, const N: usize> Front<M, T, N> {
    /// The front end with an empty ring in these pages.
    ///
    /// # Errors
    ///
    /// As [`ring::Front::new`].
    pub fn new(pages: M) -> Result<Self, Failed<AttachError, M>> {
        let ring = ring::Front::new(pages)?;
        Ok(Self { ring, on_their_way: [const { None }; N], submitted: 0 })
    }

    /// The pages of the ring.
    pub const fn pages(&self) -> &M {
        self.ring.pages()
    }

    /// Asks for sectors, from `sector` on, to be read into `segments`. The back end does not see it before
    /// [`push`](Self::push).
    ///
    /// # Errors
    ///
    /// [`SubmitError`]; what was to be kept is returned.
    pub fn read(
        &mut self,
        sector: u64,
        segments: &[Segment],
        keep: T,
    ) -> Result<(), Failed<SubmitError, T>> {
        self.transfer(Direction::Read, sector, segments, keep)
    }

    /// Asks for sectors, from `sector` on, to be written from `segments`. The back end does not see it
    /// before [`push`](Self::push).
    ///
    /// # Errors
    ///
    /// [`SubmitError`]; what was to be kept is returned.
    pub fn write(
        &mut self,
        sector: u64,
        segments: &[Segment],
        keep: T,
    ) -> Result<(), Failed<SubmitError, T>> {
        self.transfer(Direction::Write, sector, segments, keep)
    }

    /// As [`write`](Self::write), but writes that complete before are on the medium before this one, and this one
    /// before those that are submitted when it is complete. There may be no segment at all. The back end
    /// supports it if `feature-barrier` is in its xenstore directory.
    ///
    /// # Errors
    ///
    /// [`SubmitError`]; what was to be kept is returned.
    pub fn write_barrier(
        &mut self,
        sector: u64,
        segments: &[Segment],
        keep: T,
    ) -> Result<(), Failed<SubmitError, T>> {
        let Some(segments) = Segments::from_slice(segments) else {
            return Err(Failed::returning(SubmitError::Segments(segments.len()), keep));
        };
        let direction = Direction::Write;
        self.submit(&Request::Transfer { direction, barrier: true, sector, segments }, keep)
    }

    /// Asks for sectors to be read or written, as [`read`](Self::read) and [`write`](Self::write) do, with up to
    /// 512 segments. They are written into `table`, a page that the back end may read by the grant `grant`,
    /// and which must not change before the request is complete. The back end takes as many segments as
    /// `feature-max-indirect-segments` in its xenstore directory says.
    ///
    /// # Errors
    ///
    /// [`SubmitError`]; what was to be kept is returned.
    pub fn transfer_indirect(
        &mut self,
        direction: Direction,
        sector: u64,
        segments: &[Segment],
        (grant, table): (grant_ref_t, View<'_, ReadWrite>),
        keep: T,
    ) -> Result<(), Failed<SubmitError, T>> {
        let error = SubmitError::Indirect(segments.len());
        if segments.is_empty() || segments.len() > PAGE_SIZE / SEGMENT_SIZE {
            return Err(Failed::returning(error, keep));
        }
        for (index, segment) in segments.iter().enumerate() {
            if table.write_obj(index * SEGMENT_SIZE, &segment.entry()).is_err() {
                return Err(Failed::returning(error, keep));
            }
        }
        let mut pages = [grant_ref_t(0); MAX_INDIRECT_PAGES];
        pages[0] = grant;
        let segments = segments.len() as u16;
        self.submit(&Request::Indirect { direction, sector, segments, pages }, keep)
    }

    /// Asks for everything that was written to reach the medium. The back end supports it if
    /// `feature-flush-cache` is in its xenstore directory.
    ///
    /// # Errors
    ///
    /// [`SubmitError::Full`]; what was to be kept is returned.
    pub fn flush(&mut self, keep: T) -> Result<(), Failed<SubmitError, T>> {
        self.submit(&Request::Flush, keep)
    }

    /// Says that the contents of sectors are not needed any more. The back end supports it if
    /// `feature-discard` is in its xenstore directory, and `secure` if `discard-secure` is.
    ///
    /// # Errors
    ///
    /// [`SubmitError::Full`]; what was to be kept is returned.
    pub fn discard(
        &mut self,
        sector: u64,
        sectors: u64,
        secure: bool,
        keep: T,
    ) -> Result<(), Failed<SubmitError, T>> {
        self.submit(&Request::Discard { sector, sectors, secure }, keep)
    }

    fn transfer(
        &mut self,
        direction: Direction,
        sector: u64,
        all: &[Segment],
        keep: T,
    ) -> Result<(), Failed<SubmitError, T>> {
        let segments = Segments::from_slice(all).filter(|_| !all.is_empty());
        let Some(segments) = segments else {
            return Err(Failed::returning(SubmitError::Segments(all.len()), keep));
        };
        self.submit(&Request::Transfer { direction, barrier: false, sector, segments }, keep)
    }

    fn submit(&mut self, request: &Request, keep: T) -> Result<(), Failed<SubmitError, T>> {
        let free = self.on_their_way.iter().position(Option::is_none);
        let Some((index, place)) = free.and_then(|i| Some((i, self.on_their_way.get_mut(i)?)))
        else {
            return Err(Failed::returning(SubmitError::Full, keep));
        };
        // An id is used once. The index in it finds the place.
        let id = self.submitted.wrapping_mul(N as u64).wrapping_add(index as u64);
        if self.ring.put(&Blkif::encode(id, request)).is_err() {
            return Err(Failed::returning(SubmitError::Full, keep));
        }
        *place = Some(Kept { id, operation: operation(request), value: keep });
        self.submitted = self.submitted.wrapping_add(1);
        Ok(())
    }

    /// Shows the back end all requests that were submitted, and returns whether to notify it.
    #[must_use = "if true, notify the peer"]
    pub fn push(&mut self) -> bool {
        self.ring.push()
    }

    /// The next request that is complete, or `None`. Requests complete in any order.
    ///
    /// # Errors
    ///
    /// [`BadResponse`] if the back end answers what was not asked. Close the device then.
    pub fn complete(&mut self) -> Result<Option<Completion<T>>, BadResponse> {
        let Some(response) = self.ring.take()? else { return Ok(None) };
        let (id, operation, status) = Blkif::decode_response(&response);
        let index = id.checked_rem(N as u64).and_then(|index| usize::try_from(index).ok());
        let place = index.and_then(|index| self.on_their_way.get_mut(index));
        let Some(place) = place else { return Err(BadResponse::Id(id)) };
        match place.take() {
            Some(kept) if kept.id == id && kept.operation == operation => {
                let status = match status {
                    BLKIF_RSP_OKAY => Status::Okay,
                    BLKIF_RSP_EOPNOTSUPP => Status::Unsupported,
                    status => Status::Error(status),
                };
                Ok(Some(Completion { status, kept: kept.value }))
            }
            other => {
                let is_known = other.as_ref().is_some_and(|kept| kept.id == id);
                *place = other;
                Err(if is_known {
                    BadResponse::Operation { id, operation }
                } else {
                    BadResponse::Id(id)
                })
            }
        }
    }

    /// To be called before waiting for an event: see [`ring::Front::final_check`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn final_check(&mut self) -> Result<bool, BadIndex> {
        self.ring.final_check()
    }

    /// How many requests are on their way.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.on_their_way.iter().flatten().count()
    }

    /// Returns the pages of the ring, and what was kept for requests that are not complete. The back end
    /// may still use what those grant.
    pub fn detach(self) -> (M, impl Iterator<Item = T>) {
        let kept = self.on_their_way.into_iter().flatten().map(|kept| kept.value);
        (self.ring.detach().0, kept)
    }
}

impl<M: Pages, T, const N: usize> fmt::Debug for Front<M, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front")
            .field("ring", &self.ring)
            .field("outstanding", &self.outstanding())
            .finish_non_exhaustive()
    }
}
