//! An allocator of guest frames without memory.

#![allow(unsafe_code, reason = "vouches for the range")]

use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::Targets;
use crate::page::{Exhausted, MapTarget, PAGE_SIZE};

const BITS: usize = usize::BITS as usize;

/// A range of guest frames without memory: unused ones after the guest's memory, or an extended region
/// that the toolstack announces.
///
/// Lock-free: threads and interrupt handlers may allocate and free at the same time.
///
/// ```
/// use core::ptr::{NonNull, with_exposed_provenance_mut};
/// use core::sync::atomic::AtomicUsize;
/// use xen_ops::gnttab::target::{Pool, Targets};
///
/// // 100 frames from guest physical address 0x4000_0000 on.
/// static USED: [AtomicUsize; Pool::words(100)] = [const { AtomicUsize::new(0) }; Pool::words(100)];
/// let virt = NonNull::new(with_exposed_provenance_mut(0x7000_0000)).unwrap();
/// // SAFETY: this example maps nothing and accesses no frame.
/// let pool = unsafe { Pool::new(0x4000_0000, virt, 100, &USED)? };
/// let first = pool.take().unwrap();
/// assert_eq!(pool.free(), 99);
/// drop(first);
/// assert_eq!(pool.free(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pool<'w> {
    host_addr: u64,
    address: NonNull<u8>,
    count: usize,
    /// A bit for each frame, set while it is taken.
    taken: &'w [AtomicUsize],
}

/// A range that cannot be a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPool {
    /// Host address or address is 0 or not the start of a page, or the range wraps around.
    Range,
    /// There are fewer words than frames need.
    Words {
        /// How many words are needed.
        needed: usize,
        /// How many there are.
        given: usize,
    },
}

impl fmt::Display for InvalidPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range => f.write_str("the range begins at 0, inside a page, or wraps around"),
            Self::Words { needed, given } => write!(f, "{given} words where {needed} are needed"),
        }
    }
}

impl core::error::Error for InvalidPool {}

impl<'w> Pool<'w> {
    /// Words that a pool of `count` frames needs.
    #[must_use]
    pub const fn words(count: usize) -> usize {
        count.div_ceil(BITS)
    }

    /// A pool of `count` frames from `host_addr` on, which the CPU reaches from `address` on. Both are
    /// in bytes. What is in `words` does not matter.
    ///
    /// # Errors
    ///
    /// [`InvalidPool`].
    ///
    /// # Safety
    ///
    /// Each of the frames keeps what [`MapTarget`] promises, for as long as the pool or a target from it
    /// exists, leaked ones too; `address` may be used for all `count` pages; and nothing else writes to
    /// `words`.
    pub unsafe fn new(
        host_addr: u64,
        address: NonNull<u8>,
        count: usize,
        words: &'w [AtomicUsize],
    ) -> Result<Self, InvalidPool> {
        let aligned = host_addr % PAGE_SIZE as u64 == 0 && address.addr().get() % PAGE_SIZE == 0;
        let bytes = count.checked_mul(PAGE_SIZE).filter(|bytes| {
            address.addr().get().checked_add(*bytes).is_some()
                && host_addr.checked_add(*bytes as u64).is_some()
        });
        if host_addr == 0 || !aligned || bytes.is_none() {
            return Err(InvalidPool::Range);
        }
        let needed = Self::words(count);
        let Some(taken) = words.get(..needed) else {
            return Err(InvalidPool::Words { needed, given: words.len() });
        };
        for word in taken {
            word.store(0, Relaxed);
        }
        // Bits after the last frame always count as taken.
        if let (Some(last), used @ 1..) = (taken.last(), count % BITS) {
            last.store(usize::MAX << used, Release);
        }
        Ok(Self { host_addr, address, count, taken })
    }

    /// How many frames it has.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// How many frames are free at the moment.
    #[must_use]
    pub fn free(&self) -> usize {
        self.taken.iter().map(|word| word.load(Relaxed).count_zeros() as usize).sum()
    }

    /// Allocates the first `length` consecutive frames that are free. `None` if there are not so many in a
    /// row, or `length` is 0.
    #[must_use]
    pub fn take_run(&self, length: usize) -> Option<Run<'_>> {
        let mut run = Run { pool: self, next: 0, end: 0 };
        if length == 0 || length > self.count {
            return None;
        }
        for index in 0..self.count {
            if !self.claim(index) {
                // Frees what was claimed before the gap.
                let start = index + 1;
                run = Run { pool: self, next: start, end: start };
                continue;
            }
            run.end = index + 1;
            if run.end - run.next == length {
                return Some(run);
            }
        }
        None
    }

    /// Allocates the frame `index`, if it is free.
    fn claim(&self, index: usize) -> bool {
        let bit = 1 << (index % BITS);
        self.taken.get(index / BITS).is_some_and(|word| word.fetch_or(bit, Acquire) & bit == 0)
    }

    fn release(&self, index: usize) {
        if let Some(word) = self.taken.get(index / BITS) {
            word.fetch_and(!(1 << (index % BITS)), Release);
        }
    }
}

impl<'w> Targets for Pool<'w> {
    type Target<'s>
        = PoolTarget<'s>
    where
        'w: 's;

    fn take(&self) -> Result<PoolTarget<'_>, Exhausted> {
        for (at, word) in self.taken.iter().enumerate() {
            let mut seen = word.load(Relaxed);
            while seen != usize::MAX {
                let free = seen.trailing_ones();
                match word.compare_exchange_weak(seen, seen | 1 << free, Acquire, Relaxed) {
                    Ok(_) => {
                        return Ok(PoolTarget { pool: self, index: at * BITS + free as usize });
                    }
                    Err(changed) => seen = changed,
                }
            }
        }
        Err(Exhausted)
    }
}

impl fmt::Debug for Pool<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host_addr, count, .. } = self;
        write!(f, "Pool({count} frames at {host_addr:#x}, {} free)", self.free())
    }
}

// SAFETY: the address is used in calculations only; views access what is mapped there, and the words are
// atomic.
unsafe impl Send for Pool<'_> {}
// SAFETY: as above.
unsafe impl Sync for Pool<'_> {}

/// A frame taken from a [`Pool`]. Dropping it returns it to the pool.
pub struct PoolTarget<'p> {
    pool: &'p Pool<'p>,
    index: usize,
}

// SAFETY: each index has one owner until it is freed, and the caller of `new` vouches for the frames.
unsafe impl MapTarget for PoolTarget<'_> {
    fn host_addr(&self) -> u64 {
        self.pool.host_addr + (self.index * PAGE_SIZE) as u64
    }

    fn address(&self) -> NonNull<u8> {
        // Not pointer arithmetic, which requires an allocation there. `new` has checked that it fits.
        self.pool.address.map_addr(|first| first.saturating_add(self.index * PAGE_SIZE))
    }
}

impl Drop for PoolTarget<'_> {
    fn drop(&mut self) {
        self.pool.release(self.index);
    }
}

impl fmt::Debug for PoolTarget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PoolTarget({:#x})", self.host_addr())
    }
}

/// Consecutive frames: an iterator over their targets, in order. Dropping it frees those that are left.
#[derive(Debug)]
pub struct Run<'p> {
    pool: &'p Pool<'p>,
    next: usize,
    end: usize,
}

impl<'p> Iterator for Run<'p> {
    type Item = PoolTarget<'p>;

    fn next(&mut self) -> Option<PoolTarget<'p>> {
        let index = (self.next < self.end).then_some(self.next)?;
        self.next += 1;
        Some(PoolTarget { pool: self.pool, index })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.next, Some(self.end - self.next))
    }
}

impl ExactSizeIterator for Run<'_> {}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}
