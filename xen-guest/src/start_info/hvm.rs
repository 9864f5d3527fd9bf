//! The start information of a PVH guest.

use core::mem::offset_of;

use xen_abi::arch_x86::hvm::start_info::{
    XEN_HVM_START_MAGIC_VALUE, hvm_memmap_table_entry, hvm_modlist_entry, hvm_start_info,
};
use xen_abi::xen::StartInfoFlags;
use xen_abi::{Plain, from_bytes};

use super::{Memory, StartInfoError, text};

/// The most modules that are read.
pub const MAX_MODULES: u32 = 64;

/// The most ranges of the memory map that are read.
pub const MAX_MEMORY_RANGES: u32 = 1024;

/// The bytes that every version has. Version 1 added the memory map.
const VERSION_0: usize = offset_of!(hvm_start_info, memmap_paddr);

/// What the start information of a PVH guest says, checked.
///
/// ```
/// use xen_guest::start_info::{HvmStartInfo, Range};
/// use xen_guest::xen_abi::arch_x86::hvm::start_info::*;
/// use xen_guest::xen_abi::as_bytes;
///
/// let info = hvm_start_info { magic: XEN_HVM_START_MAGIC_VALUE, version: 1, ..hvm_start_info::ZERO };
/// let memory = Range { address: 0x10_0000, bytes: as_bytes(&info) };
/// let info = HvmStartInfo::read(memory, 0x10_0000)?;
/// assert_eq!(info.version(), 1);
/// assert_eq!(info.command_line(), "");
/// assert_eq!(info.modules().count(), 0);
/// # Ok::<(), xen_guest::start_info::StartInfoError>(())
/// ```
///
/// Upstream: `xen/include/public/arch-x86/hvm/start_info.h`.
#[derive(Clone, Copy, Debug)]
pub struct HvmStartInfo<'m, M> {
    memory: M,
    info: hvm_start_info,
    command_line: &'m str,
    modules: Table<'m>,
    memory_map: Table<'m>,
}

/// A module: an initial ramdisk, for example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module<'m> {
    /// Its physical address.
    pub address: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Its command line; empty if it has none.
    pub command_line: &'m str,
}

/// A range of physical memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryRange {
    /// Its physical address.
    pub address: u64,
    /// Its length in bytes.
    pub length: u64,
    /// `XEN_HVM_MEMMAP_TYPE_*`.
    pub kind: u32,
}

/// The bytes of a table.
#[derive(Clone, Copy, Debug)]
struct Table<'m> {
    entries: &'m [u8],
}

impl<'m, M: Memory<'m> + Copy> HvmStartInfo<'m, M> {
    /// Reads and checks the structure at `address`, and all that it refers to. The contents of modules are
    /// not looked at.
    ///
    /// # Errors
    ///
    /// Every [`StartInfoError`]. Ranges of the memory map may overlap as far as this is concerned:
    /// firmware lets them.
    pub fn read(memory: M, address: u64) -> Result<Self, StartInfoError> {
        let what = "hvm_start_info";
        // The version comes first: it says how long the structure is.
        let magic: u32 = value(&memory, what, address)?;
        if magic != XEN_HVM_START_MAGIC_VALUE {
            return Err(StartInfoError::BadMagic { found: magic });
        }
        let version = offset_of!(hvm_start_info, version) as u64;
        let version: u32 = value(&memory, what, address.saturating_add(version))?;
        let info = if version == 0 {
            let mut bytes = [0; size_of::<hvm_start_info>()];
            bytes[..VERSION_0].copy_from_slice(&value::<[u8; VERSION_0]>(&memory, what, address)?);
            from_bytes(&bytes).unwrap_or(hvm_start_info::ZERO)
        } else {
            value(&memory, what, address)?
        };
        let command_line = optional_text(&memory, "the command line", info.cmdline_paddr)?;
        let modules = Table::read::<hvm_modlist_entry>(
            &memory,
            "modules",
            info.modlist_paddr,
            info.nr_modules,
            MAX_MODULES,
        )?;
        let memory_map = Table::read::<hvm_memmap_table_entry>(
            &memory,
            "ranges of memory",
            info.memmap_paddr,
            info.memmap_entries,
            MAX_MEMORY_RANGES,
        )?;
        let read = Self { memory, info, command_line, modules, memory_map };
        read.check_modules()?;
        for range in read.memory_map() {
            end("a range of memory", range.address, range.length)?;
        }
        Ok(read)
    }

    fn check_modules(&self) -> Result<(), StartInfoError> {
        for (second, module) in self.modules.of::<hvm_modlist_entry>().enumerate() {
            let this_end = end("a module", module.paddr, module.size)?;
            optional_text(&self.memory, "a module's command line", module.cmdline_paddr)?;
            for (first, other) in self.modules.of::<hvm_modlist_entry>().take(second).enumerate() {
                if module.paddr < other.paddr.saturating_add(other.size) && other.paddr < this_end {
                    let (first, second) = (first as u32, second as u32);
                    return Err(StartInfoError::Overlap { what: "modules", first, second });
                }
            }
        }
        Ok(())
    }

    /// The structure's version: 0, or 1 with a memory map. Later ones are read as far as version 1 goes.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.info.version
    }

    /// `SIF_*`.
    #[must_use]
    pub const fn flags(&self) -> StartInfoFlags {
        self.info.flags
    }

    /// The command line; empty if there is none.
    #[must_use]
    pub const fn command_line(&self) -> &'m str {
        self.command_line
    }

    /// The physical address of ACPI's root pointer, if there is one.
    #[must_use]
    pub fn rsdp(&self) -> Option<u64> {
        Some(self.info.rsdp_paddr).filter(|address| *address != 0)
    }

    /// The modules.
    pub fn modules(&self) -> impl Iterator<Item = Module<'m>> + use<'m, M> {
        let memory = self.memory;
        self.modules.of().map(move |entry: hvm_modlist_entry| {
            // `read` has looked at it.
            let line = optional_text(&memory, "a module's command line", entry.cmdline_paddr);
            let (address, length) = (entry.paddr, entry.size);
            Module { address, length, command_line: line.unwrap_or_default() }
        })
    }

    /// The memory map; empty in version 0, and where Xen gives none.
    pub fn memory_map(&self) -> impl Iterator<Item = MemoryRange> + use<'m, M> {
        self.memory_map.of().map(|entry: hvm_memmap_table_entry| MemoryRange {
            address: entry.addr,
            length: entry.size,
            kind: entry.type_,
        })
    }
}

impl<'m> Table<'m> {
    fn read<T: Plain>(
        memory: &impl Memory<'m>,
        what: &'static str,
        address: u64,
        count: u32,
        max: u32,
    ) -> Result<Self, StartInfoError> {
        if count == 0 {
            return Ok(Self { entries: &[] });
        }
        if count > max {
            let (count, max) = (count.into(), max.into());
            return Err(StartInfoError::TooMany { what, count, max });
        }
        let length = u64::from(count) * size_of::<T>() as u64;
        let entries = memory.bytes(address, length);
        let entries = entries.ok_or(StartInfoError::Unreadable { what, address, length })?;
        Ok(Self { entries })
    }

    fn of<T: Plain>(&self) -> impl Iterator<Item = T> + use<'m, T> {
        self.entries.chunks_exact(size_of::<T>()).filter_map(from_bytes)
    }
}

/// A value at an address.
fn value<'m, T: Plain>(
    memory: &impl Memory<'m>,
    what: &'static str,
    address: u64,
) -> Result<T, StartInfoError> {
    let length = size_of::<T>() as u64;
    let bytes = memory.bytes(address, length).and_then(from_bytes);
    bytes.ok_or(StartInfoError::Unreadable { what, address, length })
}

/// The text at an address; empty if the address is 0.
fn optional_text<'m>(
    memory: &impl Memory<'m>,
    what: &'static str,
    address: u64,
) -> Result<&'m str, StartInfoError> {
    if address == 0 { Ok("") } else { text(memory, what, address) }
}

/// Where a range ends.
fn end(what: &'static str, address: u64, length: u64) -> Result<u64, StartInfoError> {
    address.checked_add(length).ok_or(StartInfoError::Wraps { what, address, length })
}
