//! What is where in the memory of a PVH guest.

use core::ops::Range;

use xen_abi::arch_x86::hvm::start_info::{
    XEN_HVM_MEMMAP_TYPE_RAM, XEN_HVM_MEMMAP_TYPE_RESERVED, XEN_HVM_START_MAGIC_VALUE,
    hvm_memmap_table_entry, hvm_modlist_entry, hvm_start_info,
};
use xen_abi::{Plain, as_bytes};
use xen_ops::page::PAGE_SIZE;

use super::{BuildError, MAX_MODULES, PvhGuest};

const PAGE: u64 = PAGE_SIZE as u64;

/// Where memory below 4 GiB ends at the latest: devices and the local APIC are after it.
const LOW_END: u64 = 0xf000_0000;

/// Where the rest of the memory is.
const HIGH_START: u64 = 1 << 32;

/// Memory that a guest may have: as much as 46-bit addresses reach.
const MAX_MEMORY: u64 = 1 << 45;

/// The frames that Xen and other domains share with the guest. Libxc has them at the same place.
pub(super) const SPECIAL: Range<u64> = 0xf_eff8..0xf_f000;
/// That of xenstore's ring.
pub(super) const STORE_FRAME: u64 = SPECIAL.start + 4;
/// That of the page table that Xen uses on processors which cannot do without one.
pub(super) const IDENT_PT_FRAME: u64 = SPECIAL.start + 6;
/// That of the console's ring.
pub(super) const CONSOLE_FRAME: u64 = SPECIAL.start + 7;

/// The parts of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Bytes from address 0 on.
    pub(super) low: u64,
    /// Bytes from 4 GiB on.
    pub(super) high: u64,
    /// Where the start information is: after the kernel.
    pub(super) start_info: u64,
    /// Where the first module is, at the beginning of a page as the others are.
    modules: u64,
}

/// Bytes that the start information has before the texts.
const fn tables(modules: usize) -> u64 {
    (size_of::<hvm_start_info>()
        + modules * size_of::<hvm_modlist_entry>()
        + MEMORY_MAP * size_of::<hvm_memmap_table_entry>()) as u64
}

/// Entries of the memory map.
const MEMORY_MAP: usize = 3;

impl Layout {
    /// Finds a place for everything.
    pub(super) fn new(guest: &PvhGuest<'_>) -> Result<Self, BuildError> {
        let memory = guest.memory;
        if memory % PAGE != 0 || memory > MAX_MEMORY {
            return Err(BuildError::MemorySize { memory });
        }
        if guest.modules.len() > MAX_MODULES {
            return Err(BuildError::TooManyModules { modules: guest.modules.len() });
        }
        let texts = guest.modules.iter().map(|module| module.command_line);
        for text in texts.clone().chain([guest.command_line]) {
            if text.contains('\0') {
                return Err(BuildError::Zero);
            }
        }
        let low = memory.min(LOW_END);
        // The lengths are those of slices, and together cannot exceed 64 bits.
        let texts: u64 = texts.chain([guest.command_line]).map(|text| text.len() as u64 + 1).sum();
        let content = guest.modules.iter().map(|module| page_up(module.content.len() as u64));
        let after_kernel = guest.kernel.end().checked_next_multiple_of(PAGE);
        let modules = after_kernel
            .and_then(|start| start.checked_add(page_up(tables(guest.modules.len()) + texts)));
        let needed = modules.and_then(|start| start.checked_add(content.sum()));
        match (after_kernel, modules, needed) {
            (Some(start_info), Some(modules), Some(needed)) if needed <= low => {
                Ok(Self { low, high: memory - low, start_info, modules })
            }
            _ => Err(BuildError::DoesNotFit { needed: needed.unwrap_or(u64::MAX), memory: low }),
        }
    }

    /// The frames that are memory.
    pub(super) fn ram(&self) -> [Range<u64>; 2] {
        let high = HIGH_START / PAGE;
        [0..self.low / PAGE, high..high + self.high / PAGE]
    }

    /// The memory map: addresses, lengths, and the kinds of the start information, which are those of E820.
    pub(super) fn memory_map(&self) -> impl Iterator<Item = (u64, u64, u32)> + Clone {
        let special = (SPECIAL.end - SPECIAL.start) * PAGE;
        let map: [_; MEMORY_MAP] = [
            (0, self.low, XEN_HVM_MEMMAP_TYPE_RAM),
            (SPECIAL.start * PAGE, special, XEN_HVM_MEMMAP_TYPE_RESERVED),
            (HIGH_START, self.high, XEN_HVM_MEMMAP_TYPE_RAM),
        ];
        map.into_iter().filter(|(_, length, _)| *length > 0)
    }

    /// Writes the start information with all that it refers to, and the modules: `write` gets an address and
    /// what belongs there.
    pub(super) fn write_start_info<E>(
        &self,
        guest: &PvhGuest<'_>,
        mut write: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let modlist = self.start_info + size_of::<hvm_start_info>() as u64;
        let memmap = modlist + (guest.modules.len() * size_of::<hvm_modlist_entry>()) as u64;
        let command_line = self.start_info + tables(guest.modules.len());
        let mut text = command_line;
        write_text(&mut text, guest.command_line, &mut write)?;

        let mut address = self.modules;
        let mut entries = Table(modlist);
        for module in guest.modules {
            let entry = hvm_modlist_entry {
                paddr: address,
                size: module.content.len() as u64,
                cmdline_paddr: text,
                ..hvm_modlist_entry::ZERO
            };
            entries.push(&entry, &mut write)?;
            write_text(&mut text, module.command_line, &mut write)?;
            write(address, module.content)?;
            address += page_up(entry.size);
        }

        let mut ranges = Table(memmap);
        for (addr, size, type_) in self.memory_map() {
            let entry =
                hvm_memmap_table_entry { addr, size, type_, ..hvm_memmap_table_entry::ZERO };
            ranges.push(&entry, &mut write)?;
        }
        let start_info = hvm_start_info {
            magic: XEN_HVM_START_MAGIC_VALUE,
            version: 1,
            nr_modules: guest.modules.len() as u32,
            modlist_paddr: if guest.modules.is_empty() { 0 } else { modlist },
            cmdline_paddr: command_line,
            memmap_paddr: memmap,
            memmap_entries: self.memory_map().count() as u32,
            ..hvm_start_info::ZERO
        };
        write(self.start_info, as_bytes(&start_info))
    }
}

/// Where the next element of a table is.
struct Table(u64);

impl Table {
    fn push<T: Plain, E>(
        &mut self,
        element: &T,
        write: &mut impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        write(self.0, as_bytes(element))?;
        self.0 += size_of::<T>() as u64;
        Ok(())
    }
}

/// Writes a text with its end to `address`, which is after it then.
fn write_text<E>(
    address: &mut u64,
    text: &str,
    write: &mut impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    write(*address, text.as_bytes())?;
    *address += text.len() as u64;
    write(*address, &[0])?;
    *address += 1;
    Ok(())
}

/// A whole number of pages. No slice is so long that there is none.
const fn page_up(bytes: u64) -> u64 {
    bytes.next_multiple_of(PAGE)
}
