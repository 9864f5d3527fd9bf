//! `codegen releases`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use devtools::Arch;
use xen_headers::HeaderTree;

use super::{Input, Outcome, tree};
use crate::docs::Docs;
use crate::emit::{self, Difference};
use crate::error::Error;
use crate::import::Source;
use crate::ir::{Abi, Profile};
use crate::output;
use crate::releases::RELEASES;

/// What a repository has of the public headers.
const HEADERS: &str = "xen/include/public";

#[derive(Debug, Args)]
pub(super) struct Releases {
    /// Upstream's git repository, with the tags of the releases
    #[arg(long, value_name = "DIR")]
    git: PathBuf,
    /// Compare with what is there and list the differences, status 1 if there are any
    #[arg(long)]
    check: bool,
    /// Where the modules are [default: xen-abi/src/releases of this workspace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Releases {
    pub(super) fn run(self) -> Result<Outcome, Error> {
        let out = match &self.out {
            Some(out) => out.clone(),
            None => output::workspace_directory()?.with_file_name("releases"),
        };
        let root = tree::source(&Input::default())?;
        let root = abis(&root)?;
        let mut releases = Vec::new();
        for release in RELEASES {
            let dir = tempfile::tempdir();
            let dir = dir.map_err(|source| Error::output("create", Path::new("/tmp"), source))?;
            extract(&self.git, release.tag, dir.path())?;
            let mut tree = HeaderTree::open(dir.path())?;
            tree.label = release.point().to_owned();
            releases.push((release, abis(&Source::new(tree, None)?)?));
        }
        let (files, differences) = emit::releases(&root, &releases, &Docs::load()?)?;
        if self.check {
            let lines = output::differences(&out, &files)?;
            lines.iter().for_each(|line| anstream::eprintln!("{line}"));
            return Ok(if lines.is_empty() { Outcome::Good } else { Outcome::Different });
        }
        output::write(&out, &files)?;
        super::print(&table(&differences))?;
        Ok(Outcome::Good)
    }
}

fn abis(source: &Source) -> Result<Vec<Abi>, Error> {
    crate::abis(source, &Arch::SHIPPED, Profile::Tools)
}

/// Puts the public headers of `tag` into `dir`.
fn extract(git: &Path, tag: &str, dir: &Path) -> Result<(), Error> {
    let failed = |source| Error::Io {
        action: "read",
        path: git.to_owned(),
        source,
        hint: "; name upstream's repository with --git, and install git and tar",
    };
    let mut archive = Command::new("git")
        .arg("-C")
        .arg(git)
        .args(["archive", "--format=tar", &format!("{tag}:{HEADERS}")])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let stdout = archive.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let unpacked = Command::new("tar").arg("-x").arg("-C").arg(dir).stdin(stdout).status();
    let archived = archive.wait().map_err(failed)?;
    if archived.success() && unpacked.map_err(failed)?.success() {
        return Ok(());
    }
    Err(failed(std::io::Error::other(format!("git archive gives no headers of {tag}"))))
}

/// The differences as a table in Markdown, sorted by release and architecture.
fn table(differences: &[Difference]) -> String {
    let mut differences: Vec<_> = differences.iter().collect();
    differences.sort_by_key(|difference| (difference.release, difference.arch.name()));
    let mut text = String::from(
        "| release | beside | architecture | types: same | changed | added | absent | constants: same | changed | added | absent |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for difference in differences {
        let Difference { release, base, arch, types, constants } = difference;
        text.push_str(&format!("| {release} | {} | {arch} |", base.unwrap_or("the root")));
        for part in [types, constants] {
            let emit::Part { same, changed, added, absent } = part;
            text.push_str(&format!(" {same} | {changed} | {added} | {absent} |"));
        }
        text.push('\n');
    }
    text
}
