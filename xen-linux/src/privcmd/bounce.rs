//! Bounce buffers: memory that stays resident, to which the buffers of hypercalls are copied.
//!
//! The kernel may move the pages of a process, or page them out, at any time, and Xen does not wait for
//! them to come back. Pages of `/dev/xen/hypercall` stay.

#![allow(unsafe_code, reason = "copies between memory of the caller and its own")]

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

/// Bytes in a chunk, the unit of allocation.
const CHUNK: usize = 4096;

/// Chunks in the pool: one for each bit of a word.
const CHUNKS: usize = u64::BITS as usize;

/// Bytes in the pool.
pub(super) const POOL: usize = CHUNK * CHUNKS;

/// A pool of chunks, and regions for buffers that do not fit into it. No thread waits for another.
#[derive(Debug)]
pub(super) struct BounceBuffers {
    device: Device,
    pool: MmapRegion,
    /// Which chunks are taken: bit 0 is the first.
    taken: AtomicU64,
    /// Regions of buffers for which the pool had no space.
    large: Mutex<Vec<MmapRegion>>,
}

impl BounceBuffers {
    /// Maps the pool from `device`.
    pub(super) fn new(device: Device) -> Result<Self, Error> {
        let pool = map(&device, POOL)?;
        Ok(Self { device, pool, taken: AtomicU64::new(0), large: Mutex::default() })
    }

    /// Copies a buffer to resident memory, whose address it returns.
    ///
    /// # Safety
    ///
    /// As [`Hypercall::bounce_in`](xen_ops::hypercall::Hypercall::bounce_in).
    pub(super) unsafe fn bounce_in(&self, buffer: BufferDesc) -> Result<usize, Errno> {
        if !self.device.is_own() {
            return Err(errno::IN_A_CHILD);
        }
        if buffer.length == 0 {
            return Ok(buffer.address);
        }
        let bounced = match self.take(buffer.length) {
            Some(address) => address,
            None => self.map(buffer.length).map_err(|error| errno::of(&error))?,
        };
        // SAFETY: the caller's buffer can be read; ours has as many bytes, and no other user.
        unsafe { copy(buffer.address, bounced, buffer.length) };
        Ok(bounced)
    }

    /// Copies the buffer back if Xen writes it, and frees the resident memory.
    ///
    /// # Safety
    ///
    /// As [`Hypercall::bounce_out`](xen_ops::hypercall::Hypercall::bounce_out).
    pub(super) unsafe fn bounce_out(&self, buffer: BufferDesc, bounced: usize) {
        // In a child the memory is the parent's.
        if buffer.length == 0 || !self.device.is_own() {
            return;
        }
        if buffer.is_written {
            // SAFETY: as in `bounce_in`, the other way round.
            unsafe { copy(bounced, buffer.address, buffer.length) };
        }
        match bounced.checked_sub(address(&self.pool)) {
            Some(offset) if offset < POOL => {
                let chunks = mask(buffer.length.div_ceil(CHUNK)) << (offset / CHUNK);
                self.taken.fetch_and(!chunks, Release);
            }
            _ => self.unmap(bounced),
        }
    }

    /// Takes free chunks in a row, and returns their address.
    fn take(&self, length: usize) -> Option<usize> {
        let count = length.div_ceil(CHUNK);
        let claim = |taken: u64| first(!taken, count).map(|first| taken | mask(count) << first);
        let taken = self.taken.fetch_update(Acquire, Relaxed, claim).ok()?;
        first(!taken, count).map(|first| address(&self.pool) + first * CHUNK)
    }

    /// Maps a region for one buffer, and returns its address.
    #[cold]
    fn map(&self, length: usize) -> Result<usize, Error> {
        let region = map(&self.device, length)?;
        let address = address(&region);
        self.large.lock().unwrap_or_else(PoisonError::into_inner).push(region);
        Ok(address)
    }

    #[cold]
    fn unmap(&self, bounced: usize) {
        let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        let found = large.iter().position(|region| address(region) == bounced);
        let region = found.map(|index| large.swap_remove(index));
        // The lock is not held during the system call.
        drop(large);
        drop(region);
    }
}

#[cfg(test)]
impl BounceBuffers {
    /// Whether no memory is taken.
    pub(super) fn is_free(&self) -> bool {
        self.taken.load(Relaxed) == 0 && self.large.lock().unwrap().is_empty()
    }

    /// The addresses of the pool.
    pub(super) fn addresses(&self) -> std::ops::Range<usize> {
        let start = address(&self.pool);
        start..start + POOL
    }

    /// The same with another device for large buffers.
    pub(super) fn with_device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }
}

fn map(device: &Device, length: usize) -> Result<MmapRegion, Error> {
    MmapRegion::map(device, 0, length, ProtFlags::READ | ProtFlags::WRITE)
}

fn address(region: &MmapRegion) -> usize {
    region.base().as_ptr().expose_provenance()
}

/// # Safety
///
/// The bytes at `from` can be read, and those at `to` written; the ranges do not overlap, and the
/// provenance of both addresses is exposed.
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
