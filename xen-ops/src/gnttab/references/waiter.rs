//! Waiting for references. No other operation waits.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::bitmap::Refs;
use super::orders::Proven;

/// A future that is ready when enough references are free. Without an executor, call
/// [`is_ready`](Self::is_ready). Dropping it ends the wait.
///
/// It allocates nothing, so another CPU may take the references first. It may be woken before enough are
/// free.
#[must_use = "does nothing unless polled"]
pub struct Waiter<'t> {
    refs: &'t Refs<'t>,
    slot: usize,
    count: usize,
}

/// Why a waiter could not be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// There are 8 waiters already.
    TooManyWaiters,
    /// The table can never have so many references.
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
        let slot = refs.waiters().join().ok_or(WaitError::TooManyWaiters)?;
        Ok(Self { refs, slot, count })
    }

    /// Whether enough references are free. If not, `waker` is woken once some have been freed.
    #[must_use]
    pub fn is_ready(&mut self, waker: &Waker) -> bool {
        self.refs.count() >= self.count || self.refs.wait::<Proven>(self.slot, waker) >= self.count
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
        self.refs.waiters().leave(self.slot);
    }
}

impl fmt::Debug for Waiter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter").field("count", &self.count).finish_non_exhaustive()
    }
}
