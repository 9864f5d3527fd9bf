//! Header trees and git revisions, read with libclang.

use std::path::Path;

use devtools::Arch;
use xen_codegen::import::Source;
use xen_codegen::ir::Profile;
use xen_codegen::{record, tree};
use xen_headers::Options;
use xen_records::Records;
use xen_records::catalogue::Release;
use xenabi::{TreeError, Trees};

/// What this program adds.
pub(crate) const TREES: Trees = Trees { tree, revision };

/// Records of the tree in the directory or archive `path`.
fn tree(path: &Path, arches: &[String]) -> Result<Records, TreeError> {
    let place = tempfile::tempdir()?;
    records(&tree::opened(path, &options(place.path()))?, &path.display().to_string(), arches)
}

/// Records of what the repository `dir` has at `rev`.
fn revision(dir: &Path, rev: &str, arches: &[String]) -> Result<Records, TreeError> {
    let place = tempfile::tempdir()?;
    records(&tree::at_revision(dir, rev, &options(place.path()))?, rev, arches)
}

/// Nothing is kept: this may run anywhere.
fn options(place: &Path) -> Options<'static> {
    Options { cache: place.to_owned(), ..Options::from_env() }
}

fn records(source: &Source, name: &str, names: &[String]) -> Result<Records, TreeError> {
    let release = record::release(&source.tree.label, &source.tree.versions);
    let release = Release { name: name.to_owned(), ..release };
    let mut arches: Vec<_> = Arch::ALL.into_iter().filter(|arch| source.has(*arch)).collect();
    if arches.is_empty() {
        return Err(format!(
            "{name} has headers of no architecture (arch-x86, arch-arm, arch-riscv, arch-ppc), which decide on \
             sizes; name a tree that has one"
        )
        .into());
    }
    // A name of none is an error of the command's, which lists all that there are.
    if names.iter().all(|name| arches.iter().any(|arch| arch.name() == name)) {
        arches.retain(|arch| names.is_empty() || names.iter().any(|name| arch.name() == name));
    }
    let made = record::snapshots_as_far(source, &release, &arches, Profile::Tools)?;
    let (snapshots, abis): (Vec<_>, Vec<_>) = made.into_iter().unzip();
    tree::warn_of_unknown(&abis);
    Ok(Records::from_snapshots(&snapshots)?)
}
