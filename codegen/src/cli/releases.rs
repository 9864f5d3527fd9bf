//! `codegen releases`.

use std::path::PathBuf;

use clap::Args;
use devtools::Arch;
use xen_headers::Upstream;

use super::{Outcome, tree};
use crate::docs::Docs;
use crate::emit::{self, Difference};
use crate::error::Error;
use crate::ir::Profile;
use crate::output;
use crate::releases::{beside_root, root};

#[derive(Debug, Args)]
pub(super) struct Releases {
    /// A clone of upstream's repository, with the tags of the releases [default: what XEN_GIT and
    /// XEN_TARBALLS name]
    #[arg(long, value_name = "DIR")]
    git: Option<PathBuf>,
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
        let upstream = match self.git {
            Some(git) => Upstream { git: Some(git), tarballs: None },
            None => Upstream::from_env(),
        };
        let root = root(&upstream, &tree::options())?;
        let root = crate::abis(&root, &Arch::SHIPPED, Profile::Tools)?;
        let releases = beside_root(&root, &upstream, &tree::options())?;
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
