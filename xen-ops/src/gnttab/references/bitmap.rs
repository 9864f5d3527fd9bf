//! The free references: a lock-free bitmap.
//!
//! Each reference has one bit. There is no list whose head could be changed and changed back between a
//! load and a compare-exchange (ABA). A word has 32 references in its low half, and one mark in its
//! high half: there are waiters. A thread that frees references sees the mark in the same
//! read-modify-write, and a waiter that sets it sees what is free, so no waiter misses a reference.

#[cfg(all(test, not(loom)))]
mod tests;

use core::fmt;
use core::sync::atomic::Ordering::Relaxed;
use core::task::Waker;

use super::orders::Orders;
use super::sync::{AtomicU64, AtomicUsize, const_but_for_loom};
use super::wake::Waiters;

/// References in a word.
pub(super) const PER_WORD: u32 = u32::BITS;

/// There are waiters for references.
const WAITED: u64 = 1 << 32;

/// Words in a line. Under loom, which tries all interleavings, few.
const WORDS: usize = if cfg!(loom) { 2 } else { 8 };

/// References in a [`BitmapLine`].
pub(in crate::gnttab) const PER_LINE: u32 = WORDS as u32 * PER_WORD;

/// Storage for the state of 256 references: a cache line, so that threads which take from different
/// lines do not contend. Their entries in the table are in different cache lines too.
#[repr(align(64))]
pub struct BitmapLine([AtomicU64; WORDS]);

impl BitmapLine {
    const_but_for_loom! {
        /// A line without a free reference.
        #[must_use]
        pub fn new() -> Self {
            #[cfg(not(loom))]
            return Self([const { AtomicU64::new(0) }; WORDS]);
            #[cfg(loom)]
            return Self(core::array::from_fn(|_| AtomicU64::new(0)));
        }
    }
}

impl Default for BitmapLine {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for BitmapLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|word| word.load(Relaxed))).finish()
    }
}

/// Where an allocation looks first for a free reference.
#[derive(Clone, Debug, Default)]
pub struct AllocHint {
    word: usize,
}

impl AllocHint {
    /// The hint of the CPU or thread with this number, counted from 0.
    #[must_use]
    pub const fn new(cpu: usize) -> Self {
        Self { word: cpu.wrapping_mul(WORDS) }
    }

    /// The hint that starts with this word of the bitmap.
    #[inline]
    pub(in crate::gnttab) const fn at_word(word: usize) -> Self {
        Self { word }
    }

    /// The word of the bitmap that it starts with.
    #[inline]
    pub(in crate::gnttab) const fn word(&self) -> usize {
        self.word
    }
}

/// Taken references of one word: an iterator over them. Dropping it does not free them.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "references that are not freed are lost"]
pub struct Taken {
    word: usize,
    mask: u32,
}

impl Taken {
    /// No reference.
    pub(crate) const NONE: Self = Self { word: 0, mask: 0 };

    /// All that are left.
    #[inline]
    pub(crate) const fn rest(&mut self) -> Self {
        core::mem::replace(self, Self::NONE)
    }

    /// A reference alone.
    #[inline]
    pub const fn one(reference: u32) -> Self {
        Self { word: (reference / PER_WORD) as usize, mask: 1 << (reference % PER_WORD) }
    }

    /// How many are left.
    pub(crate) const fn left(&self) -> usize {
        self.mask.count_ones() as usize
    }

    /// The first one, which is not removed.
    #[inline]
    pub(crate) const fn first(&self) -> Option<u32> {
        match lowest(self.mask) {
            Some(bit) => Some(self.word as u32 * PER_WORD + bit),
            None => None,
        }
    }

    #[inline]
    pub(crate) const fn remove_first(&mut self) {
        self.mask &= self.mask.wrapping_sub(1);
    }

    /// Adds a reference if it is of the same word as the others.
    #[inline]
    pub fn add(&mut self, reference: u32) -> bool {
        let one = Self::one(reference);
        if self.mask == 0 {
            *self = one;
        } else if self.word == one.word {
            debug_assert_eq!(self.mask & one.mask, 0, "freed twice");
            self.mask |= one.mask;
        } else {
            return false;
        }
        true
    }
}

impl Iterator for Taken {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let first = self.first()?;
        self.remove_first();
        Some(first)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left(), Some(self.left()))
    }
}

/// The free references.
pub struct Refs<'s> {
    lines: &'s [BitmapLine],
    /// Lines in which references are in service: only these are searched.
    in_service: AtomicUsize,
    waiters: Waiters,
}

impl<'s> Refs<'s> {
    const_but_for_loom! {
        /// No reference is in service yet: [`extend`](Self::extend), and [`free`](Self::free) them.
        #[must_use]
        pub fn new(lines: &'s [BitmapLine]) -> Self {
            Self { lines, in_service: AtomicUsize::new(0), waiters: Waiters::new() }
        }
    }

    /// Takes the references below `end` into service, as far as there are lines for them: they may be
    /// freed from now on.
    pub fn extend(&self, end: u32) {
        let lines = end.div_ceil(PER_LINE) as usize;
        // A thread that sees the old value searches fewer lines; nothing else depends on it.
        self.in_service.store(lines.min(self.lines.len()), Relaxed);
    }

    /// The waiters for references.
    pub const fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    /// How many references are free. Other threads may take and free some meanwhile.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words().map(|word| free(word.load(Relaxed)).count_ones() as usize).sum()
    }

    /// Takes a reference.
    #[inline]
    pub fn take<O: Orders>(&self, hint: &mut AllocHint) -> Option<u32> {
        match self.word(hint.word).and_then(take_lowest::<O>) {
            Some(bit) => Some(hint.word as u32 * PER_WORD + bit),
            None => self.take_elsewhere::<O>(hint),
        }
    }

    #[cold]
    fn take_elsewhere<O: Orders>(&self, hint: &mut AllocHint) -> Option<u32> {
        let (word, bit) = self.search(hint, take_lowest::<O>)?;
        Some(word as u32 * PER_WORD + bit)
    }

    /// Takes references of one word: at least one, at most `limit`.
    #[inline]
    pub fn take_some<O: Orders>(&self, hint: &mut AllocHint, limit: usize) -> Option<Taken> {
        if limit == 0 {
            return None;
        }
        let (word, mask) = self.search(hint, |word| take_lowest_of::<O>(word, limit))?;
        Some(Taken { word, mask })
    }

    /// Takes `count` consecutive references and returns the first.
    ///
    /// While other threads take references, this may miss a run that is free, and it may take references
    /// for a moment and free them again.
    pub fn take_run<O: Orders>(&self, count: u32) -> Option<u32> {
        let mut from = 0;
        loop {
            let first = self.find_run(from, count)?;
            match self.claim_run::<O>(first, count) {
                Ok(()) => return Some(first),
                Err(lost) => from = lost,
            }
        }
    }

    /// Frees references, which must be taken, and wakes waiters.
    ///
    /// Wakers are the user's code and may panic, so the caller's own bookkeeping comes before this.
    #[inline]
    pub fn free<O: Orders>(&self, taken: Taken) {
        if self.release::<O>(taken) {
            self.wake::<O>();
        }
    }

    /// Frees references as [`free`](Self::free) does, and returns whether to [`wake`](Self::wake)
    /// afterwards.
    #[inline]
    #[must_use]
    pub(in crate::gnttab) fn release<O: Orders>(&self, taken: Taken) -> bool {
        let Some(word) = self.word(taken.word).filter(|_| taken.mask != 0) else { return false };
        // The bits are clear, so adding sets them, which is one instruction where "or" is a loop.
        let before = word.fetch_add(taken.mask.into(), O::FREE);
        debug_assert_eq!(free(before) & taken.mask, 0, "freed twice");
        before & WAITED != 0
    }

    /// Whether the word of these references has the mark of waiters.
    #[inline]
    pub(crate) fn is_waited_for(&self, of: &Taken) -> bool {
        self.word(of.word).is_some_and(|word| word.load(Relaxed) & WAITED != 0)
    }

    /// Frees `count` references from `first` on, which must be taken, and wakes waiters.
    pub fn free_run<O: Orders>(&self, first: u32, count: u32) {
        let waited =
            parts(first, count).fold(false, |waited, part| self.release::<O>(part) | waited);
        if waited {
            self.wake::<O>();
        }
    }

    /// Registers `waker` for the next freeing, and returns how many references are free. References freed
    /// before the mark is set are counted; freeing others later wakes.
    pub fn wait<O: Orders>(&self, slot: usize, waker: &Waker) -> usize {
        self.waiters.register(slot, waker);
        self.mark::<O>()
    }

    /// Marks that there are waiters, and returns how many references are free. Freeing references from
    /// now on wakes the [`waiters`](Self::waiters).
    pub fn mark<O: Orders>(&self) -> usize {
        self.words().map(|word| free(word.fetch_or(WAITED, O::FREE)).count_ones() as usize).sum()
    }

    /// Wakes all waiters. The marks are cleared first: a waiter that sets one again has registered before,
    /// so its waker is seen and woken.
    #[cold]
    pub(in crate::gnttab) fn wake<O: Orders>(&self) {
        for word in self.words() {
            word.fetch_and(!WAITED, O::FREE);
        }
        self.waiters.wake();
    }

    fn words(&self) -> impl Iterator<Item = &'s AtomicU64> + use<'s> {
        self.lines.iter().flat_map(|line| &line.0)
    }

    #[inline]
    fn word(&self, at: usize) -> Option<&'s AtomicU64> {
        Some(&self.lines.get(at / WORDS)?.0[at % WORDS])
    }

    /// Goes through all words, from the hint's on, until `take` finds something.
    #[inline]
    fn search<T>(
        &self,
        hint: &mut AllocHint,
        take: impl Fn(&AtomicU64) -> Option<T>,
    ) -> Option<(usize, T)> {
        let words = self.in_service.load(Relaxed) * WORDS;
        let mut at = hint.word;
        if at >= words {
            at = at.checked_rem(words)?;
        }
        for _ in 0..words {
            if let Some(taken) = self.word(at).and_then(&take) {
                hint.word = at;
                return Some((at, taken));
            }
            at = if at + 1 == words { 0 } else { at + 1 };
        }
        None
    }

    /// The first of `count` consecutive references, from `from` on, that look free.
    fn find_run(&self, from: u32, count: u32) -> Option<u32> {
        let words = self.in_service.load(Relaxed) * WORDS;
        let (mut first, mut at) = (from, from);
        while at - first < count {
            let bit = at % PER_WORD;
            // No further, so that `at` does not overflow: a table ends below the last of 2^32 references.
            let index = Some((at / PER_WORD) as usize).filter(|index| (..words).contains(index))?;
            let word = self.word(index)?;
            let left = free(word.load(Relaxed)) >> bit;
            let ones = left.trailing_ones();
            at += ones;
            if ones == 0 {
                at += left.trailing_zeros().min(PER_WORD - bit);
                first = at;
            }
        }
        Some(first)
    }

    /// Takes all references of the run, or none: then the error is where to continue the search.
    fn claim_run<O: Orders>(&self, first: u32, count: u32) -> Result<(), u32> {
        for part in parts(first, count) {
            let begin = part.word as u32 * PER_WORD;
            let mask = u64::from(part.mask);
            let claimed = self.word(part.word).is_some_and(|word| {
                word.fetch_update(O::TAKE, Relaxed, |seen| {
                    (seen & mask == mask).then_some(seen & !mask)
                })
                .is_ok()
            });
            if !claimed {
                self.free_run::<O>(first, begin.saturating_sub(first));
                return Err(begin.max(first + 1));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Refs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refs").field("free", &self.count()).finish_non_exhaustive()
    }
}

/// The bits of references that are free.
#[inline]
const fn free(word: u64) -> u32 {
    word as u32
}

/// The number of the lowest bit that is set.
#[inline]
const fn lowest(mask: u32) -> Option<u32> {
    if mask == 0 { None } else { Some(mask.trailing_zeros()) }
}

#[inline]
fn take_lowest<O: Orders>(word: &AtomicU64) -> Option<u32> {
    let mut seen = word.load(Relaxed);
    loop {
        let bit = lowest(free(seen))?;
        match word.compare_exchange_weak(seen, seen & (seen - 1), O::TAKE, Relaxed) {
            Ok(_) => return Some(bit),
            Err(now) => seen = now,
        }
    }
}

#[inline]
fn take_lowest_of<O: Orders>(word: &AtomicU64, limit: usize) -> Option<u32> {
    let mut seen = word.load(Relaxed);
    while free(seen) != 0 {
        let mut rest = 0;
        if limit < free(seen).count_ones() as usize {
            rest = free(seen);
            for _ in 0..limit {
                rest &= rest - 1;
            }
        }
        let taken = free(seen) & !rest;
        match word.compare_exchange_weak(seen, seen & !u64::from(taken), O::TAKE, Relaxed) {
            Ok(_) => return Some(taken),
            Err(now) => seen = now,
        }
    }
    None
}

/// The words of `count` references from `first` on.
fn parts(first: u32, count: u32) -> impl Iterator<Item = Taken> {
    let end = first + count;
    let mut at = first;
    core::iter::from_fn(move || {
        let bits = (end - at).min(PER_WORD - at % PER_WORD);
        if bits == 0 {
            return None;
        }
        let mask = (u32::MAX >> (PER_WORD - bits)) << (at % PER_WORD);
        let word = (at / PER_WORD) as usize;
        at += bits;
        Some(Taken { word, mask })
    })
}
