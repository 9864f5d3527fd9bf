//! Header trees and git revisions, read with libclang.

use std::collections::BTreeSet;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use devtools::Arch;
use xen_codegen::import::Source;
use xen_codegen::ir::Profile;
use xen_codegen::record;
use xen_headers::{HeaderTree, Options};
use xen_records::Records;

use crate::error::Error;

/// Records of the tree in the directory or archive `path`.
pub(crate) fn tree(path: &Path, arches: &[String]) -> Result<Records, Error> {
    let place = tempfile::tempdir().map_err(Error::Output)?;
    let tree = if path.is_file() {
        HeaderTree::from_tarball(path, &options(place.path()))
    } else {
        HeaderTree::open(path)
    };
    records(tree.map_err(xen_codegen::error::Error::from)?, &path.display().to_string(), arches)
}

/// Records of what the repository `dir` has at `rev`.
pub(crate) fn revision(dir: &Path, rev: &str, arches: &[String]) -> Result<Records, Error> {
    let place = tempfile::tempdir().map_err(Error::Output)?;
    let tree = HeaderTree::from_git(dir, rev, &options(place.path()));
    records(tree.map_err(xen_codegen::error::Error::from)?, rev, arches)
}

/// Nothing is kept: this may run anywhere.
fn options(place: &Path) -> Options<'static> {
    Options { cache: place.to_owned(), ..Options::from_env() }
}

fn records(tree: HeaderTree, name: &str, names: &[String]) -> Result<Records, Error> {
    let release = xen_records::catalogue::Release {
        name: name.to_owned(),
        ..record::release(&tree.label, &tree.versions)
    };
    let source = Source::new(tree, None)?;
    let mut arches: Vec<_> = Arch::ALL.into_iter().filter(|arch| source.has(*arch)).collect();
    // A name of none is for who asks to report, with all that there are.
    if names.iter().all(|name| arches.iter().any(|arch| arch.name() == name)) {
        arches.retain(|arch| names.is_empty() || names.iter().any(|name| arch.name() == name));
    }
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
