//! Every figure we export, judged by C compilers against the same headers.
#![cfg(feature = "headers")]

use xen_abi_tests::compilers::Compiler;
use xen_abi_tests::{oracle, release};
use xen_codegen::arch::Arch;
use xen_codegen::ir::Profile;
use xen_codegen::view::export::{Export, ExportValue, export};

fn exported(source: &xen_codegen::import::Source, arch: Arch) -> Export {
    export(&xen_codegen::abi(source, arch, Profile::Tools).expect("the headers import"))
}

fn agrees(name: &str) {
    let source = release(name).expect("the headers are to be had");
    for arch in Arch::ALL {
        if arch == Arch::Riscv64 && name != "4.20" {
            continue;
        }
        let export = exported(&source, arch);
        for compiler in [Some(Compiler::gcc(arch)), Compiler::clang(arch)].into_iter().flatten() {
            let verdict = oracle::judge(&source, &export, &compiler).expect("the compiler runs");
            assert!(verdict.complaints.is_empty(), "{arch}: {:#?}", verdict.complaints);
            let expected: usize = export.types.iter().map(|ty| 2 + ty.fields.len()).sum();
            assert!(verdict.checks > expected, "{arch}: only {} checks", verdict.checks);
        }
    }
}

#[test]
fn c_agrees_with_4_14() {
    agrees("4.14");
}

#[test]
fn c_agrees_with_4_17() {
    agrees("4.17");
}

#[test]
fn c_agrees_with_4_20() {
    agrees("4.20");
}

/// Makes one figure wrong.
type Spoil = fn(&mut Export);

/// The negative control: one wrong figure of each kind, and C must object to just that one.
#[test]
fn c_objects_to_each_kind_of_wrong_figure() {
    let source = release("4.20").expect("the headers are to be had");
    let wrong: [(&str, Spoil); 9] = [
        ("struct gnttab_copy: size", |e| ty(e, "gnttab_copy").size += 8),
        ("struct gnttab_copy: align", |e| ty(e, "gnttab_copy").align = 4),
        ("struct gnttab_copy.dest.u.gmfn: offset", |e| {
            field(e, "gnttab_copy", "dest.u.gmfn").offset += 1;
        }),
        ("struct gnttab_copy.len: size", |e| field(e, "gnttab_copy", "len").size = 4),
        ("struct ioreq.dir: bits", |e| {
            let bits = &mut field(e, "ioreq", "dir").bit_offset;
            *bits = bits.map(|bit| bit + 1);
        }),
        ("GNTST_eagain: value", |e| {
            constant(e, "GNTST_eagain").value = ExportValue::Signed(12);
        }),
        ("IOCTL_GNTDEV_GRANT_COPY: value", |e| {
            constant(e, "IOCTL_GNTDEV_GRANT_COPY").value = ExportValue::Signed(0x0008_4708);
        }),
        ("GNTST_eagain: bytes", |e| constant(e, "GNTST_eagain").bytes = 8),
        ("XEN_IO_PROTO_ABI_NATIVE: value", |e| {
            constant(e, "XEN_IO_PROTO_ABI_NATIVE").value = ExportValue::Text("arm-abi".into());
        }),
    ];
    for (what, spoil) in wrong {
        let mut export = exported(&source, Arch::X86_64);
        spoil(&mut export);
        let compiler = Compiler::gcc(Arch::X86_64);
        let verdict = oracle::judge(&source, &export, &compiler).expect("the compiler runs");
        assert_eq!(verdict.complaints.len(), 1, "{what}: {:#?}", verdict.complaints);
        assert!(verdict.complaints[0].contains(what), "{what}: {:#?}", verdict.complaints);
    }
}

fn ty<'a>(export: &'a mut Export, name: &str) -> &'a mut xen_codegen::view::export::ExportType {
    export.types.iter_mut().find(|ty| ty.name == name).expect("the type is exported")
}

fn field<'a>(
    export: &'a mut Export,
    name: &str,
    path: &str,
) -> &'a mut xen_codegen::view::export::ExportField {
    ty(export, name).fields.iter_mut().find(|field| field.path == path).expect("a field")
}

fn constant<'a>(
    export: &'a mut Export,
    name: &str,
) -> &'a mut xen_codegen::view::export::ExportConstant {
    export.constants.iter_mut().find(|constant| constant.name == name).expect("a constant")
}
