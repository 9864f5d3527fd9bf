use super::*;

/// Bytes of the ELF header and one program header.
const HEADERS: usize = 64 + 56;

/// A note of Xen's with a value of eight bytes.
fn note(name: &[u8], kind: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [name.len() as u32, 8, kind] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(name);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend([0; 8]);
    bytes
}

/// An ELF file of 64 bits with one segment of notes.
fn elf(machine: u16, notes: &[Vec<u8>]) -> Vec<u8> {
    let notes = notes.concat();
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    for half in [2, machine] {
        file.extend(half.to_le_bytes());
    }
    file.extend(1_u32.to_le_bytes());
    for long in [0_u64, 64, 0] {
        file.extend(long.to_le_bytes());
    }
    for half in [0_u16, 0, 64, 56, 1, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    for word in [PT_NOTE, 4] {
        file.extend(word.to_le_bytes());
    }
    let size = notes.len() as u64;
    for long in [HEADERS as u64, 0, 0, size, size, 4] {
        file.extend(long.to_le_bytes());
    }
    file.extend(notes);
    file
}

fn marked(at: usize, mark: &[u8]) -> Vec<u8> {
    let mut file = vec![0; 128];
    file[at..at + mark.len()].copy_from_slice(mark);
    file
}

#[test]
fn notes_say_how_a_kernel_is_started() {
    let (pv, pvh) = (note(b"Xen\0", ENTRY), note(b"Xen\0", PHYS32_ENTRY));
    let other = note(b"GNU-odd\0", PHYS32_ENTRY);
    for (notes, expected) in [
        (vec![other.clone(), pv.clone()], (true, false)),
        (vec![pvh.clone()], (false, true)),
        (vec![pv, other.clone(), pvh], (true, true)),
    ] {
        let kernel = Kernel::parse(&elf(EM_X86_64, &notes)).unwrap();
        assert_eq!((kernel.arch, (kernel.pv, kernel.pvh)), (Arch::X86_64, expected));
    }
    assert_eq!(Kernel::parse(&elf(EM_X86_64, &[other])), Err(KernelError::NoNotes));
    assert_eq!(Kernel::parse(&elf(EM_X86_64, &[])), Err(KernelError::NoNotes));
}

/// An ELF file of 32 bits with one segment of notes, of which each value has eight bytes.
fn elf_32(machine: u16, notes: &[Vec<u8>]) -> Vec<u8> {
    let notes = notes.concat();
    let mut file = b"\x7fELF\x01\x01\x01".to_vec();
    file.resize(16, 0);
    for half in [2, machine] {
        file.extend(half.to_le_bytes());
    }
    for word in [1_u32, 0, 52, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    for half in [52_u16, 32, 1, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    let size = notes.len() as u32;
    for word in [PT_NOTE, 52 + 32, 0, 0, size, size, 4, 4] {
        file.extend(word.to_le_bytes());
    }
    file.extend(notes);
    file
}

#[test]
fn a_kernel_of_32_bits_is_booted_as_pvh_on_64_bit_xen() {
    let kernel = Kernel::parse(&elf_32(EM_386, &[note(b"Xen\0", PHYS32_ENTRY)])).unwrap();
    assert_eq!(kernel, Kernel { arch: Arch::X86_32, pv: false, pvh: true });
    assert_eq!(kernel.fits(&Machine::new("4.20", Arch::X86_64, Dom0::Pvh)), Ok(()));
    let error = kernel.fits(&Machine::new("4.20", Arch::X86_64, Dom0::Pv)).unwrap_err();
    assert_eq!(error, KernelError::NoEntry { missing: "PV", present: "a PVH guest" });
    assert!(kernel.fits(&Machine::new("4.20", Arch::Aarch64, Dom0::Arm)).is_err());
}

#[test]
fn images_for_arm_are_known_by_their_marks() {
    let arch = |file: &[u8]| Kernel::parse(file).map(|kernel| kernel.arch);
    assert_eq!(arch(&marked(IMAGE_MARK, b"ARM\x64")), Ok(Arch::Aarch64));
    assert_eq!(arch(&marked(ZIMAGE_MARK, &[0x18, 0x28, 0x6f, 0x01])), Ok(Arch::Arm));
    let elf_for_arm = Kernel::parse(&elf(EM_AARCH64, &[])).unwrap_err();
    assert_eq!(elf_for_arm, KernelError::ElfForArm(Arch::Aarch64));
    assert!(elf_for_arm.to_string().contains("-Txen-aarch64.ld"), "{elf_for_arm}");
}

#[test]
fn what_is_no_kernel_is_refused() {
    for file in [&b""[..], b"text", &[0; 200], b"\x7fELF"] {
        assert!(Kernel::parse(file).is_err());
    }
    assert_eq!(Kernel::parse(&elf(243, &[])), Err(KernelError::Machine(243)));
    assert_eq!(Kernel::parse(b"#!/bin/sh\n"), Err(KernelError::Unknown));
}

/// Cut anywhere, or with any byte changed, a file is an error or a kernel, and nothing else.
#[test]
fn broken_files_are_refused_without_a_panic() {
    let good = elf(EM_X86_64, &[note(b"Xen\0", ENTRY), note(b"Xen\0", PHYS32_ENTRY)]);
    for end in 0..good.len() {
        let _ = Kernel::parse(&good[..end]);
    }
    for at in 0..good.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bad = good.clone();
            bad[at] = value;
            let _ = Kernel::parse(&bad);
        }
    }
    let mut outside = good.clone();
    outside[64 + 8..64 + 16].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(Kernel::parse(&outside), Err(KernelError::Broken(_))));
    // A name and a value of almost four gigabytes.
    let mut long = good;
    long[HEADERS..HEADERS + 8].fill(0xff);
    assert_eq!(Kernel::parse(&long), Err(KernelError::NoNotes));
}

#[test]
fn a_kernel_fits_some_machines() {
    let machine = |arch, dom0| Machine::new("4.20", arch, dom0);
    let pv = Kernel { arch: Arch::X86_64, pv: true, pvh: false };
    assert_eq!(pv.fits(&machine(Arch::X86_64, Dom0::Pv)), Ok(()));
    let error = pv.fits(&machine(Arch::X86_64, Dom0::Pvh)).unwrap_err();
    assert_eq!(error, KernelError::NoEntry { missing: "PVH", present: "a PV guest" });
    let error = pv.fits(&machine(Arch::Aarch64, Dom0::Arm)).unwrap_err();
    assert!(matches!(error, KernelError::OtherArch { kernel: Arch::X86_64, .. }));
    let arm = Kernel { arch: Arch::Arm, pv: false, pvh: false };
    assert_eq!(arm.fits(&machine(Arch::Aarch64, Dom0::Arm)), Ok(()));
    assert_eq!(arm.fits(&machine(Arch::Arm, Dom0::Arm)), Ok(()));
    let arm64 = Kernel { arch: Arch::Aarch64, ..arm };
    assert!(arm64.fits(&machine(Arch::Arm, Dom0::Arm)).is_err());
    assert!(arm64.fits(&machine(Arch::X86_64, Dom0::Pv)).is_err());
}
