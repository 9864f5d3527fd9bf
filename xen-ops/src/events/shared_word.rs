//! A word that the protocols of events access, whatever memory it is in.

use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{self, Relaxed};

use crate::view::{Place, ReadWrite};

/// A 32-bit word that is shared with Xen, or with other vCPUs.
pub trait SharedWord: Copy {
    /// Loads it.
    fn load(self, order: Ordering) -> u32;
    /// Stores a value, and returns the previous one.
    fn swap(self, value: u32, order: Ordering) -> u32;
    /// Clears the bits that are not in `mask`, and returns the previous value.
    fn fetch_and(self, mask: u32, order: Ordering) -> u32;
    /// Sets the bits that are in `mask`, and returns the previous value.
    fn fetch_or(self, mask: u32, order: Ordering) -> u32;
    /// Stores `new` if the value is `current`; says whether it was.
    fn replace(self, current: u32, new: u32, order: Ordering) -> bool;
}

impl SharedWord for Place<'_, u32, ReadWrite> {
    #[inline]
    fn load(self, order: Ordering) -> u32 {
        Place::load(&self, order)
    }
    #[inline]
    fn swap(self, value: u32, order: Ordering) -> u32 {
        Place::swap(&self, value, order)
    }
    #[inline]
    fn fetch_and(self, mask: u32, order: Ordering) -> u32 {
        Place::fetch_and(&self, mask, order)
    }
    #[inline]
    fn fetch_or(self, mask: u32, order: Ordering) -> u32 {
        Place::fetch_or(&self, mask, order)
    }
    #[inline]
    fn replace(self, current: u32, new: u32, order: Ordering) -> bool {
        self.compare_exchange(current, new, order, Relaxed).is_ok()
    }
}

impl SharedWord for &AtomicU32 {
    #[inline]
    fn load(self, order: Ordering) -> u32 {
        AtomicU32::load(self, order)
    }
    #[inline]
    fn swap(self, value: u32, order: Ordering) -> u32 {
        AtomicU32::swap(self, value, order)
    }
    #[inline]
    fn fetch_and(self, mask: u32, order: Ordering) -> u32 {
        AtomicU32::fetch_and(self, mask, order)
    }
    #[inline]
    fn fetch_or(self, mask: u32, order: Ordering) -> u32 {
        AtomicU32::fetch_or(self, mask, order)
    }
    #[inline]
    fn replace(self, current: u32, new: u32, order: Ordering) -> bool {
        self.compare_exchange(current, new, order, Relaxed).is_ok()
    }
}
