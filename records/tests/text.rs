//! Records as text: what is written is read back, and what was altered is refused.

use proptest::prelude::*;
use xen_records::catalogue::{Arch, Release};
use xen_records::cells::Cells;
use xen_records::model::{
    Constant, Definition, HeaderAbi, Item, Kind, Member, Origin, Record, Snapshot, Type, Value,
};
use xen_records::{Error, Files, Records};

const ARCHES: [(&str, u64, u64, u64); 4] =
    [("x86_64", 8, 8, 8), ("x86_32", 4, 4, 4), ("aarch64", 8, 8, 8), ("arm", 4, 8, 8)];

fn arch(at: usize) -> Arch {
    let (name, pointer, handle, align64) = ARCHES[at];
    Arch { name: name.to_owned(), pointer, handle, align64 }
}

fn release(minor: usize) -> Release {
    let name = format!("4.{minor}");
    let point = format!("{name}.1");
    Release { name, point, interface: 0x40000, domctl: 1, sysctl: 2 }
}

/// A word of C's that a record may use: those of its own do not begin so.
fn name() -> impl Strategy<Value = String> {
    "[x-z][a-z0-9_]{0,5}"
}

fn integer(align64: u64) -> impl Strategy<Value = Type> {
    (any::<bool>(), 0..4u32, any::<bool>()).prop_map(move |(signed, log, explicit)| {
        let bytes = 1 << log;
        let align = if bytes == 8 && !explicit { align64 } else { bytes };
        Type::Int { signed, bytes, align }
    })
}

fn ty(align64: u64, pointer: u64) -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![integer(align64), name().prop_map(Type::Named)];
    leaf.prop_recursive(2, 4, 1, move |inner| {
        prop_oneof![
            (inner.clone(), 0..9u64).prop_map(|(ty, len)| Type::Array(Box::new(ty), len)),
            inner.clone().prop_map(move |ty| Type::Pointer(Box::new(ty), pointer)),
            (inner, prop_oneof![Just(4u64), Just(8)])
                .prop_map(|(ty, bytes)| Type::Handle(Box::new(ty), bytes)),
            Just(Type::Handle(Box::new(Type::Void), 8)),
        ]
    })
}

fn members(align64: u64, pointer: u64) -> impl Strategy<Value = Vec<Member>> {
    let plain =
        (name(), 0..99u64, 0..99u64, ty(align64, pointer)).prop_map(|(name, offset, size, ty)| {
            Member { name: Some(name), offset, size, ty, bits: None }
        });
    let bits =
        (name(), integer(align64), 0..31u32, 1..9u32).prop_map(|(name, ty, first, width)| Member {
            name: Some(name),
            offset: 0,
            size: 4,
            ty,
            bits: Some((first, width)),
        });
    let leaf = prop::collection::vec(prop_oneof![4 => plain, 1 => bits], 0..4);
    leaf.prop_recursive(3, 12, 3, |inner| {
        let inline = (prop::option::of(name()), kind(), inner.clone(), prop::option::of(0..5u64))
            .prop_map(|(name, kind, members, len)| {
                let ty = Type::Inline(kind, members);
                // Only what has a name can be an array.
                let ty = match len.filter(|_| name.is_some()) {
                    Some(len) => Type::Array(Box::new(ty), len),
                    None => ty,
                };
                Member { name, offset: 3, size: 9, ty, bits: None }
            });
        (inner, inline).prop_map(|(mut members, inline)| {
            members.push(inline);
            members
        })
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Struct), Just(Kind::Union)]
}

fn constant() -> impl Strategy<Value = Constant> {
    let int = (any::<i64>(), any::<bool>(), 0..4u32).prop_map(|(value, signed, log)| Value::Int {
        value: value.into(),
        signed,
        bytes: 1 << log,
    });
    let value = prop_oneof![int, any::<String>().prop_map(Value::Text)];
    let origin =
        prop_oneof![Just(Origin::Macro), prop::option::of(name()).prop_map(Origin::Enumerator)];
    let also = prop::collection::vec("[a-z]{1,3}\\.h", 0..2);
    (value, origin, also).prop_map(|(value, origin, also)| Constant { value, origin, also })
}

fn item(align64: u64, pointer: u64) -> impl Strategy<Value = Item> {
    let record = (kind(), any::<bool>(), 0..99u64, 1..9u64, members(align64, pointer)).prop_map(
        |(kind, is_tag, size, align, members)| {
            Item::Record(Record { kind, is_tag, size, align, members })
        },
    );
    prop_oneof![
        record,
        ty(align64, pointer).prop_map(Item::Typedef),
        (any::<bool>(), integer(align64)).prop_map(|(is_tag, int)| Item::Enum { is_tag, int }),
        constant().prop_map(Item::Constant),
    ]
}

/// Some of a few names, so that releases and architectures share most.
fn items(align64: u64, pointer: u64) -> impl Strategy<Value = Vec<Definition>> {
    let one = (prop::sample::select(vec!["va", "vb", "vc"]), 1..9u32, item(align64, pointer));
    prop::collection::btree_map(0..3usize, one, 0..4).prop_map(|items| {
        let mut out: Vec<Definition> = Vec::new();
        for (_, (name, line, item)) in items {
            if out.iter().all(|known| known.name != name) {
                out.push(Definition { name: name.to_owned(), line, item });
            }
        }
        out.sort_by_key(|definition| definition.line);
        out
    })
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    (9..13usize, 0..ARCHES.len()).prop_flat_map(|(minor, at)| {
        let headers =
            prop::collection::btree_map("[a-b]\\.h", items(ARCHES[at].3, ARCHES[at].1), 0..3);
        headers.prop_map(move |headers| Snapshot {
            release: release(minor),
            arch: arch(at),
            headers: headers.into_iter().map(|(name, items)| HeaderAbi { name, items }).collect(),
        })
    })
}

fn read(files: &Files) -> Result<Records, Error> {
    Records::from_files(files.iter().map(|(name, text)| (name.as_str(), text.as_str())))
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(snapshots in prop::collection::vec(snapshot(), 1..6)) {
        let records = Records::from_snapshots(&snapshots).unwrap();
        let files = records.to_files().unwrap();
        prop_assert_eq!(read(&files).unwrap(), records);
    }

    /// Each snapshot comes out as it went in, unless a later one of its place took it over.
    #[test]
    fn snapshots_come_out_as_they_went_in(snapshots in prop::collection::vec(snapshot(), 1..6)) {
        let records = Records::from_snapshots(&snapshots).unwrap();
        for (at, snapshot) in snapshots.iter().enumerate() {
            let place = |other: &Snapshot| (other.release.clone(), other.arch.clone());
            if snapshots[at + 1..].iter().any(|later| place(later) == place(snapshot)) {
                continue;
            }
            let release = records.catalogue.release(&snapshot.release.name).unwrap();
            let arch = records.catalogue.arch(&snapshot.arch.name).unwrap();
            let mut found = records.snapshot(release, arch);
            let mut expected = snapshot.clone();
            // On one line the order is the record's.
            for snapshot in [&mut found, &mut expected] {
                snapshot.headers.sort_by(|a, b| a.name.cmp(&b.name));
                for header in &mut snapshot.headers {
                    header.items.sort_by(|a, b| a.name.cmp(&b.name));
                }
            }
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(body in "(struct|  x86_64 | \\| |[0-9]{1,3} |a: u8|\\[u8; |\n|#define a = \"|\\\\u\\{|@ 4\\.|handle\\(|in ){0,12}") {
        let mut files = Records::from_snapshots(&[]).unwrap().to_files().unwrap();
        files.insert("a.record".to_owned(), xen_records::sealed("a.h", &body));
        let _ = read(&files);
    }
}

#[test]
fn the_records_of_this_repository_are_read_and_written_alike() {
    let records = xen_records::records().unwrap();
    let written = records.to_files().unwrap();
    let there: Files = xen_records::files()
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    assert_eq!(written.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>());
    for (name, text) in &written {
        assert!(*text == there[name], "{name} is written otherwise");
    }
    assert!(records.catalogue.releases.len() >= 9);
}

#[test]
fn one_cell_reads_as_the_whole_has_it() {
    let whole = xen_records::records().unwrap();
    let cell = whole.catalogue.cell("4.17", "arm").unwrap();
    let part = xen_records::records_within(|catalogue| {
        let mut cells = Cells::default();
        cells.insert(catalogue.release("4.17").unwrap(), catalogue.arch("arm").unwrap());
        cells
    });
    let part = part.unwrap();
    assert_eq!(part.catalogue, whole.catalogue);
    assert!(part.snapshot(cell.0, cell.1) == whole.snapshot(cell.0, cell.1));
    for (release, arch) in whole.catalogue.cells.iter().filter(|other| *other != cell) {
        assert_eq!(part.snapshot(release, arch).headers, [], "{release} {arch}");
    }
}

#[test]
fn a_record_that_was_edited_is_refused() {
    let mut files = files();
    let text = files.get_mut("grant_table.record").unwrap();
    *text = text.replacen("= 12 i32", "= 13 i32", 1);
    let error = read(&files).unwrap_err();
    assert_eq!(error, Error::Edited { file: String::from("grant_table.record") });
    assert!(error.to_string().contains("edited by hand"), "{error}");
}

#[test]
fn a_record_of_a_newer_format_is_refused() {
    let mut files = files();
    let text = files.get_mut("sched.record").unwrap();
    *text = text.replacen("xen-record 1", "xen-record 2", 1);
    let error = read(&files).unwrap_err();
    assert!(error.to_string().contains("newer version of this program"), "{error}");
    assert!(error.to_string().contains("sched.record"), "{error}");
}

#[test]
fn files_that_are_no_records() {
    let mut files = files();
    files.insert(String::from("notes.record"), String::from("mine\n"));
    assert!(matches!(read(&files), Err(Error::NotARecord { .. })));
    files.remove("notes.record");
    files.remove("catalogue.record");
    assert!(matches!(read(&files), Err(Error::Missing { .. })));
}

/// With its hash made anew, a line without meaning is named.
#[test]
fn malformed_lines_are_named() {
    for (body, what) in [
        ("struct x\n    1     1  size, align\n    0  a: u8\n", "no row"),
        ("struct x\n", "no size"),
        ("typedef x = [u8; many]\n", "is no type"),
        ("#define X = 3 i33\n", "neither a type nor a constant"),
        ("#define X = 3 i32 @ 5.1..\n", "neither an architecture nor a release"),
        ("struct x\n  vax\n    1     1  size, align\n", "no architecture"),
        ("nothing\n", "neither a type nor a constant"),
    ] {
        let mut files = files();
        files.insert(String::from("sched.record"), xen_records::sealed("sched.h", body));
        let error = read(&files).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("sched.record:3") && text.contains(what), "{body:?}: {text}");
    }
}

#[test]
fn a_name_that_would_read_back_otherwise_is_refused() {
    let item = Item::Typedef(Type::Named(String::from("u8")));
    let items = vec![Definition { name: String::from("mine"), line: 1, item }];
    let headers = vec![HeaderAbi { name: String::from("a.h"), items }];
    let snapshot = Snapshot { release: release(9), arch: arch(0), headers };
    let error = Records::from_snapshots(&[snapshot]).unwrap().to_files().unwrap_err();
    assert!(matches!(error, Error::Unwritable { .. }), "{error}");
}

fn files() -> Files {
    let of_repository = xen_records::files().iter();
    of_repository.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}
