//! `xenabi diff`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use xen_records::Records;
use xen_records::view::diff::{Change, diff};

use crate::cli::Outcome;
use crate::error::Error;
use crate::input::{Asked, kept, release};
use crate::print::{BOLD, DIM, RED, print, styled};
use crate::trees::{Trees, revision, tree};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xenabi diff 4.17 4.22 --arch x86_64
  xenabi diff 4.22 ~/src/xen                a release and a checkout (only the program xenabi-headers)
  xenabi diff --git . HEAD~3 HEAD           the ABI check of a patch series (likewise)

`!` marks a break of a stable interface: then the status is 1. What a domctl or sysctl changes is no break.")]
pub(crate) struct Diff {
    /// The older release, or a directory of headers; with --git a revision
    old: String,
    /// The newer one
    new: String,
    /// The git repository that the revisions are of
    #[arg(long, value_name = "DIR")]
    git: Option<PathBuf>,
    /// Only these architectures, such as x86_64
    #[arg(long, value_name = "ARCH")]
    arch: Vec<String>,
    /// Only breaks of stable interfaces
    #[arg(long)]
    breaks: bool,
}

impl Diff {
    pub(crate) fn run(self, trees: Option<Trees>) -> Result<Outcome, Error> {
        let mut recorded = None;
        let old = self.side(trees, &self.old, &mut recorded)?;
        let new = self.side(trees, &self.new, &mut recorded)?;
        let arches = self.arches(old, new)?;
        let old_index = old.index();
        let other = (!std::ptr::eq(old.records, new.records)).then(|| new.index());
        let new_index = other.as_ref().unwrap_or(&old_index);
        let mut changes = BTreeMap::<Change, Vec<&str>>::new();
        for name in &arches {
            let arch = |side: Asked| side.records.catalogue.arch(name).unwrap_or_default();
            let before = old_index.abi(old.release, arch(old));
            let after = new_index.abi(new.release, arch(new));
            for change in diff(before, after) {
                changes.entry(change).or_default().push(name);
            }
        }
        let breaks = changes.keys().filter(|change| change.breaks).count();
        let title = format!("{} to {} on {}", titled(old), titled(new), arches.join(", "));
        let mut out = format!(
            "{}: {} changes, {breaks} of them breaks of a stable interface\n",
            styled(BOLD, &title),
            changes.len()
        );
        changes.retain(|change, _| change.breaks || !self.breaks);
        out += &table(&changes, arches.len());
        print(&out)?;
        Ok(if breaks == 0 { Outcome::Yes } else { Outcome::No })
    }

    /// What `name` means: `recorded` keeps the program's own records, which are read at most once.
    fn side(
        &self,
        trees: Option<Trees>,
        name: &str,
        recorded: &mut Option<&'static Records>,
    ) -> Result<Asked, Error> {
        if let Some(git) = &self.git {
            return Ok(Asked::of_tree(revision(trees, git, name, &self.arch)?));
        }
        if Path::new(name).exists() {
            return Ok(Asked::of_tree(tree(trees, Path::new(name), &self.arch)?));
        }
        let records = match *recorded {
            Some(records) => records,
            None => recorded.insert(kept(xen_records::records_without_lines()?)),
        };
        let release = release(&records.catalogue, name)?;
        Ok(Asked { records, release })
    }

    /// The names of the architectures asked for, or of all that both sides have.
    fn arches(&self, old: Asked, new: Asked) -> Result<Vec<String>, Error> {
        let names = |side: Asked| -> Result<Vec<String>, Error> {
            let arches = side.arches(&self.arch)?.into_iter();
            Ok(arches.map(|arch| side.records.catalogue.arches[arch].name.clone()).collect())
        };
        let (old, new) = (names(old)?, names(new)?);
        Ok(old.into_iter().filter(|name| new.contains(name)).collect())
    }
}

/// A side as a title names it: a release with its point release.
fn titled(side: Asked) -> String {
    let release = &side.records.catalogue.releases[side.release];
    match release.point == release.name {
        true => format!("Xen {}", release.name),
        false => format!("Xen {} ({})", release.name, release.point),
    }
}

fn table(changes: &BTreeMap<Change, Vec<&str>>, arches: usize) -> String {
    let mut out = String::new();
    let mut header = "";
    let width = changes.keys().map(|change| change.name.len()).max().unwrap_or(0);
    for (change, on) in changes {
        if change.header != header {
            header = &change.header;
            out += &format!("\n  {}\n", styled(BOLD, header));
        }
        let line = format!("{:width$}  {}", change.name, change.kind);
        let line = match change.breaks {
            true => styled(RED, &format!("! {line}")),
            false => format!("  {line}"),
        };
        let only = match on.len() == arches {
            true => String::new(),
            false => styled(DIM, &format!("  ({})", on.join(", "))),
        };
        out += &format!("  {line}{only}\n");
    }
    out
}
