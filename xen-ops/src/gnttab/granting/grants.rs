//! What a table and everything taken from it share: entries, free references, the reaper.

#![allow(unsafe_code, reason = "looks up the entries of references")]

use core::fmt;

use xen_abi::grant_table::grant_ref_t;

use super::entries::{Entries, Entry, Version};
use super::reaper::{Reaped, Reaper};
use super::toolstack_ref::ToolstackRef;
use crate::gnttab::references::Proven;
use crate::gnttab::references::{AllocHint, Refs, Taken};
use crate::page::Owner;

/// The part of a table that makes no hypercalls.
pub(crate) struct Grants<'s, P> {
    entries: Entries,
    refs: Refs<'s>,
    reaper: Reaper<'s, P>,
    owner: Option<Owner>,
}

impl<'s, P> Grants<'s, P> {
    pub(crate) const fn new(
        entries: Entries,
        refs: Refs<'s>,
        reaper: Reaper<'s, P>,
        owner: Option<Owner>,
    ) -> Self {
        Self { entries, refs, reaper, owner }
    }

    /// The domain whose table it is, if that is known.
    pub(crate) const fn owner(&self) -> Option<Owner> {
        self.owner
    }

    pub(crate) const fn version(&self) -> Version {
        self.entries.version()
    }

    /// The entries, to look up many.
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
    /// They are free when this returns. Dropping the result wakes waiters.
    ///
    /// # Safety
    ///
    /// The frames stay attached while `self` lives, and these references have not been added before.
    pub(crate) unsafe fn add(&self, from: u32, to: u32) -> FreeBatch<'_, 's> {
        self.refs.extend(to);
        let mut freed = FreeBatch::new(&self.refs);
        for reference in from.max(ToolstackRef::COUNT)..to {
            // SAFETY: the caller's promise.
            if unsafe { self.entries.get(reference) }.is_empty() {
                freed.add(reference);
            }
        }
        freed.release();
        freed
    }

    /// The entry of a reference that the toolstack fills in.
    pub(crate) fn toolstack_entry(&self, reference: ToolstackRef) -> Entry<'_> {
        // SAFETY: they are in the first frame, without which there is no table.
        unsafe { self.entries.get(reference.reference().0) }
    }

    #[inline]
    pub(crate) fn take<'t>(&'t self, hint: &mut AllocHint) -> Option<OwnedRef<'t, P>> {
        let reference = self.refs.take::<Proven>(hint)?;
        Some(OwnedRef { grants: self, reference })
    }

    /// # Safety
    ///
    /// The reference was taken from these grants and has not been freed since, and nothing else owns it.
    #[inline]
    pub(crate) unsafe fn owned_ref(&self, reference: u32) -> OwnedRef<'_, P> {
        OwnedRef { grants: self, reference }
    }

    pub(crate) fn reap(&self, limit: usize) -> Reaped {
        self.reaper.reap::<Proven>(
            limit,
            // SAFETY: the reference's owner passed it to the reaper.
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

/// A reference that is not free and has this one owner. Dropping it does nothing: its holder frees it or
/// passes it on.
pub(crate) struct OwnedRef<'t, P> {
    grants: &'t Grants<'t, P>,
    reference: u32,
}

impl<P> Clone for OwnedRef<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for OwnedRef<'_, P> {}

impl<'t, P> OwnedRef<'t, P> {
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

/// Takes references by the word of the bitmap.
pub(crate) struct TakeBatch<'t, P> {
    grants: &'t Grants<'t, P>,
    /// Advances instead of the caller's hint, which stays at the first references: when they are freed,
    /// the next ones are taken there again.
    ahead: Option<AllocHint>,
}

impl<'t, P> TakeBatch<'t, P> {
    pub(crate) const fn new(grants: &'t Grants<'t, P>) -> Self {
        Self { grants, ahead: None }
    }

    /// References of one word, at most `limit`.
    pub(crate) fn word(&mut self, hint: &mut AllocHint, limit: usize) -> Option<WordRefs<'t, P>> {
        let refs = &self.grants.refs;
        let taken = match &mut self.ahead {
            Some(ahead) => refs.take_some::<Proven>(ahead, limit)?,
            None => {
                let taken = refs.take_some::<Proven>(hint, limit)?;
                self.ahead = Some(hint.clone());
                taken
            }
        };
        Some(WordRefs { grants: self.grants, taken })
    }
}

/// References of one word. Dropping it frees those that are left.
pub(crate) struct WordRefs<'t, P> {
    grants: &'t Grants<'t, P>,
    taken: Taken,
}

impl<'t, P> WordRefs<'t, P> {
    /// How many are left.
    pub(crate) const fn left(&self) -> usize {
        self.taken.left()
    }

    /// The first one, which the caller owns after [`remove_first`](Self::remove_first).
    #[inline]
    pub(crate) fn first(&self) -> Option<OwnedRef<'t, P>> {
        Some(OwnedRef { grants: self.grants, reference: self.taken.first()? })
    }

    /// Removes the first one, which is the caller's from then on.
    #[inline]
    pub(crate) fn remove_first(&mut self) {
        self.taken.remove_first();
    }
}

impl<P> Drop for WordRefs<'_, P> {
    #[inline]
    fn drop(&mut self) {
        self.grants.refs.free::<Proven>(self.taken.rest());
    }
}

/// Frees references by the word of the bitmap. Waiters are woken when it is dropped, after all
/// bookkeeping: wakers are the caller's code and may panic.
pub(crate) struct FreeBatch<'r, 's> {
    refs: &'r Refs<'s>,
    taken: Taken,
    waited_for: bool,
}

impl<'r, 's> FreeBatch<'r, 's> {
    pub(crate) const fn new(refs: &'r Refs<'s>) -> Self {
        Self { refs, taken: Taken::NONE, waited_for: false }
    }

    #[inline]
    pub(crate) fn add(&mut self, reference: u32) {
        if !self.taken.add(reference) {
            let word = core::mem::replace(&mut self.taken, Taken::one(reference));
            self.waited_for |= release(self.refs, word);
        }
    }

    /// Frees the references of the current word.
    #[inline]
    fn release(&mut self) {
        self.waited_for |= release(self.refs, self.taken.rest());
    }
}

/// Called once for a word. Takes values, so that the others stay in registers.
#[cold]
fn release(refs: &Refs<'_>, taken: Taken) -> bool {
    refs.release::<Proven>(taken)
}

impl Drop for FreeBatch<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        self.release();
        if self.waited_for {
            self.refs.wake::<Proven>();
        }
    }
}
