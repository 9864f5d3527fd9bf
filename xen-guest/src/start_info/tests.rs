//! Start information that lies.

use std::string::String;
use std::vec::Vec;

use proptest::prelude::*;
use xen_abi::arch_x86::hvm::start_info::*;
use xen_abi::as_bytes;
use xen_abi::xen::{SIF_INITDOMAIN, start_info, xen_pfn_t};

use super::*;

const BASE: u64 = 0x1_0000;
const SIZE: usize = 0x4000;

/// Memory of a guest, written by a test.
struct Image(Vec<u8>);

impl Image {
    fn new() -> Self {
        Self(std::vec![0; SIZE])
    }

    fn with(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.0[offset..offset + bytes.len()].copy_from_slice(bytes);
        self
    }

    fn memory(&self) -> Range<'_> {
        Range { address: BASE, bytes: &self.0 }
    }

    fn read(&self) -> Result<HvmStartInfo<'_, Range<'_>>, StartInfoError> {
        HvmStartInfo::read(self.memory(), BASE)
    }
}

fn hvm(change: impl FnOnce(&mut hvm_start_info)) -> Image {
    let mut info =
        hvm_start_info { magic: XEN_HVM_START_MAGIC_VALUE, version: 1, ..hvm_start_info::ZERO };
    change(&mut info);
    Image::new().with(0, as_bytes(&info))
}

fn module(paddr: u64, size: u64) -> hvm_modlist_entry {
    hvm_modlist_entry { paddr, size, ..hvm_modlist_entry::ZERO }
}

fn modules(entries: &[hvm_modlist_entry]) -> Image {
    let image = hvm(|info| {
        info.nr_modules = entries.len() as u32;
        info.modlist_paddr = BASE + 0x100;
    });
    let bytes: Vec<u8> = entries.iter().flat_map(|entry| as_bytes(entry).to_vec()).collect();
    image.with(0x100, &bytes)
}

#[test]
fn everything_that_is_there_is_read() {
    let range = hvm_memmap_table_entry { addr: 1, size: 2, type_: 3, reserved: 0 };
    let mut entry = module(7, 8);
    entry.cmdline_paddr = BASE + 0x400;
    let image = hvm(|info| {
        (info.cmdline_paddr, info.rsdp_paddr) = (BASE + 0x300, 9);
        (info.nr_modules, info.modlist_paddr) = (1, BASE + 0x100);
        (info.memmap_entries, info.memmap_paddr) = (1, BASE + 0x200);
    });
    let image = image.with(0x100, as_bytes(&entry)).with(0x200, as_bytes(&range));
    let image = image.with(0x300, b"a=1 b\0").with(0x400, b"ramdisk\0");
    let info = image.read().unwrap();
    assert_eq!((info.command_line(), info.rsdp(), info.version()), ("a=1 b", Some(9), 1));
    let expected = Module { address: 7, length: 8, command_line: "ramdisk" };
    assert_eq!(info.modules().collect::<Vec<_>>(), [expected]);
    let expected = MemoryRange { address: 1, length: 2, kind: 3 };
    assert_eq!(info.memory_map().collect::<Vec<_>>(), [expected]);
}

/// The bytes that version 1 added are others' in version 0, where the structure is shorter.
#[test]
fn version_0_has_no_memory_map() {
    let image = hvm(|info| (info.version, info.memmap_entries) = (0, u32::MAX));
    assert_eq!(image.read().unwrap().memory_map().count(), 0);
    let short = Range { address: BASE, bytes: &image.0[..40] };
    assert_eq!(HvmStartInfo::read(short, BASE).unwrap().version(), 0);
    let image = hvm(|_| ());
    let short = Range { address: BASE, bytes: &image.0[..40] };
    assert!(matches!(HvmStartInfo::read(short, BASE), Err(StartInfoError::Unreadable { .. })));
}

#[test]
fn lies_are_named() {
    let error = |image: Image| image.read().unwrap_err();
    assert_eq!(error(Image::new()), StartInfoError::BadMagic { found: 0 });
    let many = hvm(|info| info.nr_modules = u32::MAX);
    let what = "modules";
    let (count, max) = (u32::MAX.into(), MAX_MODULES.into());
    assert_eq!(error(many), StartInfoError::TooMany { what, count, max });
    let outside = hvm(|info| (info.memmap_entries, info.memmap_paddr) = (1, u64::MAX - 3));
    assert!(matches!(error(outside), StartInfoError::Unreadable { what: "ranges of memory", .. }));
    let wraps = modules(&[module(u64::MAX, 2)]);
    assert!(matches!(error(wraps), StartInfoError::Wraps { what: "a module", .. }));
    let line = hvm(|info| info.cmdline_paddr = BASE + 0x1000);
    let address = BASE + 0x1000;
    let endless = line.with(0x1000, &[b'x'; MAX_COMMAND_LINE]);
    let what = "the command line";
    assert_eq!(error(endless), StartInfoError::NotTerminated { what, address });
    let last = hvm(|info| info.cmdline_paddr = BASE + SIZE as u64 - 2).with(SIZE - 2, b"xx");
    assert!(matches!(error(last), StartInfoError::Unreadable { what: "the command line", .. }));
    let binary = hvm(|info| info.cmdline_paddr = BASE + 0x100).with(0x100, b"\xff\0");
    assert!(matches!(error(binary), StartInfoError::NotText { .. }));
}

#[test]
fn modules_that_overlap_are_refused() {
    let image = modules(&[module(0x1000, 0x10), module(0x5000, 1), module(0x100f, 1)]);
    let error = image.read();
    let overlap = StartInfoError::Overlap { what: "modules", first: 0, second: 2 };
    assert_eq!(error.unwrap_err(), overlap);
    let beside = modules(&[module(0x1000, 0x10), module(0x1010, 0x10), module(0xff0, 0x10)]);
    assert_eq!(beside.read().unwrap().modules().count(), 3);
}

fn pv(change: impl FnOnce(&mut start_info)) -> Image {
    let mut info = start_info::ZERO;
    info.magic[..14].copy_from_slice(b"xen-3.0-x86_64");
    (info.nr_pages, info.mfn_list) = (3, BASE + 0x1000);
    change(&mut info);
    let list: Vec<u8> =
        [5, 6, 7].iter().flat_map(|mfn| as_bytes(&xen_pfn_t(*mfn)).to_vec()).collect();
    Image::new().with(0, as_bytes(&info)).with(0x1000, &list)
}

#[test]
fn a_pv_guests_information_is_read() {
    let image = pv(|info| {
        info.cmd_line[..2].copy_from_slice(&[b'h' as i8, b'i' as i8]);
        info.shared_info = 0x5000;
        info.console.domU_mut().mfn = xen_pfn_t(9);
        info.console.domU_mut().evtchn = 2;
    });
    let info = PvStartInfo::read(image.memory(), BASE).unwrap();
    assert_eq!((info.command_line(), info.shared_info()), ("hi", 0x5000));
    let frames = [0, 2, 3].map(|index| info.frames().get(index));
    assert_eq!(frames, [Some(xen_pfn_t(5)), Some(xen_pfn_t(7)), None]);
    let pages = [5, 7, 8].map(|frame| info.frames().position(xen_pfn_t(frame)));
    assert_eq!(pages, [Some(0), Some(2), None]);
    assert_eq!(info.address(), BASE);
    assert_eq!(info.console_ring().unwrap().frame, xen_pfn_t(9));
    let first = pv(|info| info.flags = SIF_INITDOMAIN);
    assert_eq!(PvStartInfo::read(first.memory(), BASE).unwrap().console_ring(), None);
}

#[test]
fn a_pv_guests_lies_are_named() {
    let error = |change: fn(&mut start_info)| {
        let image = pv(change);
        PvStartInfo::read(image.memory(), BASE).unwrap_err()
    };
    assert!(matches!(error(|info| info.magic = [0; 32]), StartInfoError::BadMagic { .. }));
    assert!(matches!(error(|info| info.nr_pages = u64::MAX), StartInfoError::Wraps { .. }));
    assert!(matches!(error(|info| info.nr_pages = 1 << 40), StartInfoError::Unreadable { .. }));
    assert!(matches!(error(|info| info.mfn_list = 0), StartInfoError::Unreadable { .. }));
    let endless = error(|info| info.cmd_line = [b'x' as i8; 1024]);
    assert!(matches!(endless, StartInfoError::NotTerminated { .. }));
    let module = error(|info| (info.mod_start, info.mod_len) = (u64::MAX, 1));
    assert!(matches!(module, StartInfoError::Wraps { what: "the module", .. }));
}

#[test]
fn errors_name_the_place() {
    let image = modules(&[module(u64::MAX, 2)]);
    let error = image.read().unwrap_err();
    let text: String = std::format!("{error}");
    assert!(text.contains("a module at 0xffffffffffffffff, 0x2 bytes"), "{text}");
}

proptest! {
    /// Whatever the memory holds, everything is read or refused, without a panic.
    #[test]
    fn no_bytes_make_a_reader_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
        address in BASE - 8..BASE + 2008,
        pointers in proptest::array::uniform4(BASE..BASE + 2000),
        counts: (u8, u8),
        version in 0..3_u32,
    ) {
        let mut bytes = bytes;
        let info = hvm_start_info {
            magic: XEN_HVM_START_MAGIC_VALUE,
            version,
            nr_modules: counts.0.into(),
            memmap_entries: counts.1.into(),
            modlist_paddr: pointers[0],
            cmdline_paddr: pointers[1],
            rsdp_paddr: pointers[2],
            memmap_paddr: pointers[3],
            ..hvm_start_info::ZERO
        };
        for (to, from) in bytes.iter_mut().zip(as_bytes(&info)) {
            *to = *from;
        }
        let memory = Range { address: BASE, bytes: &bytes };
        if let Ok(info) = HvmStartInfo::read(memory, BASE) {
            info.modules().for_each(|module| assert!(module.command_line.len() < MAX_COMMAND_LINE));
            info.memory_map().for_each(drop);
        }
        let _ = HvmStartInfo::read(memory, address);
        let _ = PvStartInfo::read(memory, address);
    }
}
