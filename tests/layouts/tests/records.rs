//! The records of this repository against headers, and against the proofs in xen-abi.

use devtools::Arch;
use xen_codegen::releases::{ROOT, is_unstable};
use xen_layouts::modules::{Modules, Shipped};
use xen_layouts::shipped::{compare, compare_all};
use xen_records::Records;
use xen_records::model::{Constant, Item, Record, Value};
use xen_records::view::Index;

fn records() -> Records {
    xen_records::records().expect("the records are as they were written")
}

#[test]
fn what_is_shipped_is_recorded() {
    let all = compare_all(&records(), &Shipped::all().expect("the modules"));
    assert_eq!(all.differences, [""; 0]);
    let counts = [all.types, all.members, all.constants];
    println!("{counts:?} types, members, constants");
    // A reader that sees nothing would find no difference.
    let is_enough = counts.iter().zip([9_000, 45_000, 35_000]).all(|(n, floor)| *n >= floor);
    assert!(is_enough, "only {counts:?}");
}

/// The negative control: each wrong figure is found, and nothing else is.
#[test]
fn each_wrong_figure_is_named() {
    let records = records();
    let shipped = Shipped::read(Arch::X86_64).expect("the modules");
    let (root, old) = (&shipped.root, &shipped.releases["4.17"]);
    let is_named =
        |modules: &Modules, release: &str, complaint: &str, spoil: &dyn Fn(&mut Item)| {
            let name = complaint.split([' ', '.']).next().expect("a name");
            let (at, column) = records.catalogue.cell(release, "x86_64").expect("it is recorded");
            let mut snapshot = records.snapshot(at, column);
            let items = snapshot.headers.iter_mut().flat_map(|header| &mut header.items);
            items.filter(|found| found.name == name).for_each(|found| spoil(&mut found.item));
            let wanted = |header: &str| release == ROOT || is_unstable(header);
            let spoilt = Records::from_snapshots(&[snapshot]).expect("one architecture");
            let found = compare(modules, Index::new(&spoilt).abi(0, 0), wanted).differences;
            let is_one = found.len() == 1 && found[0].contains(complaint);
            assert!(is_one, "{release} {complaint}: {found:#?}");
        };
    let record = |item: &mut Item, edit: &dyn Fn(&mut Record)| match item {
        Item::Record(record) => edit(record),
        other => panic!("no structure: {other:?}"),
    };
    let value = |item: &mut Item| match item {
        Item::Constant(Constant { value: Value::Int { value, .. }, .. }) => *value += 1,
        other => panic!("no number: {other:?}"),
    };
    is_named(root, ROOT, "gnttab_copy is", &|item| record(item, &|record| record.size += 8));
    is_named(root, ROOT, "gnttab_copy.len is", &|item| {
        record(item, &|record| record.members[2].offset += 2);
    });
    is_named(root, ROOT, "ioreq.dir is", &|item| {
        record(item, &|record| {
            let dir = record.members.iter_mut().find(|m| m.name.as_deref() == Some("dir"));
            let dir = dir.and_then(|member| member.bits.as_mut());
            dir.expect("a bit field").0 += 1;
        });
    });
    is_named(root, ROOT, "GNTST_eagain is", &value);
    // Defined by 4.17 itself, and taken from the root.
    is_named(old, "4.17", "XEN_DOMCTL_INTERFACE_VERSION is", &value);
    is_named(old, "4.17", "XEN_DOMCTL_pausedomain is", &value);
    is_named(old, "4.17", "xen_domctl_createdomain.vmtrace_size is", &|item| {
        record(item, &|record| {
            let size = record.members.iter_mut();
            let mut size = size.filter(|m| m.name.as_deref() == Some("vmtrace_size"));
            size.next().expect("the member").offset += 4;
        });
    });
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
        let release = source.tree.release.as_ref().and_then(|name| records.catalogue.release(name));
        let release = &records.catalogue.releases[release.expect("it is recorded")];
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
