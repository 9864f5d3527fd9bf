//! The back end's side of a ring.

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::Ordering::Relaxed;

use xen_ops::Failed;

use super::NoRequest;
use super::protocol::{self, Protocol, REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD};
use crate::error::{AttachError, BadIndex};
use crate::indices::{Consumer, Lie, Producer, Proven};
use crate::pages::{self, Pages, word};

/// The back end's side of a ring of protocol `P` in the pages `M`: it takes requests out and puts
/// responses in.
///
/// Responses need not be in the order of the requests: they say which they answer.
///
/// See the [module](super) for an example, and for what a peer can do.
pub struct Back<P: Protocol, M: Pages> {
    pages: M,
    size: u32,
    requests: Consumer,
    responses: Producer,
    protocol: PhantomData<fn() -> P>,
}

impl<P: Protocol, M: Pages> Back<P, M> {
    /// The back end's side of a ring that a front end has initialised. The ring may be in use already:
    /// requests that have no response are taken (again), and the first [`push`](Self::push) is true if the front end waits
    /// for a response that was there before, of which it may not have been notified.
    ///
    /// A response lies where a request was, which it overwrites when it is put. A back end that may die, and whose
    /// successor is to attach to the ring, calls [`publish`](Self::publish) after each response.
    ///
    /// # Errors
    ///
    /// [`AttachError::Pages`] if no entry fits the pages. [`AttachError::Index`] if there are more
    /// requests without response than the ring has entries. The pages are returned.
    pub fn attach(pages: M) -> Result<Self, Failed<AttachError, M>> {
        let size = match protocol::size::<P, M>(&pages) {
            Ok(size) => size,
            Err(error) => return Err(Failed::returning(error, pages)),
        };
        let answered = word(&pages, RSP_PROD).map_or(0, |word| word.load(Relaxed));
        let requests = Consumer::new(answered);
        let responses = Producer::successor(answered, size);
        let mut back = Self { pages, size, requests, responses, protocol: PhantomData };
        match back.available() {
            Ok(_) => Ok(back),
            Err(error) => Err(Failed::returning(error.into(), back.pages)),
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

    /// How many requests were taken that have no response.
    #[inline]
    #[must_use]
    pub const fn outstanding(&self) -> u32 {
        self.requests.next().wrapping_sub(self.responses.next())
    }

    /// Copies the next request out, or returns `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`BadIndex`] if the peer claims more requests without response than the ring has entries.
    #[inline]
    pub fn take(&mut self) -> Result<Option<P::Request>, BadIndex> {
        if self.requests.known() == 0 && self.available()? == 0 {
            return Ok(None);
        }
        let offset = protocol::offset::<P>(self.requests.next(), self.entries());
        let request = pages::read(&self.pages, offset);
        self.requests.advance();
        Ok(Some(request))
    }

    /// How many requests are known to be there. The peer's index is loaded only if none is.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take).
    #[inline]
    pub fn available(&mut self) -> Result<u32, BadIndex> {
        let allowed = self.allowed();
        match word(&self.pages, REQ_PROD) {
            Some(produced) => {
                self.requests.available::<Proven>(&produced, allowed).map_err(Self::bad_index)
            }
            None => Ok(0),
        }
    }

    /// Writes a response. The peer does not see it before [`push`](Self::push).
    ///
    /// # Errors
    ///
    /// [`NoRequest`] if every request that was taken has its response.
    #[inline]
    pub fn put(&mut self, response: &P::Response) -> Result<(), NoRequest> {
        if self.outstanding() == 0 {
            return Err(NoRequest);
        }
        let offset = protocol::offset::<P>(self.responses.next(), self.entries());
        pages::write(&self.pages, offset, response);
        self.responses.advance();
        Ok(())
    }

    /// Shows the peer all responses that were put in. Call [`push`](Self::push) later, which returns whether to notify
    /// it of them: a whole batch needs one notification.
    ///
    /// If this back end dies, its successor answers the requests after those whose responses were shown. A response
    /// that was put in and not shown has overwritten one of them.
    #[inline]
    pub fn publish(&mut self) {
        if let Some(produced) = word(&self.pages, RSP_PROD) {
            self.responses.publish::<Proven>(&produced);
        }
    }

    /// Shows the peer all responses that were put in, and returns whether to notify it.
    #[inline]
    #[must_use = "if true, notify the peer"]
    pub fn push(&mut self) -> bool {
        match (word(&self.pages, RSP_PROD), word(&self.pages, RSP_EVENT)) {
            (Some(produced), Some(event)) => self.responses.push::<Proven>(&produced, &event),
            _ => false,
        }
    }

    /// To be called before waiting for an event: asks the peer to notify at the next request, and
    /// returns whether there is a request already. If so, do not wait.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take).
    #[inline]
    pub fn final_check(&mut self) -> Result<bool, BadIndex> {
        self.final_check_for(1)
    }

    /// As [`final_check`](Self::final_check), but the peer is asked to notify only once `count` requests
    /// can be taken. `count` is at least 1 and at most the number of requests that the peer can put in before
    /// it sees further responses; others are clamped, since no event would come.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take).
    #[inline]
    pub fn final_check_for(&mut self, count: u32) -> Result<bool, BadIndex> {
        let allowed = self.allowed();
        let count = count.min(allowed).max(1);
        match (word(&self.pages, REQ_PROD), word(&self.pages, REQ_EVENT)) {
            (Some(produced), Some(event)) => self
                .requests
                .final_check::<Proven>(&produced, &event, allowed, count)
                .map_err(Self::bad_index),
            _ => Ok(false),
        }
    }

    /// Pushes all responses that were put in, and returns the pages, and whether to notify the peer.
    ///
    /// The next [`attach`](Self::attach) takes the requests again that have no response. A response
    /// lies where a request was: if the responses were not in the order of the requests, answer all that
    /// were taken first. Otherwise some requests are answered twice, and others never.
    #[must_use = "if true, notify the peer"]
    pub fn detach(mut self) -> (M, bool) {
        let notify = self.push();
        (self.pages, notify)
    }

    /// How many more requests the peer can have put in: as many as the ring has entries, but for those
    /// that were taken and whose response the peer cannot have seen.
    #[inline]
    const fn allowed(&self) -> u32 {
        let unanswered = self.requests.next().wrapping_sub(self.responses.published());
        self.entries().saturating_sub(unanswered)
    }

    #[inline]
    const fn entries(&self) -> u32 {
        protocol::entries::<P, M>(self.size)
    }

    #[cold]
    fn bad_index(lie: Lie) -> BadIndex {
        BadIndex::new(P::NAME, "req_prod", lie)
    }
}

impl<P: Protocol, M: Pages> fmt::Debug for Back<P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Back")
            .field("protocol", &P::NAME)
            .field("size", &self.entries())
            .field("requests", &self.requests)
            .field("responses", &self.responses)
            .finish_non_exhaustive()
    }
}
