//! The ABI as guests of older interface versions see it.
#![cfg(feature = "headers")]

use devtools::Arch;
use xen_codegen::ir::Profile;
use xen_layouts::{newest, records};
use xen_records::Records;
use xen_records::view::{Index, declaration::variable, layout};

fn guest(version: u32, arch: Arch) -> Records {
    let source = newest().expect("the headers are at hand");
    records::of(&source, arch, Profile::Guest(version)).expect("they import")
}

/// The type of `gnttab_setup_table.frame_list` and its size.
fn frame_list(records: &Records) -> (String, u64) {
    let index = Index::new(records);
    let abi = index.abi(0, 0);
    let mut leaves = layout::leaves(abi, "gnttab_setup_table").into_iter();
    let leaf = leaves.find(|leaf| leaf.path == "frame_list").expect("the member is there");
    (variable(abi, leaf.ty, "", 0), leaf.size)
}

/// The size of a structure or union, if it is there.
fn size(records: &Records, name: &str) -> Option<u64> {
    Index::new(records).abi(0, 0).record(name).map(|record| record.size)
}

/// `grant_table.h` gates the name of version 1 entries on 0x0003020a: version 2 came with it.
#[test]
fn the_entry_changes_its_name() {
    for arch in Arch::SHIPPED {
        let (old, new) = (guest(0x0003_0209, arch), guest(0x0003_020a, arch));
        assert_eq!(size(&old, "grant_entry"), Some(8), "{arch}");
        assert_eq!(size(&old, "grant_entry_v1"), None, "{arch}");
        assert_eq!(size(&new, "grant_entry"), None, "{arch}");
        assert_eq!(size(&new, "grant_entry_v1"), Some(8), "{arch}");
        assert_eq!(size(&new, "grant_entry_v2"), Some(16), "{arch}");
    }
}

/// ... and what `frame_list` of `gnttab_setup_table` points to on 0x00040300.
#[test]
fn the_frame_list_changes_its_target() {
    let old = guest(0x0004_02ff, Arch::X86_64);
    let new = guest(0x0004_0300, Arch::X86_64);
    assert_eq!(frame_list(&old), ("XEN_GUEST_HANDLE(uint64_t)".to_owned(), 8));
    assert_eq!(frame_list(&new), ("XEN_GUEST_HANDLE(xen_pfn_t)".to_owned(), 8));
}

/// A guest that states no version has version 0, in which handles are bare pointers.
#[test]
fn the_oldest_interface_imports_everywhere() {
    for arch in Arch::SHIPPED {
        let abi = guest(0, arch);
        // On Arm handles are 64 bits wide in every interface.
        let expected = if arch == Arch::Arm { 8 } else { arch.pointer_bytes() };
        assert_eq!(frame_list(&abi).1, expected, "{arch}");
    }
}

/// Toolstack headers are not for guests, and say why.
#[test]
fn guests_see_no_toolstack() {
    assert_eq!(size(&guest(0x0004_1300, Arch::X86_64), "xen_domctl"), None);
    let source = newest().expect("the headers are at hand");
    let abi = xen_codegen::abi(&source, Arch::X86_64, Profile::Guest(0x0004_1300));
    let abi = abi.expect("they import");
    assert_eq!(abi.omitted["domctl.h"].reason, "for toolstacks only");
}
