//! Memory that stays where it is: what hypercalls read and write.
//!
//! The kernel may move the pages of a process, or take them away, at any time; Xen does not wait for
//! them to come back. Pages of `/dev/xen/hypercall` stay.

#![allow(unsafe_code, reason = "copies between memory of the caller's and its own")]

use std::ptr::{copy_nonoverlapping, with_exposed_provenance, with_exposed_provenance_mut};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Mutex, PoisonError};

use rustix::mm::ProtFlags;
use xen_abi::Errno;
use xen_ops::hypercall::BufferDesc;

use super::errno;
use crate::Error;
use crate::device::Device;
use crate::mmap_region::MmapRegion;

/// Bytes in the unit that is handed out.
const CHUNK: usize = 4096;

/// Units in the bounce: one for each bit of a word.
const CHUNKS: usize = u64::BITS as usize;

/// Bytes in the bounce.
pub(super) const ARENA: usize = CHUNK * CHUNKS;

/// Memory that copies of lent memory are put in. No thread waits for another's.
#[derive(Debug)]
pub(super) struct BounceBuffers {
    buffers: Device,
    area: MmapRegion,
    /// Which chunks are lent: bit 0 is the first.
    taken: AtomicU64,
    /// Areas made for what the bounce had no room for, until that is given back.
    others: Mutex<Vec<MmapRegion>>,
}

impl BounceBuffers {
    /// Maps it from `buffers`.
    pub(super) fn new(buffers: Device) -> Result<Self, Error> {
        let area = map(&buffers, ARENA)?;
        Ok(Self { buffers, area, taken: AtomicU64::new(0), others: Mutex::default() })
    }

    /// Copies the memory to where it stays.
    ///
    /// # Safety
    ///
    /// As [`Hypercall::lend`](xen_ops::hypercall::Hypercall::lend).
    pub(super) unsafe fn bounce_in(&self, memory: BufferDesc) -> Result<usize, Errno> {
        if !self.buffers.is_own() {
            return Err(errno::IN_A_CHILD);
        }
        if memory.length == 0 {
            return Ok(memory.address);
        }
        let lent = match self.take(memory.length) {
            Some(address) => address,
            None => self.map(memory.length).map_err(|error| errno::of(&error))?,
        };
        // SAFETY: the caller's memory can be read; ours has as many bytes, which nobody else uses.
        unsafe { copy(memory.address, lent, memory.length) };
        Ok(lent)
    }

    /// Copies it back if it is written, and has the place free again.
    ///
    /// # Safety
    ///
    /// As [`Hypercall::bounce_out`](xen_ops::hypercall::Hypercall::give_back).
    pub(super) unsafe fn bounce_out(&self, memory: BufferDesc, lent: usize) {
        // In a child the place is the parent's.
        if memory.length == 0 || !self.buffers.is_own() {
            return;
        }
        if memory.is_written {
            // SAFETY: as in `lend`, the other way round.
            unsafe { copy(lent, memory.address, memory.length) };
        }
        match lent.checked_sub(address(&self.area)) {
            Some(offset) if offset < ARENA => {
                let chunks = mask(memory.length.div_ceil(CHUNK)) << (offset / CHUNK);
                self.taken.fetch_and(!chunks, Release);
            }
            _ => self.unmap(lent),
        }
    }

    /// The address of free chunks in a row, which are taken now.
    fn take(&self, length: usize) -> Option<usize> {
        let count = length.div_ceil(CHUNK);
        let claim = |taken: u64| first(!taken, count).map(|first| taken | mask(count) << first);
        let taken = self.taken.fetch_update(Acquire, Relaxed, claim).ok()?;
        first(!taken, count).map(|first| address(&self.area) + first * CHUNK)
    }

    /// The address of an area of its own.
    #[cold]
    fn map(&self, length: usize) -> Result<usize, Error> {
        let area = map(&self.buffers, length)?;
        let address = address(&area);
        self.others.lock().unwrap_or_else(PoisonError::into_inner).push(area);
        Ok(address)
    }

    #[cold]
    fn unmap(&self, lent: usize) {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let found = others.iter().position(|area| address(area) == lent);
        let area = found.map(|index| others.swap_remove(index));
        // Other threads need not wait for the kernel.
        drop(others);
        drop(area);
    }
}

#[cfg(test)]
impl BounceBuffers {
    /// Whether nothing is lent.
    pub(super) fn is_free(&self) -> bool {
        self.taken.load(Relaxed) == 0 && self.others.lock().unwrap().is_empty()
    }

    /// Where the bounce itself is.
    pub(super) fn addresses(&self) -> std::ops::Range<usize> {
        let start = address(&self.area);
        start..start + ARENA
    }

    /// The same with another device for what does not fit.
    pub(super) fn with_device(mut self, buffers: Device) -> Self {
        self.buffers = buffers;
        self
    }
}

fn map(device: &Device, length: usize) -> Result<MmapRegion, Error> {
    MmapRegion::map(device, 0, length, ProtFlags::READ | ProtFlags::WRITE)
}

fn address(area: &MmapRegion) -> usize {
    area.base().as_ptr().expose_provenance()
}

/// # Safety
///
/// Bytes at `from` can be read, those at `to` written; the ranges do not overlap, and both addresses'
/// provenance is exposed.
unsafe fn copy(from: usize, to: usize, length: usize) {
    let (from, to) = (with_exposed_provenance::<u8>(from), with_exposed_provenance_mut::<u8>(to));
    // SAFETY: the caller's promise.
    unsafe { copy_nonoverlapping(from, to, length) };
}

/// The first of `count` bits in a row that are all set.
fn first(bits: u64, count: usize) -> Option<usize> {
    let starts = match count {
        1..=CHUNKS => (1..count).fold(bits, |starts, n| starts & (bits >> n)),
        _ => 0,
    };
    (starts != 0).then(|| starts.trailing_zeros() as usize)
}

/// The lowest `count` bits, of 1 to 64.
fn mask(count: usize) -> u64 {
    u64::MAX >> (CHUNKS - count)
}
