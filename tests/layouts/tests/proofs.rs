//! A wrong figure does not compile, and the error names the thing.

use std::fs;

use devtools::{Arch, copy_directory};
use xen_layouts::prove::{prove, workspace};

/// Replaces `old` in one module of a copy of what is shipped, and gives what rustc says.
fn spoiled(arch: Arch, module: &str, old: &str, new: &str) -> String {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let generated = dir.path().join("generated");
    copy_directory(&workspace().join("xen-abi/src/generated"), &generated).expect("a copy");
    let file = generated.join(arch.name()).join(module);
    let text = fs::read_to_string(&file).expect("the module");
    assert_eq!(text.matches(old).count(), 1, "{old:?} is in {module} once");
    fs::write(&file, text.replace(old, new)).expect("the module");
    prove(&generated, arch).expect("rustc runs")
}

#[test]
fn what_is_shipped_compiles() {
    let generated = workspace().join("xen-abi/src/generated");
    for arch in Arch::SHIPPED {
        assert_eq!(prove(&generated, arch).expect("rustc runs"), "", "{arch}");
    }
}

#[test]
fn a_wrong_offset_does_not() {
    let wrong = "status: GrantStatus = 20, \"gnttab_copy.status\"";
    let said = spoiled(Arch::X86_32, "grant_table.rs", wrong, &wrong.replace("20", "22"));
    assert!(said.contains("gnttab_copy.status"), "{said}");
}

#[test]
fn a_wrong_size_does_not() {
    let wrong = "struct gnttab_copy: 40, 8;";
    let said = spoiled(Arch::Aarch64, "grant_table.rs", wrong, "struct gnttab_copy: 48, 8;");
    assert!(said.contains("gnttab_copy"), "{said}");
}

#[test]
fn a_wrong_alignment_does_not() {
    let wrong = "struct xen_domctl_createdomain: 68, 4;";
    let said = spoiled(Arch::X86_64, "domctl.rs", wrong, &wrong.replace(", 4", ", 8"));
    assert!(said.contains("xen_domctl_createdomain"), "{said}");
}

#[test]
fn a_wrong_offset_in_an_anonymous_member_does_not() {
    let wrong = "112, \"cpu_user_regs.edi\"";
    let said = spoiled(Arch::X86_64, "arch_x86/xen_x86_64.rs", wrong, &wrong.replace("112", "120"));
    assert!(said.contains("cpu_user_regs.edi"), "{said}");
}

#[test]
fn wrong_bits_do_not() {
    let wrong = "dir, set_dir: u8 = 5, 1;";
    let said = spoiled(Arch::Arm, "hvm/ioreq.rs", wrong, "dir, set_dir: u8 = 9, 1;");
    assert!(said.contains("ioreq.dir"), "{said}");
}

#[test]
fn a_member_too_large_for_its_union_does_not() {
    let wrong = "pub struct gnttab_copy_ptr_u(pub [u64; 1]);";
    let spoilt = "pub struct gnttab_copy_ptr_u(pub [u32; 1]);";
    let said = spoiled(Arch::X86_64, "grant_table.rs", wrong, spoilt);
    assert!(said.contains("larger than its union"), "{said}");
}

#[test]
fn padding_without_a_name_does_not() {
    let wrong = "    pub status: GrantStatus,\n    pub _padding0: [u8; 2],\n}\n\n/// One end of a";
    let padding = "    pub _padding0: [u8; 2],\n";
    let said = spoiled(Arch::X86_64, "grant_table.rs", wrong, &wrong.replace(padding, ""));
    assert!(said.contains("_padding0"), "{said}");
}
