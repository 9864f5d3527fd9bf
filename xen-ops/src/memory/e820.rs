//! Memory maps in the format of the PC's BIOS.

#![allow(unsafe_code, reason = "hands buffers to the hypervisor")]

use core::fmt;

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use xen_abi::{memory::xen_memory_map, xen::domid_t};

use super::{Error, list};
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use crate::hypercall::{self, HypercallBuffer};
use crate::hypercall::{Hypercall, memory_op};

/// A range of physical memory: 20 bytes, as the BIOS call E820 gives them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct E820Entry([u8; memory_op::E820_ENTRY_SIZE]);

/// What a range of physical memory is. Values that are none of these are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct E820Kind(pub u32);

impl E820Kind {
    /// Memory.
    pub const RAM: Self = Self(1);
    /// In use by the platform.
    pub const RESERVED: Self = Self(2);
    /// ACPI tables: memory once they are read.
    pub const ACPI: Self = Self(3);
    /// What ACPI wants kept.
    pub const NVS: Self = Self(4);
    /// Faulty memory.
    pub const UNUSABLE: Self = Self(5);
}

impl E820Entry {
    /// The range of `length` bytes from physical address `start` on.
    #[must_use]
    pub fn new(start: u64, length: u64, kind: E820Kind) -> Self {
        let mut bytes = [0; memory_op::E820_ENTRY_SIZE];
        bytes[..8].copy_from_slice(&start.to_le_bytes());
        bytes[8..16].copy_from_slice(&length.to_le_bytes());
        bytes[16..].copy_from_slice(&kind.0.to_le_bytes());
        Self(bytes)
    }

    /// The physical address of the first byte.
    #[must_use]
    pub const fn start(self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// How many bytes.
    #[must_use]
    pub const fn length(self) -> u64 {
        let [_, _, _, _, _, _, _, _, a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// What is there.
    #[must_use]
    pub const fn kind(self) -> E820Kind {
        let [.., a, b, c, d] = self.0;
        E820Kind(u32::from_le_bytes([a, b, c, d]))
    }

    /// Room for entries as the hypercall has it.
    fn bytes(room: &mut [Self]) -> &mut [[u8; memory_op::E820_ENTRY_SIZE]] {
        // SAFETY: an entry is transparent over its bytes; the borrow is handed on as a whole.
        unsafe { core::slice::from_raw_parts_mut(room.as_mut_ptr().cast(), room.len()) }
    }
}

impl fmt::Debug for E820Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}+{:#x}: {:?}", self.start(), self.length(), self.kind())
    }
}

/// A memory map, or the beginning of one.
#[derive(Clone, Copy, Debug)]
pub struct MemoryMap<'a> {
    /// The ranges there was room for.
    pub entries: &'a [E820Entry],
    /// Whether these are certain to be all: Xen does not say if there was more than room for.
    pub complete: bool,
}

/// The memory map the caller was started with, into `room`. With room to spare it is complete.
///
/// `XENMEM_memory_map` of `memory.h`.
///
/// # Errors
///
/// -ENOSYS (Arm; a domain that was given no map).
pub fn memory_map<'a, H>(xen: &H, room: &'a mut [E820Entry]) -> Result<MemoryMap<'a>, Error>
where
    H: Hypercall + ?Sized,
{
    let size = room.len();
    let written = memory_op::memory_map(xen, E820Entry::bytes(room))?;
    let entries = list::written("XENMEM_memory_map", room, written)?;
    Ok(MemoryMap { entries, complete: entries.len() < size })
}

/// The host's memory map, into `room`. For the control domain.
///
/// `XENMEM_machine_memory_map` of `memory.h`.
///
/// # Errors
///
/// -EINVAL (not room enough, which is for at least one entry more than the host has ranges), -EPERM
/// (not allowed).
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub fn machine_memory_map<'a, H>(
    xen: &H,
    room: &'a mut [E820Entry],
) -> Result<&'a [E820Entry], Error>
where
    H: Hypercall + ?Sized,
{
    let written = memory_op::machine_memory_map(xen, E820Entry::bytes(room))?;
    list::written("XENMEM_machine_memory_map", room, written)
}

/// Gives domain `domid` the map that its [`memory_map`] shall report. For its toolstack.
///
/// `XENMEM_set_memory_map` of `memory.h`.
///
/// # Errors
///
/// [`Error::TooMany`] beyond what a map can count. Of Xen's: -EINVAL (more entries than it
/// keeps), -ESRCH (no such domain), -EPERM (not allowed), -ENOMEM.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub fn set_memory_map<H>(xen: &H, domid: domid_t, entries: &[E820Entry]) -> Result<(), Error>
where
    H: Hypercall + ?Sized,
{
    let nr_entries = u32::try_from(entries.len())
        .map_err(|_| Error::TooMany { asked: entries.len(), limit: u32::MAX as usize })?;
    let lent = HypercallBuffer::to_read(xen, entries)
        .map_err(|errno| hypercall::Error::from_errno("XENMEM_set_memory_map", errno))?;
    let mut map = xen_memory_map::ZERO;
    map.nr_entries = nr_entries;
    map.buffer = lent.untyped_handle();
    // SAFETY: Xen reads as many entries as there are.
    Ok(unsafe { memory_op::set_memory_map(xen, domid, map) }?)
}
