//! Kernel images: whether Xen can start one, and on which architecture.

use std::fs;
use std::path::Path;

use object::elf::{
    self, EM_386, EM_AARCH64, EM_ARM, EM_X86_64, FileHeader32, FileHeader64, PT_NOTE, SHT_NOTE,
};
use object::read::elf::{FileHeader, ProgramHeader as _, SectionHeader as _};
use object::{Endianness, ReadRef as _};

use crate::{Arch, Dom0, Error, Machine};

/// The note of a PVH kernel: its 32-bit entry point (`XEN_ELFNOTE_PHYS32_ENTRY`).
const PHYS32_ENTRY: u32 = 18;

/// The note of a PV kernel: its entry point (`XEN_ELFNOTE_ENTRY`).
const ENTRY: u32 = 1;

/// Where the header of an arm64 Image has its mark (Documentation/arch/arm64/booting.rst of Linux).
const IMAGE_MARK: usize = 0x38;

/// Where the header of a zImage has its mark.
const ZIMAGE_MARK: usize = 0x24;

/// A kernel that Xen can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its architecture.
    pub arch: Arch,
    /// On x86, whether it has the entry point of a PV guest.
    pub pv: bool,
    /// On x86, whether it has the entry point of a PVH guest.
    pub pvh: bool,
}

/// Why Xen cannot start a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// It is no kernel at all.
    #[error("this is no kernel: neither an ELF file for x86 nor an Image or zImage for Arm")]
    Unknown,
    /// An ELF file that ends too early, or whose parts lie outside it.
    #[error("a broken ELF file: {0}")]
    Broken(String),
    /// An ELF file for Arm, where Xen starts none.
    #[error(
        "an ELF file for {0}: Xen on Arm starts an Image or a zImage. Link with the script of \
         xen-guest (`-Clink-arg=-Txen-{0}.ld`), or convert it with `objcopy -O binary`"
    )]
    ElfForArm(Arch),
    /// An ELF file for a processor that no pinned Xen runs on.
    #[error("an ELF file for another processor (machine number {0}), which no pinned Xen runs on")]
    Machine(u16),
    /// An ELF file without the notes that tell Xen where to start it.
    #[error(
        "an ELF file without Xen's notes: Xen does not know where to start it. `xen_guest::entry!` makes \
         them; if the file is a program for Linux, choose the mode linux"
    )]
    NoNotes,
    /// The kernel is for another architecture than the machine.
    #[error("a kernel for {kernel}, and {machine} is to boot it")]
    OtherArch {
        /// The kernel's architecture.
        kernel: Arch,
        /// The machine.
        machine: String,
    },
    /// The kernel lacks the entry point of the machine's kind of guest.
    #[error("the kernel has no {missing} entry point, only one of {present}: choose another mode")]
    NoEntry {
        /// The kind that it lacks.
        missing: &'static str,
        /// The kind that it has.
        present: &'static str,
    },
}

impl Kernel {
    /// Looks at the file of a kernel.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it cannot be read, [`Error::Kernel`] if Xen cannot start it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let bytes = fs::read(path).map_err(Error::file(path))?;
        Self::parse(&bytes).map_err(|reason| Error::Kernel { path: path.to_owned(), reason })
    }

    /// Looks at the bytes of a kernel.
    ///
    /// # Errors
    ///
    /// Why Xen cannot start it.
    pub fn parse(bytes: &[u8]) -> Result<Self, KernelError> {
        let has =
            |at: usize, mark: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(mark));
        let arm = |arch| Self { arch, pv: false, pvh: false };
        if has(IMAGE_MARK, b"ARM\x64") {
            return Ok(arm(Arch::Aarch64));
        }
        if has(ZIMAGE_MARK, &0x016f_2818_u32.to_le_bytes()) {
            return Ok(arm(Arch::Arm));
        }
        if !has(0, &elf::ELFMAG) {
            return Err(KernelError::Unknown);
        }
        match bytes.get(4) {
            Some(1) => elf_kernel::<FileHeader32<Endianness>>(bytes),
            Some(2) => elf_kernel::<FileHeader64<Endianness>>(bytes),
            _ => Err(KernelError::Broken("its class is neither 32 nor 64 bits".to_owned())),
        }
    }

    /// Whether a machine can boot it.
    ///
    /// # Errors
    ///
    /// [`KernelError::OtherArch`] and [`KernelError::NoEntry`].
    pub fn fits(self, machine: &Machine) -> Result<(), KernelError> {
        let is_of = match machine.arch {
            Arch::X86_64 | Arch::X86_32 => matches!(self.arch, Arch::X86_64 | Arch::X86_32),
            Arch::Aarch64 => matches!(self.arch, Arch::Aarch64 | Arch::Arm),
            Arch::Arm => self.arch == Arch::Arm,
        };
        if !is_of {
            return Err(KernelError::OtherArch { kernel: self.arch, machine: machine.to_string() });
        }
        let no = |missing, present| Err(KernelError::NoEntry { missing, present });
        match machine.dom0 {
            Dom0::Pv if !self.pv => no("PV", "a PVH guest"),
            Dom0::Pvh if !self.pvh => no("PVH", "a PV guest"),
            _ => Ok(()),
        }
    }
}

/// An ELF file that Xen on x86 can start.
fn elf_kernel<Elf: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Result<Kernel, KernelError> {
    let broken = |error: object::Error| KernelError::Broken(error.to_string());
    let header = Elf::parse(bytes).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    let arch = match header.e_machine(endian) {
        EM_X86_64 => Arch::X86_64,
        EM_386 => Arch::X86_32,
        EM_AARCH64 => return Err(KernelError::ElfForArm(Arch::Aarch64)),
        EM_ARM => return Err(KernelError::ElfForArm(Arch::Arm)),
        other => return Err(KernelError::Machine(other)),
    };
    let mut kernel = Kernel { arch, pv: false, pvh: false };
    for segment in header.program_headers(endian, bytes).map_err(broken)? {
        if segment.p_type(endian) == PT_NOTE {
            let (offset, size) = segment.file_range(endian);
            notes(bytes, endian, offset, size, &mut kernel)?;
        }
    }
    for section in header.section_headers(endian, bytes).map_err(broken)? {
        if section.sh_type(endian) == SHT_NOTE {
            let (offset, size) = section.file_range(endian).unwrap_or_default();
            notes(bytes, endian, offset, size, &mut kernel)?;
        }
    }
    if kernel.pv || kernel.pvh { Ok(kernel) } else { Err(KernelError::NoNotes) }
}

/// Takes Xen's notes in a part of the file into account. Names and values are padded to four bytes.
fn notes(
    bytes: &[u8],
    endian: Endianness,
    offset: u64,
    size: u64,
    kernel: &mut Kernel,
) -> Result<(), KernelError> {
    use object::endian::Endian as _;

    let outside = |()| KernelError::Broken("its notes lie outside the file".to_owned());
    let mut rest = bytes.read_bytes_at(offset, size).map_err(outside)?;
    while let Some((header, content)) = rest.split_first_chunk::<12>() {
        let word = |at: usize| {
            let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
            endian.read_u32_bytes(bytes)
        };
        let (name, value, kind) = (word(0) as usize, word(4) as usize, word(8));
        if content.get(..name) == Some(b"Xen\0") {
            kernel.pvh |= kind == PHYS32_ENTRY;
            kernel.pv |= kind == ENTRY;
        }
        let end = name.checked_next_multiple_of(4).zip(value.checked_next_multiple_of(4));
        let end = end.and_then(|(name, value)| name.checked_add(value));
        let Some(next) = end.and_then(|end| content.get(end..)) else { break };
        rest = next;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
