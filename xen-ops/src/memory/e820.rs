//! Memory maps in the format of the PC's BIOS.

#![allow(unsafe_code, reason = "passes buffers to the hypervisor")]

use core::fmt;

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use xen_abi::{memory::xen_memory_map, xen::domid_t};

use super::{Error, list};
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use crate::hypercall::{self, HypercallBuffer};
use crate::hypercall::{Hypercall, memory_op};

/// A range of physical memory: 20 bytes, as the BIOS call E820 returns them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct E820Entry([u8; memory_op::E820_ENTRY_SIZE]);

/// The type of a range of physical memory. Unknown values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct E820Kind(pub u32);

impl E820Kind {
    /// Memory.
    pub const RAM: Self = Self(1);
    /// In use by the platform.
    pub const RESERVED: Self = Self(2);
    /// ACPI tables. The memory can be used once they are read.
    pub const ACPI: Self = Self(3);
    /// Memory that ACPI preserves across sleep.
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

    /// The length in bytes.
    #[must_use]
    pub const fn length(self) -> u64 {
        let [_, _, _, _, _, _, _, _, a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// The type of the range.
    #[must_use]
    pub const fn kind(self) -> E820Kind {
        let [.., a, b, c, d] = self.0;
        E820Kind(u32::from_le_bytes([a, b, c, d]))
    }

    /// The entries as the hypercall takes them.
    fn bytes(entries: &mut [Self]) -> &mut [[u8; memory_op::E820_ENTRY_SIZE]] {
        // SAFETY: an entry is transparent over its bytes; the whole borrow is converted.
        unsafe { core::slice::from_raw_parts_mut(entries.as_mut_ptr().cast(), entries.len()) }
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
    /// The ranges that fitted into the buffer.
    pub entries: &'a [E820Entry],
    /// Whether these are certain to be all. Xen does not tell whether it left any out.
    pub complete: bool,
}

/// Writes the memory map that the caller was started with to `buffer`. The map is complete if it does
/// not fill the buffer.
///
/// `XENMEM_memory_map` of `memory.h`.
///
/// # Errors
///
/// -ENOSYS (Arm; a domain that was given no map).
pub fn memory_map<'a, H>(xen: &H, buffer: &'a mut [E820Entry]) -> Result<MemoryMap<'a>, Error>
where
    H: Hypercall + ?Sized,
{
    let capacity = buffer.len();
    let written = memory_op::memory_map(xen, E820Entry::bytes(buffer))?;
    let entries = list::written("XENMEM_memory_map", buffer, written)?;
    Ok(MemoryMap { entries, complete: entries.len() < capacity })
}

/// Writes the host's memory map to `buffer`. For the control domain.
///
/// `XENMEM_machine_memory_map` of `memory.h`.
///
/// # Errors
///
/// In a translated guest -ENOSYS before 4.19. -EPERM (the caller is not a control domain), -EINVAL (`buffer`
/// does not hold at least one entry more than the host has ranges).
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub fn machine_memory_map<'a, H>(
    xen: &H,
    buffer: &'a mut [E820Entry],
) -> Result<&'a [E820Entry], Error>
where
    H: Hypercall + ?Sized,
{
    let written = memory_op::machine_memory_map(xen, E820Entry::bytes(buffer))?;
    list::written("XENMEM_machine_memory_map", buffer, written)
}

/// Sets the map that [`memory_map`] returns to domain `domid`. For its toolstack.
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
    let buffer = HypercallBuffer::to_read(xen, entries)
        .map_err(|errno| hypercall::Error::from_errno("XENMEM_set_memory_map", errno))?;
    let mut map = xen_memory_map::ZERO;
    map.nr_entries = nr_entries;
    map.buffer = buffer.untyped_handle();
    // SAFETY: the handle is to as many entries as the count says.
    Ok(unsafe { memory_op::set_memory_map(xen, domid, map) }?)
}
