//! The figures that `xenabi export` gives, checked by C compilers against the same headers.
#![cfg(feature = "headers")]

use devtools::Arch;
use xen_codegen::import::Source;
use xen_codegen::ir::Profile;
use xen_layouts::modules::Shipped;
use xen_layouts::shipped::check_by_c;
use xen_layouts::{compilers, newest, oracle, records, release};
use xen_records::view::Index;
use xen_records::view::export::{Export, ExportValue, export};

fn of_profile(source: &Source, arch: Arch, profile: Profile) -> Export {
    let records = records::of(source, arch, profile).expect("the headers import");
    export(Index::new(&records).abi(0, 0))
}

/// `cargo xtask verify` asks about every release; here the negative controls below have their positive.
#[test]
fn c_agrees_with_the_newest_release() {
    let source = newest().expect("the headers are at hand");
    let name = &source.tree.label;
    for arch in [Arch::X86_64, Arch::Arm] {
        let export = of_profile(&source, arch, Profile::Tools);
        let gcc = compilers::gcc(arch).expect("it is installed");
        for compiler in [gcc].into_iter().chain(compilers::clang(arch)) {
            let verdict = oracle::check(&source, &export, Profile::Tools, compiler)
                .expect("the compiler runs");
            assert!(verdict.complaints.is_empty(), "{name} {arch}: {:#?}", verdict.complaints);
            let expected: usize = export.types.iter().map(|ty| 2 + ty.fields.len()).sum();
            assert!(verdict.checks > expected, "{name} {arch}: only {} checks", verdict.checks);
        }
    }
}

/// Guests ask for the interface that they were written for: names, members and handles of older ones
/// are C's too.
#[test]
fn c_agrees_at_older_interface_versions() {
    const VERSIONS: [u32; 6] = [0, 0x0003_0209, 0x0003_020a, 0x0004_0300, 0x0004_0600, 0x0004_0d00];
    let source = newest().expect("the headers are at hand");
    for arch in [Arch::X86_64, Arch::Arm] {
        let compiler = compilers::gcc(arch).expect("it is installed");
        for version in VERSIONS {
            let profile = Profile::Guest(version);
            let export = of_profile(&source, arch, profile);
            let verdict =
                oracle::check(&source, &export, profile, compiler).expect("the compiler runs");
            let complaints = verdict.complaints;
            assert!(complaints.is_empty(), "{version:#x} {arch}: {complaints:#?}");
            let entry =
                if version < 0x0003_020a { "struct grant_entry" } else { "struct grant_entry_v1" };
            assert!(export.types.iter().any(|ty| ty.c == entry), "{version:#x} {arch}");
        }
    }
}

/// The modules of a release's toolstack ABI say what its headers do, as `cargo xtask verify` asks of each release and
/// architecture; and C objects to others.
#[test]
fn c_objects_to_the_modules_of_another_release() {
    let records = xen_records::records().expect("the records are as they were written");
    let all = Shipped::all().expect("the modules");
    let (arch, name) = (Arch::Aarch64, "4.17");
    let shipped = all.get(&arch).expect("it is shipped");
    let modules = shipped.releases.get(name).expect("it is shipped");
    let source = release(name).expect("the headers are at hand");
    let gcc = compilers::gcc(arch).expect("it is installed");
    let judge =
        |modules| check_by_c(&records, modules, name, &source, gcc).expect("the compiler runs");
    let verdict = judge(modules);
    assert_eq!(verdict.complaints, [""; 0]);
    assert!(verdict.checks > 4_000, "only {}", verdict.checks);
    // A wrong offset, and the root's modules in place of the release's.
    let mut spoilt = modules.clone();
    let domctl = spoilt.get_mut("domctl").expect("the module");
    let ty = domctl.types.get_mut("xen_domctl_createdomain").expect("the type");
    *ty.members.get_mut("flags").expect("the member") += 4;
    let said = judge(&spoilt).complaints;
    let is_named = said.len() == 1 && said[0].contains("xen_domctl_createdomain.flags");
    assert!(is_named, "{said:#?}");
    assert!(judge(&shipped.root).complaints.len() > 10);
}

/// Makes one figure wrong.
type Spoil = fn(&mut Export);

/// The negative control: one wrong figure of each kind, and C must object to just that one.
#[test]
fn c_objects_to_each_kind_of_wrong_figure() {
    let source = newest().expect("the headers are at hand");
    let compiler = compilers::gcc(Arch::X86_64).expect("it is installed");
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
    let records = records::of(&source, Arch::X86_64, Profile::Tools).expect("the headers import");
    let index = Index::new(&records);
    for (what, spoil) in wrong {
        let mut export = export(index.abi(0, 0));
        spoil(&mut export);
        let verdict =
            oracle::check(&source, &export, Profile::Tools, compiler).expect("the compiler runs");
        assert_eq!(verdict.complaints.len(), 1, "{what}: {:#?}", verdict.complaints);
        assert!(verdict.complaints[0].contains(what), "{what}: {:#?}", verdict.complaints);
    }
}

fn ty<'a>(export: &'a mut Export, name: &str) -> &'a mut xen_records::view::export::ExportType {
    export.types.iter_mut().find(|ty| ty.name == name).expect("the type is exported")
}

fn field<'a>(
    export: &'a mut Export,
    name: &str,
    path: &str,
) -> &'a mut xen_records::view::export::ExportField {
    ty(export, name).fields.iter_mut().find(|field| field.path == path).expect("a field")
}

fn constant<'a>(
    export: &'a mut Export,
    name: &str,
) -> &'a mut xen_records::view::export::ExportConstant {
    export.constants.iter_mut().find(|constant| constant.name == name).expect("a constant")
}
