//! The records of this repository beside what headers say.

use std::collections::{BTreeMap, BTreeSet};

use devtools::Arch;
use xen_codegen::import::Source;
use xen_codegen::ir::Profile;
use xen_codegen::record;
use xen_headers::{HeaderTree, LinuxTree, Options, Origin, Upstream, linux_pins, pins};
use xen_records::Records;
use xen_records::catalogue::Release;
use xen_records::model::{HeaderAbi, Item, Snapshot};

use crate::Error;

/// What the headers of `source` say on all of its architectures, as a record of `release` has it.
pub fn made(source: &Source, release: &Release) -> Result<Vec<Snapshot>, Error> {
    let arches: Vec<_> = Arch::ALL.into_iter().filter(|arch| source.has(*arch)).collect();
    Ok(record::snapshots(source, release, &arches, Profile::Tools)?)
}

/// What the headers of `source` say on one architecture: records of one release.
pub fn of(source: &Source, arch: Arch, profile: Profile) -> Result<Records, Error> {
    let release = record::release(&source.tree.label, &source.tree.versions);
    Ok(Records::from_snapshots(&record::snapshots(source, &release, &[arch], profile)?)?)
}

/// The headers of a recorded release, from where `upstream` says.
pub fn headers(upstream: &Upstream, release: &Release) -> Result<Source, Error> {
    let options = Options::from_env();
    let tree = HeaderTree::obtain_from(pins(), &release.point, upstream, &options)?;
    let linux = LinuxTree::obtain(linux_pins(), &options)?;
    Ok(Source::new(tree, Some(linux))?)
}

/// Where `records` are not what was made from headers, a line each. Where things stand in a header is
/// no matter: a distribution's patches move lines.
#[must_use]
pub fn differences(records: &Records, made: &[Snapshot]) -> Vec<String> {
    let mut out = Vec::new();
    for snapshot in made {
        let (release, arch) = (&snapshot.release.name, &snapshot.arch.name);
        let catalogue = &records.catalogue;
        let place = catalogue.release(release).zip(catalogue.arch(arch));
        let Some((at, column)) =
            place.filter(|(at, column)| catalogue.cells.contains(*at, *column))
        else {
            out.push(format!("{release} {arch}: not recorded"));
            continue;
        };
        let known = &catalogue.releases[at];
        let numbers = |release: &Release| (release.interface, release.domctl, release.sysctl);
        if numbers(known) != numbers(&snapshot.release) || snapshot.arch != catalogue.arches[column]
        {
            out.push(format!("{release} {arch}: other version numbers or rules of C"));
        }
        let recorded = records.snapshot(at, column);
        out.extend(
            items(&recorded, snapshot).into_iter().map(|line| format!("{release} {arch}, {line}")),
        );
    }
    let is_made = |(at, column): &(usize, usize)| {
        let (release, arch) =
            (&records.catalogue.releases[*at], &records.catalogue.arches[*column]);
        made.iter().any(|made| made.release.name == release.name && made.arch.name == arch.name)
    };
    let of_releases = records.catalogue.cells.iter().filter(|(at, _)| {
        made.iter().any(|made| made.release.name == records.catalogue.releases[*at].name)
    });
    for (at, column) in of_releases.filter(|cell| !is_made(cell)) {
        let (release, arch) = (&records.catalogue.releases[at], &records.catalogue.arches[column]);
        out.push(format!("{} {}: recorded, and not in the headers", release.name, arch.name));
    }
    out
}

/// What a distribution's package has otherwise than the point release that is recorded: the release, what
/// the complaint names, and why.
const PACKAGED: [(&str, &str, &str); 3] = [
    ("4.14", "arch-arm/smccc.h", "Debian's package does not install it"),
    ("4.17", "XEN_X86_FEATURE_SRSO_US_NO", "newer than the package, which is of 4.17.5"),
    ("4.17", "XEN_X86_FEATURE_SRSO_MSR_FIX", "newer than the package, which is of 4.17.5"),
];

/// The `differences` between the record of `release` and headers from `origin` that have no explanation,
/// and the explanations that explain nothing.
#[must_use]
pub fn unexplained(release: &str, origin: &Origin, differences: Vec<String>) -> Vec<String> {
    if !matches!(origin, Origin::Package(_)) {
        return differences;
    }
    let names = |line: &str, what: &str| line.split([' ', ',', ':']).any(|word| word == what);
    let rows: Vec<_> = PACKAGED.iter().filter(|(of, ..)| *of == release).collect();
    let stale =
        rows.iter().filter(|(_, what, _)| !differences.iter().any(|line| names(line, what)));
    let stale: Vec<_> = stale
        .map(|(_, what, _)| format!("{release}: {what} is as recorded, explain it no more"))
        .collect();
    let left =
        differences.into_iter().filter(|line| !rows.iter().any(|(_, what, _)| names(line, what)));
    left.chain(stale).collect()
}

/// Whether a distribution's package of `release` has `name` otherwise than the record, or lacks it.
#[must_use]
pub fn is_packaged_otherwise(release: &str, name: &str) -> bool {
    PACKAGED.iter().any(|(of, what, _)| *of == release && *what == name)
}

type Items<'a> = BTreeMap<(&'a str, &'a str), &'a Item>;

fn items(recorded: &Snapshot, made: &Snapshot) -> Vec<String> {
    let by_name = |snapshot: &'_ Snapshot| -> BTreeSet<String> {
        snapshot.headers.iter().map(|header| header.name.clone()).collect()
    };
    let mut out: Vec<String> = by_name(recorded)
        .symmetric_difference(&by_name(made))
        .map(|header| format!("{header}: read in one and not in the other"))
        .collect();
    let (ours, theirs) = (index(&recorded.headers), index(&made.headers));
    let names: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    for place in names {
        let (header, name) = place;
        match (ours.get(place), theirs.get(place)) {
            (Some(ours), Some(theirs)) if ours == theirs => {}
            (Some(_), Some(_)) => out.push(format!("{header}: {name} is otherwise in the headers")),
            (Some(_), None) => {
                out.push(format!("{header}: {name} is recorded, and not in the headers"));
            }
            (None, _) => out.push(format!("{header}: {name} is not recorded")),
        }
    }
    out
}

fn index(headers: &[HeaderAbi]) -> Items<'_> {
    let items = headers.iter().flat_map(|header| {
        let items = header.items.iter();
        items.map(|definition| ((header.name.as_str(), definition.name.as_str()), &definition.item))
    });
    items.collect()
}
