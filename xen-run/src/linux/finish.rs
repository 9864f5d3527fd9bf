//! What ends the emulated machine from Linux with the exit status of success.

use crate::Arch;

/// A program, or a script for a shell, which needs nothing else.
pub(super) fn program(arch: Arch) -> Vec<u8> {
    match arch {
        Arch::X86_64 | Arch::X86_32 => PORT.into(),
        Arch::Aarch64 | Arch::Arm => semihosting(),
    }
}

/// By the device `isa-debug-exit`: its value, 42, becomes QEMU's exit status, doubled and with 1 added.
const PORT: &str =
    "#!/bin/sh\nprintf '\\052' | dd of=/dev/port bs=1 seek=244 conv=notrunc 2>/dev/null\n";

/// Where the program is in memory.
const BASE: u64 = 0x40_0000;

/// Bytes of the ELF header and its one program header.
const HEADERS: u64 = 64 + 56;

/// By a call of QEMU's, as to a debugger: "exit extended", with the reason "application exit" and status
/// 85. An ELF file for aarch64 of four instructions and two words.
fn semihosting() -> Vec<u8> {
    let code = [
        0xd280_0400_u32, // mov x0, #0x20
        0x1000_0061,     // adr x1, the words: 12 bytes further
        0xd45e_0000,     // hlt #0xf000
        0xd503_201f,     // nop
    ];
    let words = [0x20026_u64, 85];
    let size = HEADERS + 16 + 16;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    let halves = |file: &mut Vec<u8>, values: &[u16]| {
        file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    };
    let longs = |file: &mut Vec<u8>, values: &[u64]| {
        file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    };
    // An executable file for aarch64, version 1.
    halves(&mut file, &[2, 183, 1, 0]);
    longs(&mut file, &[BASE + HEADERS, 64, 0]);
    // No flags; the sizes of both headers, and one of the second.
    halves(&mut file, &[0, 0, 64, 56, 1, 0, 0, 0]);
    // To be loaded, readable and executable.
    halves(&mut file, &[1, 0, 5, 0]);
    longs(&mut file, &[0, BASE, BASE, size, size, 0x1000]);
    file.extend(code.iter().flat_map(|word| word.to_le_bytes()));
    longs(&mut file, &words);
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::read::elf::{FileHeader as _, ProgramHeader as _};
    use object::{Endianness, elf::FileHeader64};

    #[test]
    fn the_program_is_an_elf_file_with_one_segment() {
        let bytes = semihosting();
        let header = FileHeader64::<Endianness>::parse(&*bytes).unwrap();
        let endian = header.endian().unwrap();
        assert_eq!(header.e_entry.get(endian), BASE + HEADERS);
        let [segment] = header.program_headers(endian, &*bytes).unwrap() else { panic!("one") };
        assert_eq!(segment.file_range(endian), (0, bytes.len() as u64));
        // The second instruction's offset leads to the words.
        let at = bytes.len() - 16;
        assert_eq!(HEADERS as usize + 4 + 12, at);
        assert_eq!(bytes[at..at + 4], 0x20026_u32.to_le_bytes());
    }
}
