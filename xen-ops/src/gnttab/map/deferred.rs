//! Deferring an unmap while something uses the mapping.

use core::fmt;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Acquire;

use super::unwind::leak_on_unwind;
use super::{Mapping, leak};
use crate::Failed;
use crate::hypercall::{Error, Hypercall};
use crate::page::MapTarget;
use crate::view::{Access, ReadOnly};

/// Tells whether something still uses a mapping.
///
/// The compiler tracks views, which borrow their mapping. This is for users that it cannot track: a
/// device that reads the frame, or a packet that is being sent.
pub trait InUse {
    /// Whether the frame is still in use. After it returns false, no new use begins.
    fn in_use(&self) -> bool;
}

/// A count of users. Each decrements it with `Release` when it is done.
impl InUse for &AtomicUsize {
    fn in_use(&self) -> bool {
        self.load(Acquire) != 0
    }
}

/// A mapping that is to be unmapped, and its user.
///
/// Dropping it unmaps if the user is done by then. Otherwise, or if [`InUse::in_use`] panics, it leaks
/// mapping and target: the user would find another frame there.
pub struct Waiting<H: Hypercall, T: MapTarget, U: InUse, A: Access = ReadOnly> {
    /// `Some` until it is unmapped or dropped.
    parts: Option<(Mapping<H, T, A>, U)>,
}

impl<H: Hypercall, T: MapTarget, U: InUse, A: Access> Waiting<H, T, U, A> {
    fn in_use(&self) -> bool {
        self.parts.as_ref().is_some_and(|(_, user)| user.in_use())
    }
}

impl<H: Hypercall, T: MapTarget, U: InUse, A: Access> Drop for Waiting<H, T, U, A> {
    fn drop(&mut self) {
        if let Some((mapping, user)) = self.parts.take() {
            let (mapping, in_use) = leak_on_unwind(mapping, |_| user.in_use());
            if in_use {
                leak(mapping);
            }
        }
    }
}

/// Mappings that are unmapped once nothing uses them, which [`poll`](Self::poll) checks. The caller
/// provides the places. No operation waits.
pub struct Deferred<'p, H: Hypercall, T: MapTarget, U: InUse, A: Access = ReadOnly> {
    places: &'p mut [Option<Waiting<H, T, U, A>>],
}

/// All places are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all places are taken: poll until one is empty")
    }
}

impl core::error::Error for Full {}

/// What [`Deferred::push`] returns if it fails.
pub type NotPushed<H, T, U, A> = Failed<Full, (Mapping<H, T, A>, U)>;

/// Result of a poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Polled {
    /// Mappings that were unmapped.
    pub unmapped: usize,
    /// Mappings that are still in use.
    pub in_use: usize,
    /// Mappings that are not in use but could not be unmapped and are there as before; the next poll
    /// tries again.
    pub stuck: usize,
    /// Mappings whose unmap failed so that their targets are leaked.
    pub leaked: usize,
    /// Why the first of the last two failed.
    pub error: Option<Error>,
}

impl<'p, H: Hypercall, T: MapTarget, U: InUse, A: Access> Deferred<'p, H, T, U, A> {
    /// Keeps as many mappings as there are `places`. What is in them already counts as pushed.
    pub fn new(places: &'p mut [Option<Waiting<H, T, U, A>>]) -> Self {
        Self { places }
    }

    /// Adds a mapping, to be unmapped once `user` is done.
    ///
    /// # Errors
    ///
    /// [`Full`] if all places are taken; both are returned.
    pub fn push(
        &mut self,
        mapping: Mapping<H, T, A>,
        user: U,
    ) -> Result<(), NotPushed<H, T, U, A>> {
        match self.places.iter_mut().find(|place| place.is_none()) {
            Some(place) => {
                *place = Some(Waiting { parts: Some((mapping, user)) });
                Ok(())
            }
            None => Err(Failed::returning(Full, (mapping, user))),
        }
    }

    /// Checks each mapping once and unmaps it if nothing uses it. Its target is passed to `free`.
    pub fn poll(&mut self, mut free: impl FnMut(T)) -> Polled {
        let mut polled = Polled::default();
        for place in self.places.iter_mut() {
            // Called while the mapping is in its place: it stays there if `in_use` panics.
            if place.as_ref().is_some_and(Waiting::in_use) {
                polled.in_use += 1;
                continue;
            }
            let parts = place.take().and_then(|mut waiting| waiting.parts.take());
            let Some((mapping, user)) = parts else { continue };
            match mapping.unmap() {
                Ok(target) => {
                    polled.unmapped += 1;
                    free(target);
                }
                Err(Failed { error, returned: mapping }) => {
                    polled.error.get_or_insert(error);
                    polled.stuck += usize::from(mapping.is_some());
                    polled.leaked += usize::from(mapping.is_none());
                    *place = mapping.map(|mapping| Waiting { parts: Some((mapping, user)) });
                }
            }
        }
        polled
    }

    /// How many mappings are waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.iter().flatten().count()
    }

    /// Whether no mapping is waiting.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<H: Hypercall, T: MapTarget, U: InUse, A: Access> fmt::Debug for Waiting<H, T, U, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Waiting").field(&self.parts.as_ref().map(|parts| &parts.0)).finish()
    }
}

impl<H: Hypercall, T: MapTarget, U: InUse, A: Access> fmt::Debug for Deferred<'_, H, T, U, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deferred({} of {})", self.len(), self.places.len())
    }
}
