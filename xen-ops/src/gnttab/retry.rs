//! Retry policies for `GNTST_eagain`: how often an operation is tried, and how long to wait between.
//!
//! Xen returns `GNTST_eagain` when a frame is temporarily paged out or shared. No policy here waits
//! without a limit, since another domain decides how long that lasts. A policy decides for an operation,
//! one element or a whole batch: each round passes the elements that are not done yet to Xen again, in
//! one hypercall, and asks the policy once. Elements that are done do not change.

use core::ops::ControlFlow;
use core::time::Duration;

/// Decides whether, and after what time, an operation is tried again.
///
/// ```
/// use core::ops::ControlFlow;
/// use xen_ops::gnttab::retry::Retry;
///
/// /// Three tries, with other work between them.
/// struct Thrice<F>(F);
///
/// impl<F: FnMut()> Retry for Thrice<F> {
///     fn wait(&mut self, tries: u32) -> ControlFlow<()> {
///         if tries >= 3 {
///             return ControlFlow::Break(());
///         }
///         (self.0)();
///         ControlFlow::Continue(())
///     }
/// }
/// # let mut policy = Thrice(|| ());
/// # assert!(policy.wait(2).is_continue());
/// # assert!(policy.wait(3).is_break());
/// ```
pub trait Retry {
    /// Waits and continues, or breaks: then the elements that are not done fail with `GNTST_eagain`.
    ///
    /// `tries` is how often the operation has been tried so far, counted from 1. It stops at
    /// [`u32::MAX`].
    fn wait(&mut self, tries: u32) -> ControlFlow<()>;
}

/// Does not try again.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRetry;

impl Retry for NoRetry {
    fn wait(&mut self, _tries: u32) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

/// Tries again up to 255 times, after 1, 2, 3 and so on up to 255 milliseconds: 33 seconds at most.
/// This is Linux's policy, except that the limit is for a batch as a whole and not for each element, and
/// that elements which time out keep their `GNTST_eagain`.
///
/// The caller provides the function that waits: it returns after the time that it is given.
///
/// ```
/// use xen_ops::gnttab::retry::{Backoff, Retry};
///
/// let mut total = core::time::Duration::ZERO;
/// let mut policy = Backoff::new(|time| total += time);
/// assert_eq!((1..1000).take_while(|tries| policy.wait(*tries).is_continue()).count(), 255);
/// assert_eq!(total.as_millis(), 32640);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Backoff<W> {
    sleep: W,
}

impl<W: FnMut(Duration)> Backoff<W> {
    const TRIES: u32 = 255;

    /// The policy, with a function that waits.
    pub const fn new(sleep: W) -> Self {
        Self { sleep }
    }
}

impl<W: FnMut(Duration)> Retry for Backoff<W> {
    fn wait(&mut self, tries: u32) -> ControlFlow<()> {
        if tries > Self::TRIES {
            return ControlFlow::Break(());
        }
        (self.sleep)(Duration::from_millis(tries.into()));
        ControlFlow::Continue(())
    }
}

/// Counts the tries of one operation for its policy.
pub(crate) struct Tries<'r, R: ?Sized> {
    policy: &'r mut R,
    made: u32,
}

impl<'r, R: Retry + ?Sized> Tries<'r, R> {
    pub(crate) fn new(policy: &'r mut R) -> Self {
        Self { policy, made: 0 }
    }

    /// Counts one more try and asks whether there is to be another.
    pub(crate) fn another(&mut self) -> bool {
        self.made = self.made.saturating_add(1);
        self.policy.wait(self.made).is_continue()
    }
}
