//! What a table and everything taken from it share: entries, free references, the reaper.

#![allow(unsafe_code, reason = "one place says why a reference's entry is there")]

use core::fmt;

use xen_abi::grant_table::grant_ref_t;

use super::entries::{Entries, Entry, Version};
use super::reaper::{Reaped, Reaper};
use super::toolstack_ref::ToolstackRef;
use crate::gnttab::references::Proven;
use crate::gnttab::references::{AllocHint, Refs, Taken};

/// The part of a table that does without hypercalls.
pub(crate) struct Grants<'s, P> {
    entries: Entries,
    refs: Refs<'s>,
    reaper: Reaper<'s, P>,
}

impl<'s, P> Grants<'s, P> {
    pub(crate) const fn new(entries: Entries, refs: Refs<'s>, reaper: Reaper<'s, P>) -> Self {
        Self { entries, refs, reaper }
    }

    pub(crate) const fn version(&self) -> Version {
        self.entries.version()
    }

    /// The entries, for those who look up many.
    pub(crate) const fn entries(&self) -> Entries {
        self.entries
    }

    pub(crate) const fn refs(&self) -> &Refs<'s> {
        &self.refs
    }

    pub(crate) const fn reaper(&self) -> &Reaper<'s, P> {
        &self.reaper
    }

    /// Takes references into service: those `from` to `to`, which lie in frames that have just been
    /// attached. Where an entry is not empty, what ran before in this domain granted a page that may be
    /// in use: its reference stays out.
    ///
    /// They are free when this returns. Dropping the result wakes those that wait for references.
    ///
    /// # Safety
    ///
    /// The frames stay attached while `self` lives, and these references have not been added before.
    pub(crate) unsafe fn add(&self, from: u32, to: u32) -> Freeing<'_, 's> {
        self.refs.extend(to);
        let mut freeing = Freeing::new(&self.refs);
        for reference in from.max(ToolstackRef::COUNT)..to {
            // SAFETY: the caller's promise.
            if unsafe { self.entries.get(reference) }.is_empty() {
                freeing.add(reference);
            }
        }
        freeing.release();
        freeing
    }

    /// A reserved reference's entry.
    pub(crate) fn toolstack_entry(&self, reference: ToolstackRef) -> Entry<'_> {
        // SAFETY: they are in the first frame, without which there is no table.
        unsafe { self.entries.get(reference.reference().0) }
    }

    #[inline]
    pub(crate) fn take<'t>(&'t self, hint: &mut AllocHint) -> Option<Own<'t, P>> {
        let reference = self.refs.take::<Proven>(hint)?;
        Some(Own { grants: self, reference })
    }

    /// # Safety
    ///
    /// The reference was taken from these grants, or not yet given back, and nobody else has it.
    #[inline]
    pub(crate) unsafe fn own(&self, reference: u32) -> Own<'_, P> {
        Own { grants: self, reference }
    }

    pub(crate) fn reap(&self, limit: usize) -> Reaped {
        self.reaper.reap::<Proven>(
            limit,
            // SAFETY: what is in the reaper was put there by its owner.
            |reference| unsafe { self.entries.get(reference) }.end().is_ok(),
            |reference| self.refs.free::<Proven>(Taken::one(reference)),
        )
    }
}

impl<P> fmt::Debug for Grants<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grants")
            .field("version", &self.version())
            .field("refs", &self.refs)
            .field("reaper", &self.reaper)
            .finish()
    }
}

/// A reference that is not free, and that nobody else has. Whoever holds this passes it on or gives
/// it back; it does nothing by itself.
pub(crate) struct Own<'t, P> {
    grants: &'t Grants<'t, P>,
    reference: u32,
}

impl<P> Clone for Own<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Own<'_, P> {}

impl<'t, P> Own<'t, P> {
    #[inline]
    pub(crate) const fn grants(self) -> &'t Grants<'t, P> {
        self.grants
    }

    #[inline]
    pub(crate) const fn reference(self) -> grant_ref_t {
        grant_ref_t(self.reference)
    }

    #[inline]
    pub(crate) fn entry(self) -> Entry<'t> {
        // SAFETY: references are taken into service once their frames are attached.
        unsafe { self.grants.entries.get(self.reference) }
    }

    #[inline]
    pub(crate) fn free(self) {
        self.grants.refs.free::<Proven>(Taken::one(self.reference));
    }

    #[cold]
    pub(crate) fn defer(self, page: Option<P>) {
        self.grants.reaper.defer::<Proven>(self.reference, page);
    }
}

/// Takes references, those of a word at once.
pub(crate) struct Taking<'t, P> {
    grants: &'t Grants<'t, P>,
    /// Runs ahead of the caller's hint, which stays where the first references were: when they are
    /// freed, the next ones are taken there again.
    ahead: Option<AllocHint>,
}

impl<'t, P> Taking<'t, P> {
    pub(crate) const fn new(grants: &'t Grants<'t, P>) -> Self {
        Self { grants, ahead: None }
    }

    /// Some of a word, at most `limit`.
    pub(crate) fn word(&mut self, hint: &mut AllocHint, limit: usize) -> Option<Held<'t, P>> {
        let refs = &self.grants.refs;
        let taken = match &mut self.ahead {
            Some(ahead) => refs.take_some::<Proven>(ahead, limit)?,
            None => {
                let taken = refs.take_some::<Proven>(hint, limit)?;
                self.ahead = Some(hint.clone());
                taken
            }
        };
        Some(Held { grants: self.grants, taken })
    }
}

/// References of one word. Those that are left when it is dropped are freed.
pub(crate) struct Held<'t, P> {
    grants: &'t Grants<'t, P>,
    taken: Taken,
}

impl<'t, P> Held<'t, P> {
    /// How many are left.
    pub(crate) const fn left(&self) -> usize {
        self.taken.left()
    }

    /// The first one, for use once it is [removed](Self::remove_first).
    #[inline]
    pub(crate) fn first(&self) -> Option<Own<'t, P>> {
        Some(Own { grants: self.grants, reference: self.taken.first()? })
    }

    /// Leaves the first one to the caller.
    #[inline]
    pub(crate) fn remove_first(&mut self) {
        self.taken.remove_first();
    }
}

impl<P> Drop for Held<'_, P> {
    #[inline]
    fn drop(&mut self) {
        self.grants.refs.free::<Proven>(self.taken.rest());
    }
}

/// Frees references, those of a word at once, and wakes those that wait for some when it is dropped:
/// wakers may panic.
pub(crate) struct Freeing<'r, 's> {
    refs: &'r Refs<'s>,
    taken: Taken,
    waited_for: bool,
}

impl<'r, 's> Freeing<'r, 's> {
    pub(crate) const fn new(refs: &'r Refs<'s>) -> Self {
        Self { refs, taken: Taken::NONE, waited_for: false }
    }

    #[inline]
    pub(crate) fn add(&mut self, reference: u32) {
        if !self.taken.add(reference) {
            self.release();
            self.taken = Taken::one(reference);
        }
    }

    /// Once for a word.
    #[cold]
    fn release(&mut self) {
        self.waited_for |= self.refs.release::<Proven>(self.taken.rest());
    }
}

impl Drop for Freeing<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        self.release();
        if self.waited_for {
            self.refs.wake::<Proven>();
        }
    }
}
