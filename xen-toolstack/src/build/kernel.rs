//! ELF files that Xen can start as PVH guests.

use core::fmt;
use core::ops::Range;

use object::LittleEndian;
use object::elf::{ELFCLASS64, ELFMAG, EM_X86_64, FileHeader64, PT_LOAD, PT_NOTE, ProgramHeader64};
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use xen_abi::elfnote::XEN_ELFNOTE_PHYS32_ENTRY;

/// Segments that a kernel may have. Kernels have fewer than ten.
const MAX_SEGMENTS: usize = 64;

/// A kernel for PVH guests: an ELF64 file for x86-64 with Xen's note of its entry point, checked.
///
/// Linux's file is `vmlinux`; a `bzImage` has it in compressed form.
#[derive(Clone, Copy)]
pub struct PvhKernel<'k> {
    bytes: &'k [u8],
    headers: &'k [ProgramHeader64<LittleEndian>],
    entry: u32,
}

/// A part of a kernel in memory: the bytes of the file, and zeros after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'k> {
    /// The guest physical address, in bytes.
    pub address: u64,
    /// Bytes in memory, at least as many as `content` has. The end is not beyond 64 bits.
    pub size: u64,
    /// The first bytes.
    pub content: &'k [u8],
}

/// Why a file is no kernel for PVH guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KernelError {
    /// It is no ELF file of 64 bits.
    NotElf64,
    /// It is for another processor; the number is ELF's.
    Machine(u16),
    /// Its headers or notes lie outside the file, or are not as ELF has them.
    Broken(&'static str),
    /// It has no entry point for PVH guests: no note `XEN_ELFNOTE_PHYS32_ENTRY`.
    NoEntry,
    /// Its entry point is in none of its segments.
    EntryOutside {
        /// The entry point.
        entry: u32,
    },
    /// It has more segments than this crate loads: 64.
    TooManySegments,
    /// A segment has more bytes in the file than in memory, lies outside the file, or ends beyond 64-bit
    /// addresses.
    Segment {
        /// The segment's physical address.
        address: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Two segments have an address in common.
    Overlap {
        /// The address of one segment.
        first: u64,
        /// That of the other one.
        second: u64,
    },
}

impl<'k> PvhKernel<'k> {
    /// Reads and checks an ELF file. Whether its segments fit into a guest's memory is checked when it is
    /// built.
    ///
    /// # Errors
    ///
    /// Every [`KernelError`].
    pub fn parse(bytes: &'k [u8]) -> Result<Self, KernelError> {
        if bytes.get(..4) != Some(&ELFMAG[..]) || bytes.get(4) != Some(&ELFCLASS64) {
            return Err(KernelError::NotElf64);
        }
        let header = FileHeader64::<LittleEndian>::parse(bytes);
        let header = header.map_err(|_| KernelError::Broken("the file's header"))?;
        if !header.is_little_endian() {
            return Err(KernelError::Broken("it is big-endian"));
        }
        let machine = header.e_machine(LittleEndian);
        if machine != EM_X86_64 {
            return Err(KernelError::Machine(machine));
        }
        let headers = header.program_headers(LittleEndian, bytes);
        let headers = headers.map_err(|_| KernelError::Broken("the program headers"))?;
        let entry = entry(bytes, headers)?.ok_or(KernelError::NoEntry)?;
        let kernel = Self { bytes, headers, entry };
        kernel.check()?;
        Ok(kernel)
    }

    fn check(&self) -> Result<(), KernelError> {
        let loads = self.headers.iter().filter(|header| header.p_type(LittleEndian) == PT_LOAD);
        if loads.clone().count() > MAX_SEGMENTS {
            return Err(KernelError::TooManySegments);
        }
        for header in loads {
            segment(self.bytes, header)?;
        }
        for (at, second) in self.segments().enumerate() {
            for first in self.segments().take(at) {
                let (one, other) = (first.range(), second.range());
                if one.start < other.end && other.start < one.end {
                    let (first, second) = (first.address, second.address);
                    return Err(KernelError::Overlap { first, second });
                }
            }
        }
        let entry = self.entry;
        if !self.segments().any(|segment| segment.range().contains(&entry.into())) {
            return Err(KernelError::EntryOutside { entry });
        }
        Ok(())
    }

    /// The guest physical address at which the guest starts, in 32-bit protected mode.
    #[must_use]
    pub const fn entry(&self) -> u32 {
        self.entry
    }

    /// What belongs into memory, in the order of the file. Empty segments are left out.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'k>> + Clone + use<'k> {
        let bytes = self.bytes;
        let loads = self.headers.iter().filter(|header| header.p_type(LittleEndian) == PT_LOAD);
        loads.filter_map(move |header| segment(bytes, header).ok()).filter(|found| found.size > 0)
    }

    /// The address after the last segment.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.segments().map(|segment| segment.range().end).max().unwrap_or(0)
    }
}

impl fmt::Debug for PvhKernel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PvhKernel")
            .field("entry", &self.entry)
            .field("end", &self.end())
            .finish_non_exhaustive()
    }
}

impl Segment<'_> {
    /// Its guest physical addresses.
    #[must_use]
    pub const fn range(&self) -> Range<u64> {
        self.address..self.address.saturating_add(self.size)
    }
}

fn segment<'k>(
    bytes: &'k [u8],
    header: &ProgramHeader64<LittleEndian>,
) -> Result<Segment<'k>, KernelError> {
    let (address, size) = (header.p_paddr(LittleEndian), header.p_memsz(LittleEndian));
    let wrong = |what| KernelError::Segment { address, what };
    if header.p_filesz(LittleEndian) > size {
        return Err(wrong("it has more bytes in the file than in memory"));
    }
    let content = header.data(LittleEndian, bytes);
    let content = content.map_err(|()| wrong("it lies outside the file"))?;
    address.checked_add(size).ok_or_else(|| wrong("it ends beyond 64-bit addresses"))?;
    Ok(Segment { address, size, content })
}

/// The entry point that Xen's note has, if there is one. Its value has 4 or 8 bytes.
fn entry(
    bytes: &[u8],
    headers: &[ProgramHeader64<LittleEndian>],
) -> Result<Option<u32>, KernelError> {
    const BROKEN: KernelError = KernelError::Broken("its notes");
    for header in headers.iter().filter(|header| header.p_type(LittleEndian) == PT_NOTE) {
        let notes = header.notes(LittleEndian, bytes).map_err(|_| BROKEN)?;
        for note in notes.into_iter().flatten() {
            let note = note.map_err(|_| BROKEN)?;
            if note.name() != b"Xen" || note.n_type(LittleEndian) != XEN_ELFNOTE_PHYS32_ENTRY {
                continue;
            }
            let entry = match *note.desc() {
                [a, b, c, d] | [a, b, c, d, 0, 0, 0, 0] => u32::from_le_bytes([a, b, c, d]),
                _ => return Err(KernelError::Broken("the note with its entry point")),
            };
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf64 => f.write_str("this is no ELF file of 64 bits: a vmlinux is, a bzImage is not"),
            Self::Machine(number) => {
                write!(f, "an ELF file for another processor than x86-64: its machine is {number}")
            }
            Self::Broken(what) => write!(f, "a broken ELF file: {what}"),
            Self::NoEntry => f.write_str(
                "the kernel has no entry point for PVH guests: it lacks the note XEN_ELFNOTE_PHYS32_ENTRY, \
                 which Linux has with CONFIG_PVH",
            ),
            Self::EntryOutside { entry } => {
                write!(f, "the entry point {entry:#x} is in none of the kernel's segments")
            }
            Self::TooManySegments => write!(f, "the kernel has more than {MAX_SEGMENTS} segments"),
            Self::Segment { address, what } => write!(f, "the segment at {address:#x}: {what}"),
            Self::Overlap { first, second } => {
                write!(f, "the segments at {first:#x} and {second:#x} overlap")
            }
        }
    }
}

impl core::error::Error for KernelError {}
