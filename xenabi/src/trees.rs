//! Header trees and git revisions, read with libclang.

use std::collections::BTreeSet;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use devtools::Arch;
use xen_codegen::import::Source;
use xen_codegen::ir::Profile;
use xen_codegen::{git, record};
use xen_headers::HeaderTree;
use xen_records::Records;

use crate::error::Error;

/// Records of the tree in `dir`.
pub(crate) fn tree(dir: &Path) -> Result<Records, Error> {
    let tree = HeaderTree::open(dir).map_err(xen_codegen::error::Error::from)?;
    records(tree, &dir.display().to_string())
}

/// Records of what the repository `dir` has at `rev`.
pub(crate) fn revision(dir: &Path, rev: &str) -> Result<Records, Error> {
    let place = tempfile::tempdir().map_err(Error::Output)?;
    records(git::headers(dir, rev, place.path())?, rev)
}

fn records(tree: HeaderTree, name: &str) -> Result<Records, Error> {
    let release = xen_records::catalogue::Release {
        name: name.to_owned(),
        ..record::release(&tree.label, &tree.versions)
    };
    let source = Source::new(tree, None)?;
    let arches: Vec<_> = Arch::ALL.into_iter().filter(|arch| source.has(*arch)).collect();
    let made = record::snapshots_as_far(&source, &release, &arches, Profile::Tools)?;
    let (snapshots, abis): (Vec<_>, Vec<_>) = made.into_iter().unzip();
    let unknown: BTreeSet<_> = abis.iter().flat_map(|abi| abi.unknown.values()).collect();
    for (location, what) in unknown {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
        anstream::eprintln!(
            "{style}warning{style:#}: {location}: {what} is not understood and left out"
        );
    }
    Ok(Records::from_snapshots(&snapshots)?)
}
