//! The ABI as guests of older interface versions see it.
#![cfg(feature = "headers")]

use devtools::Arch;
use xen_codegen::ir::{Abi, Profile};
use xen_codegen::view::text;
use xen_layouts::newest;

fn guest(version: u32, arch: Arch) -> Abi {
    let source = newest().expect("the headers are at hand");
    xen_codegen::abi(&source, arch, Profile::Guest(version)).expect("they import")
}

fn frame_list(abi: &Abi) -> String {
    let text = text::header(abi, "grant_table.h");
    let from = text.find("struct gnttab_setup_table {").expect("the type is there");
    let line = text[from..].lines().find(|line| line.contains("frame_list"));
    line.expect("the member is there").trim().to_owned()
}

/// `grant_table.h` gates the name of version 1 entries on 0x0003020a: version 2 came with it.
#[test]
fn the_entry_changes_its_name() {
    for arch in Arch::SHIPPED {
        let (old, new) = (guest(0x0003_0209, arch), guest(0x0003_020a, arch));
        let entry = |abi: &Abi, name: &str| abi.record(name).map(|record| record.size);
        assert_eq!(entry(&old, "grant_entry"), Some(8), "{arch}");
        assert_eq!(entry(&old, "grant_entry_v1"), None, "{arch}");
        assert_eq!(entry(&new, "grant_entry"), None, "{arch}");
        assert_eq!(entry(&new, "grant_entry_v1"), Some(8), "{arch}");
        assert_eq!(entry(&new, "grant_entry_v2"), Some(16), "{arch}");
    }
}

/// ... and what `frame_list` of `gnttab_setup_table` points to on 0x00040300.
#[test]
fn the_frame_list_changes_its_target() {
    let old = guest(0x0004_02ff, Arch::X86_64);
    let new = guest(0x0004_0300, Arch::X86_64);
    assert_eq!(frame_list(&old), "16   frame_list: handle64 to u64, 8 bytes");
    assert_eq!(frame_list(&new), "16   frame_list: handle64 to xen_pfn_t, 8 bytes");
}

/// A guest that states no version has version 0, in which handles are bare pointers.
#[test]
fn the_oldest_interface_imports_everywhere() {
    for arch in Arch::SHIPPED {
        let abi = guest(0, arch);
        let bytes = arch.pointer_bytes() * 8;
        let expected = format!("handle{bytes} to ");
        // On Arm handles are 64 bits wide in every interface.
        let expected = if arch == Arch::Arm { "handle64 to " } else { &expected };
        assert!(frame_list(&abi).contains(expected), "{arch}: {}", frame_list(&abi));
    }
}

/// Toolstack headers are not for guests, and say why.
#[test]
fn guests_see_no_toolstack() {
    let abi = guest(0x0004_1300, Arch::X86_64);
    assert!(abi.record("xen_domctl").is_none());
    assert_eq!(abi.omitted["domctl.h"].reason, "for toolstacks only");
}
