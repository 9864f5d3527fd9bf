//! The front end's side of a ring.

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::Ordering::Relaxed;

use xen_ops::Failed;

use super::Full;
use super::protocol::{
    self, Protocol, REQ_EVENT, REQ_PROD, RESERVED, RESERVED_SIZE, RSP_EVENT, RSP_PROD,
};
use crate::error::{AttachError, BadIndex};
use crate::indices::{Consumer, Lie, Producer, Proven};
use crate::pages::{self, Pages, word};

/// How far a front end has come. [`Front::detach`] returns it, and [`Front::attach`] goes on from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Requests that were pushed.
    pub req_prod: u32,
    /// Responses that were taken.
    pub rsp_cons: u32,
}

/// The front end's side of a ring of protocol `P` in the pages `M`: it puts requests in and takes
/// responses out.
///
/// See the [module](super) for an example, and for what a peer can do.
pub struct Front<P: Protocol, M: Pages> {
    pages: M,
    size: u32,
    requests: Producer,
    responses: Consumer,
    protocol: PhantomData<fn() -> P>,
}

impl<P: Protocol, M: Pages> Front<P, M> {
    /// An empty ring. Its indices are written to the pages; call this before the peer learns of them.
    ///
    /// # Errors
    ///
    /// [`AttachError::Pages`] if no entry fits the pages, which are returned.
    pub fn new(pages: M) -> Result<Self, Failed<AttachError, M>> {
        let front = Self::with(pages, Position { req_prod: 0, rsp_cons: 0 })?;
        let values = [(REQ_PROD, 0), (REQ_EVENT, 1), (RSP_PROD, 0), (RSP_EVENT, 1)];
        for (field, value) in values {
            if let Some(word) = word(&front.pages, field) {
                word.store(value, Relaxed);
            }
        }
        pages::write_bytes(&front.pages, RESERVED, &[0; RESERVED_SIZE]);
        Ok(front)
    }

    /// Goes on with a ring that is in use. Nothing is written to the pages.
    ///
    /// # Errors
    ///
    /// [`AttachError::Pages`] if no entry fits the pages. [`AttachError::Index`] if `position` has more
    /// requests than the ring holds, or if the peer's index does not fit it. The pages are returned.
    pub fn attach(pages: M, position: Position) -> Result<Self, Failed<AttachError, M>> {
        let mut front = Self::with(pages, position)?;
        let Position { req_prod, rsp_cons } = position;
        let on_their_way = req_prod.wrapping_sub(rsp_cons);
        let checked = if on_their_way > front.size {
            let lie = Lie { value: req_prod, from: rsp_cons, allowed: front.size };
            Err(BadIndex::new(P::NAME, "req_prod", lie))
        } else {
            front.available().map(drop)
        };
        match checked {
            Ok(()) => Ok(front),
            Err(error) => Err(Failed::returning(error.into(), front.pages)),
        }
    }

    fn with(pages: M, position: Position) -> Result<Self, Failed<AttachError, M>> {
        match protocol::size::<P, M>(&pages) {
            Ok(size) => Ok(Self {
                pages,
                size,
                requests: Producer::new(position.req_prod),
                responses: Consumer::new(position.rsp_cons),
                protocol: PhantomData,
            }),
            Err(error) => Err(Failed::returning(error, pages)),
        }
    }

    /// How many entries the ring has.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.entries()
    }

    /// The pages.
    #[must_use]
    pub const fn pages(&self) -> &M {
        &self.pages
    }

    /// How many requests can be put in before a response must be taken.
    #[inline]
    #[must_use]
    pub const fn free_requests(&self) -> u32 {
        self.entries().saturating_sub(self.outstanding())
    }

    /// How many requests are put in of which the response was not taken.
    #[inline]
    #[must_use]
    pub const fn outstanding(&self) -> u32 {
        self.requests.next().wrapping_sub(self.responses.next())
    }

    /// Writes a request. The peer does not see it before [`push`](Self::push).
    ///
    /// # Errors
    ///
    /// [`Full`] if the ring has no free entry.
    #[inline]
    pub fn put(&mut self, request: &P::Request) -> Result<(), Full> {
        if self.free_requests() == 0 {
            return Err(Full);
        }
        let offset = protocol::offset::<P>(self.requests.next(), self.entries());
        pages::write(&self.pages, offset, request);
        self.requests.advance();
        Ok(())
    }

    /// Shows the peer all requests that were put in, and returns whether to notify it.
    #[inline]
    #[must_use = "if true, notify the peer"]
    pub fn push(&mut self) -> bool {
        match (word(&self.pages, REQ_PROD), word(&self.pages, REQ_EVENT)) {
            (Some(produced), Some(event)) => self.requests.push::<Proven>(&produced, &event),
            _ => false,
        }
    }

    /// Copies the next response out, or returns `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`BadIndex`] if the peer claims more responses than requests were pushed.
    #[inline]
    pub fn take(&mut self) -> Result<Option<P::Response>, BadIndex> {
        if self.responses.known() == 0 && self.available()? == 0 {
            return Ok(None);
        }
        let offset = protocol::offset::<P>(self.responses.next(), self.entries());
        let response = pages::read(&self.pages, offset);
        self.responses.advance();
        Ok(Some(response))
    }

    /// How many responses are known to be there. The peer's index is loaded only if none is.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take).
    #[inline]
    pub fn available(&mut self) -> Result<u32, BadIndex> {
        let allowed = self.pushed();
        match word(&self.pages, RSP_PROD) {
            Some(produced) => {
                self.responses.available::<Proven>(&produced, allowed).map_err(Self::bad_index)
            }
            None => Ok(0),
        }
    }

    /// To be called before waiting for an event: asks the peer to notify at the next response, and
    /// returns whether there is a response already. If so, do not wait.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take).
    #[inline]
    pub fn final_check(&mut self) -> Result<bool, BadIndex> {
        self.final_check_for(1)
    }

    /// As [`final_check`](Self::final_check), but the peer is asked to notify only once `count`
    /// responses can be taken. `count` is at least 1 and at most the number of requests that were
    /// pushed and have no response; others are clamped, since no event would come.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take).
    #[inline]
    pub fn final_check_for(&mut self, count: u32) -> Result<bool, BadIndex> {
        let allowed = self.pushed();
        let count = count.min(allowed).max(1);
        match (word(&self.pages, RSP_PROD), word(&self.pages, RSP_EVENT)) {
            (Some(produced), Some(event)) => self
                .responses
                .final_check::<Proven>(&produced, &event, allowed, count)
                .map_err(Self::bad_index),
            _ => Ok(false),
        }
    }

    /// Returns the pages, and how far this side has come. Requests that were not pushed are dropped.
    #[must_use]
    pub fn detach(self) -> (M, Position) {
        let (req_prod, rsp_cons) = (self.requests.published(), self.responses.next());
        (self.pages, Position { req_prod, rsp_cons })
    }

    /// Requests that were pushed and whose response was not taken.
    #[inline]
    const fn pushed(&self) -> u32 {
        self.requests.published().wrapping_sub(self.responses.next())
    }

    #[inline]
    const fn entries(&self) -> u32 {
        protocol::entries::<P, M>(self.size)
    }

    #[cold]
    fn bad_index(lie: Lie) -> BadIndex {
        BadIndex::new(P::NAME, "rsp_prod", lie)
    }
}

impl<P: Protocol, M: Pages> fmt::Debug for Front<P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front")
            .field("protocol", &P::NAME)
            .field("size", &self.entries())
            .field("requests", &self.requests)
            .field("responses", &self.responses)
            .finish_non_exhaustive()
    }
}
