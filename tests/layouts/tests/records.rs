//! The records of this repository against headers, and against the proofs in xen-abi.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use devtools::Arch;
use xen_layouts::prove::workspace;
use xen_records::Records;
use xen_records::model::{Item, Record};
use xen_records::view::Abi;

fn records() -> Records {
    xen_records::records().expect("the records are as they were written")
}

/// Size, alignment and members' offsets of each structure or union that rustc has proven.
type Proven = BTreeMap<String, (u64, u64, BTreeMap<String, u64>)>;

/// The figures of `layout!` in every module below `dir`.
fn proven(dir: &Path, out: &mut Proven) {
    for entry in fs::read_dir(dir).expect("the shipped modules") {
        let path = entry.expect("a readable directory").path();
        if path.is_dir() {
            proven(&path, out);
            continue;
        }
        let text = fs::read_to_string(&path).expect("a module");
        for block in text.split("\nlayout! { ").skip(1) {
            let (block, _) = block.split_once('}').expect("a block has an end");
            let (head, rows) = block.split_once('\n').unwrap_or((block, ""));
            let (name, figures) = head.split_once(": ").expect("a name and figures");
            let name = name.trim_start_matches("struct ").trim_start_matches("union ");
            let (size, align) = figures.split_once(", ").expect("two figures");
            let number = |text: &str| text.trim_end_matches([';', ' ']).parse().expect("a number");
            let members = rows.lines().filter_map(|row| {
                let (_, rest) = row.split_once(" = ")?;
                let (offset, path) = rest.split_once(", \"")?;
                let member = path.trim_end_matches("\";").rsplit('.').next()?;
                Some((member.to_owned(), offset.parse().ok()?))
            });
            out.insert(name.to_owned(), (number(size), number(align), members.collect()));
        }
    }
}

/// What differs between the record of the shipped release and the proofs, and how much was compared.
fn against_proofs(abi: &Abi, proven: &Proven) -> (Vec<String>, usize) {
    let (mut out, mut compared) = (Vec::new(), 0);
    for (_, definition) in abi.types() {
        let Item::Record(Record { size, align, members, .. }) = &definition.item else { continue };
        let name = &definition.name;
        let Some((proven_size, proven_align, offsets)) = proven.get(name) else {
            out.push(format!("{name}: no proof"));
            continue;
        };
        if (size, align) != (proven_size, proven_align) {
            out.push(format!("{name}: {size} {align}, proven {proven_size} {proven_align}"));
        }
        // A union's are at its start; what has no name in C, and bits, have another one in Rust.
        let members = members.iter().filter(|member| member.bits.is_none());
        let members = members.filter_map(|member| Some((member.name.as_ref()?, member.offset)));
        for (member, offset) in members.filter(|_| !offsets.is_empty()) {
            compared += 1;
            let escaped = offsets.get(&format!("{member}_"));
            if offsets.get(member).or(escaped) != Some(&offset) {
                out.push(format!("{name}.{member}: {offset}, proven {:?}", offsets.get(member)));
            }
        }
    }
    (out, compared)
}

/// The release whose modules xen-abi ships.
fn shipped(records: &Records) -> usize {
    let name = &xen_headers::pins().default_release().name;
    records.catalogue.release(name).expect("the shipped release is recorded")
}

#[test]
fn rustc_has_proven_what_is_recorded() {
    let records = records();
    let release = shipped(&records);
    for arch in Arch::SHIPPED {
        let mut figures = Proven::new();
        proven(&workspace().join("xen-abi/src/generated").join(arch.name()), &mut figures);
        let column = records.catalogue.arch(arch.name()).expect("a recorded architecture");
        let mut snapshot = records.snapshot(release, column);
        let (wrong, compared) = against_proofs(&Abi::from(snapshot.clone()), &figures);
        assert_eq!(wrong, [""; 0], "{arch}");
        assert!(compared > 1_500, "{arch}: only {compared} members");
        // The negative control: one wrong figure is found.
        let items = snapshot.headers.iter_mut().flat_map(|header| &mut header.items);
        for definition in items.filter(|definition| definition.name == "gnttab_copy") {
            let Item::Record(record) = &mut definition.item else { panic!("a structure") };
            record.members[2].offset += 2;
        }
        let (wrong, _) = against_proofs(&Abi::from(snapshot), &figures);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
    }
}

#[cfg(feature = "headers")]
mod headers {
    use super::*;
    use xen_layouts::records::{differences, made, unexplained};
    use xen_layouts::{each_release, newest};

    #[test]
    fn every_release_is_as_recorded() {
        let records = records();
        each_release(|source| {
            let name = source.tree.release.as_ref().expect("a pinned release");
            let release = &records.catalogue.releases
                [records.catalogue.release(name).expect("it is recorded")];
            let made = made(source, release).expect("the headers import");
            let differences = differences(&records, &made);
            let differences = unexplained(&release.name, &source.tree.origin, differences);
            assert_eq!(differences, [""; 0], "make the record anew with `codegen record`");
        });
    }

    /// The negative control: what is other, more or less in the headers is named, and nothing else is.
    #[test]
    fn each_flaw_is_named() {
        let source = newest().expect("the headers are at hand");
        let records = records();
        let release = &records.catalogue.releases[shipped(&records)];
        let whole = made(&source, release).expect("the headers import");
        let find = |snapshots: &mut Vec<xen_records::model::Snapshot>, name: &str| {
            let header =
                snapshots[0].headers.iter_mut().find(|header| header.name == "grant_table.h");
            let header = header.expect("the header");
            let at = header.items.iter().position(|definition| definition.name == name);
            (header.clone(), at.expect("the item"))
        };
        let spoil = |edit: &dyn Fn(&mut xen_records::model::HeaderAbi, usize), name: &str| {
            let mut made = whole.clone();
            let (mut header, at) = find(&mut made, name);
            edit(&mut header, at);
            let place = made[0].headers.iter_mut().find(|header| header.name == "grant_table.h");
            *place.expect("the header") = header;
            differences(&records, &made)
        };
        let of = format!("{} x86_64, grant_table.h: gnttab_copy", release.name);
        let missing = spoil(&|header, at| drop(header.items.remove(at)), "gnttab_copy");
        assert_eq!(missing, [format!("{of} is recorded, and not in the headers")]);
        let renamed = |header: &mut xen_records::model::HeaderAbi, at: usize| {
            let mut item = header.items[at].clone();
            item.name.push_str("_more");
            header.items.push(item);
        };
        assert_eq!(spoil(&renamed, "gnttab_copy"), [format!("{of}_more is not recorded")]);
        let other = |header: &mut xen_records::model::HeaderAbi, at: usize| {
            let Item::Record(record) = &mut header.items[at].item else { panic!("a structure") };
            record.size += 8;
        };
        assert_eq!(spoil(&other, "gnttab_copy"), [format!("{of} is otherwise in the headers")]);
        let one = differences(&records, &whole[1..]);
        assert_eq!(one, [format!("{} x86_64: recorded, and not in the headers", release.name)]);
    }
}
