//! Header trees and git revisions, read with libclang.

use std::path::Path;

use devtools::Arch;
use xen_codegen::import::Source;
use xen_codegen::ir::Profile;
use xen_codegen::{record, tree};
use xen_headers::Options;
use xen_records::Records;
use xen_records::catalogue::Release;

use crate::error::Error;

/// Records of the tree in the directory or archive `path`.
pub(crate) fn tree(path: &Path, arches: &[String]) -> Result<Records, Error> {
    let place = tempfile::tempdir().map_err(Error::Output)?;
    records(&tree::opened(path, &options(place.path()))?, &path.display().to_string(), arches)
}

/// Records of what the repository `dir` has at `rev`.
pub(crate) fn revision(dir: &Path, rev: &str, arches: &[String]) -> Result<Records, Error> {
    let place = tempfile::tempdir().map_err(Error::Output)?;
    records(&tree::at_revision(dir, rev, &options(place.path()))?, rev, arches)
}

/// Nothing is kept: this may run anywhere.
fn options(place: &Path) -> Options<'static> {
    Options { cache: place.to_owned(), ..Options::from_env() }
}

fn records(source: &Source, name: &str, names: &[String]) -> Result<Records, Error> {
    let release = record::release(&source.tree.label, &source.tree.versions);
    let release = Release { name: name.to_owned(), ..release };
    let mut arches: Vec<_> = Arch::ALL.into_iter().filter(|arch| source.has(*arch)).collect();
    // A name of none is an error of the command's, which lists all that there are.
    if names.iter().all(|name| arches.iter().any(|arch| arch.name() == name)) {
        arches.retain(|arch| names.is_empty() || names.iter().any(|name| arch.name() == name));
    }
    let made = record::snapshots_as_far(source, &release, &arches, Profile::Tools)?;
    let (snapshots, abis): (Vec<_>, Vec<_>) = made.into_iter().unzip();
    tree::warn_of_unknown(&abis);
    Ok(Records::from_snapshots(&snapshots)?)
}
