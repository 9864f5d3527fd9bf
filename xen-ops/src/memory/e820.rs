//! Memory maps in the format of the PC's BIOS.

#![allow(unsafe_code, reason = "hands its buffers to the hypervisor")]

use core::fmt;

use xen_abi::GuestHandle;
use xen_abi::memory::{
    XENMEM_machine_memory_map, XENMEM_memory_map, XENMEM_set_memory_map, xen_foreign_memory_map,
    xen_memory_map,
};
use xen_abi::xen::domid_t;

use super::{Error, door};
use crate::hypercall::{Hypercall, expansion::errno};

/// A range of physical memory: 20 bytes, as the BIOS call E820 gives them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct E820Entry([u32; 5]);

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
    pub const fn new(start: u64, length: u64, kind: E820Kind) -> Self {
        Self([start as u32, (start >> 32) as u32, length as u32, (length >> 32) as u32, kind.0])
    }

    /// The physical address of the first byte.
    #[must_use]
    pub const fn start(self) -> u64 {
        join(self.0[0], self.0[1])
    }

    /// How many bytes.
    #[must_use]
    pub const fn length(self) -> u64 {
        join(self.0[2], self.0[3])
    }

    /// What is there.
    #[must_use]
    pub const fn kind(self) -> E820Kind {
        E820Kind(self.0[4])
    }
}

const fn join(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
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
    let entries = read(xen, XENMEM_memory_map, "XENMEM_memory_map", room)?;
    Ok(MemoryMap { entries, complete: entries.len() < size })
}

/// The host's memory map, into `room`. For the control domain.
///
/// `XENMEM_machine_memory_map` of `memory.h`.
///
/// # Errors
///
/// -EINVAL (not room enough, which is for at least one entry more than the host has ranges), -EPERM
/// (not allowed), -ENOSYS (Arm).
pub fn machine_memory_map<'a, H>(
    xen: &H,
    room: &'a mut [E820Entry],
) -> Result<&'a [E820Entry], Error>
where
    H: Hypercall + ?Sized,
{
    read(xen, XENMEM_machine_memory_map, "XENMEM_machine_memory_map", room)
}

/// Gives domain `domid` the map that its [`memory_map`] shall report. For its toolstack; x86 only.
///
/// `XENMEM_set_memory_map` of `memory.h`.
///
/// # Errors
///
/// [`Error::TooMany`] beyond what a map can count. Of Xen's: -EINVAL (more entries than it
/// keeps), -ESRCH (no such domain), -EPERM (not allowed), -ENOMEM, -ENOSYS (Arm).
pub fn set_memory_map<H>(xen: &H, domid: domid_t, entries: &[E820Entry]) -> Result<(), Error>
where
    H: Hypercall + ?Sized,
{
    let map = argument(GuestHandle::from_slice(entries), entries.len())?;
    let mut argument = xen_foreign_memory_map { domid, map, ..xen_foreign_memory_map::ZERO };
    // SAFETY: Xen reads as many entries as there are, and a copy of them is all that changes.
    let result = unsafe { door::call(xen, XENMEM_set_memory_map, &mut argument) };
    Ok(errno("XENMEM_set_memory_map", result)?)
}

fn argument(buffer: GuestHandle<E820Entry>, entries: usize) -> Result<xen_memory_map, Error> {
    let nr_entries = u32::try_from(entries)
        .map_err(|_| Error::TooMany { asked: entries, limit: u32::MAX as usize })?;
    Ok(xen_memory_map { nr_entries, buffer: buffer.cast(), ..xen_memory_map::ZERO })
}

fn read<'a, H>(
    xen: &H,
    operation: u32,
    name: &'static str,
    room: &'a mut [E820Entry],
) -> Result<&'a [E820Entry], Error>
where
    H: Hypercall + ?Sized,
{
    let size = room.len();
    let mut argument = argument(GuestHandle::from_mut_slice(room), size)?;
    // SAFETY: Xen writes no more entries than there is room for, which is borrowed for that.
    let result = unsafe { door::call(xen, operation, &mut argument) };
    errno(name, result)?;
    super::list::written(name, room, argument.nr_entries)
}
