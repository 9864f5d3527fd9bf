//! Waiting for references, which is the caller's choice and never happens otherwise.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::bitmap::Refs;
use super::orders::Proven;

/// One who waits until references are free: a future, and something to poll for those without an
/// executor. Dropping it ends the wait.
///
/// It waits for what is free and takes nothing: someone else may be faster. It may wake before enough
/// are free, and then is to be polled again.
#[must_use = "does nothing unless polled"]
pub struct Waiter<'t> {
    refs: &'t Refs<'t>,
    room: usize,
    count: usize,
}

/// Why nobody can wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// So many wait already (8).
    TooManyWaiters,
    /// The table can never have that many references.
    TooManyRefs {
        /// How many it can have.
        max: usize,
    },
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyWaiters => {
                f.write_str("8 waiters for grant references exist already: drop one first")
            }
            Self::TooManyRefs { max } => {
                write!(f, "the grant table can never have more than {max} references")
            }
        }
    }
}

impl core::error::Error for WaitError {}

impl<'t> Waiter<'t> {
    /// `max` is how many references the table can have.
    pub(crate) fn new(refs: &'t Refs<'t>, count: usize, max: usize) -> Result<Self, WaitError> {
        if count > max {
            return Err(WaitError::TooManyRefs { max });
        }
        let room = refs.waiters().join().ok_or(WaitError::TooManyWaiters)?;
        Ok(Self { refs, room, count })
    }

    /// Whether enough references are free. If not, `waker` is called once some have been freed.
    #[must_use]
    pub fn is_ready(&mut self, waker: &Waker) -> bool {
        self.refs.count() >= self.count || self.refs.wait::<Proven>(self.room, waker) >= self.count
    }
}

impl Future for Waiter<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.is_ready(context.waker()) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.refs.waiters().leave(self.room);
    }
}

impl fmt::Debug for Waiter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter").field("count", &self.count).finish_non_exhaustive()
    }
}
