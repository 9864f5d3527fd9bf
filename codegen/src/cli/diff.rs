//! `codegen diff`.

use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use clap::Args;
use devtools::Arch;

use super::{Outcome, arches, interface_version, print, tree};
use crate::error::Error;
use crate::ir::Profile;
use crate::view::diff::{Change, diff};

#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The older release, or a directory or archive of headers, or with --git a revision
    old: String,
    /// The newer release, or a directory or archive of headers, or with --git a revision
    new: String,
    /// A git repository: compare two of its revisions
    #[arg(long, value_name = "DIR")]
    git: Option<PathBuf>,
    /// Only these architectures (x86_64, x86_32, aarch64, arm, riscv64, ppc64le)
    #[arg(long, value_name = "ARCH")]
    arch: Vec<Arch>,
    /// Read the headers as a guest that defines __XEN_INTERFACE_VERSION__ so (0x00030201)
    #[arg(long, value_name = "VERSION", value_parser = interface_version)]
    interface_version: Option<u32>,
}

impl Diff {
    pub(super) fn run(self) -> Result<Outcome, Error> {
        let arches = arches(&self.arch);
        let profile = self.interface_version.map_or(Profile::Tools, Profile::Guest);
        let named = |name| match &self.git {
            Some(dir) => tree::at_revision(dir, name),
            None => tree::named(name),
        };
        let (old_source, new_source) = (named(&self.old)?, named(&self.new)?);
        let olds = crate::abis(&old_source, &arches, profile)?;
        let news = crate::abis(&new_source, &arches, profile)?;
        tree::warn_of_unknown(&olds);
        tree::warn_of_unknown(&news);
        let mut broken = 0;
        let mut out = String::new();
        for (old, new) in olds.iter().zip(&news) {
            let changes = diff(old, new);
            let breaks = changes.iter().filter(|change| change.breaks).count();
            broken += breaks;
            out.push_str(&format!(
                "{} to {} on {}: {} changes, {breaks} of them breaks of a stable interface\n",
                old_source.tree.title(),
                new_source.tree.title(),
                old.arch,
                changes.len()
            ));
            out.push_str(&table(&changes));
        }
        print(&out)?;
        Ok(if broken == 0 { Outcome::Good } else { Outcome::Different })
    }
}

fn table(changes: &[Change]) -> String {
    let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
    let mut out = String::new();
    let mut header = "";
    let width = changes.iter().map(|change| change.name.len()).max().unwrap_or(0);
    for change in changes {
        if change.header != header {
            header = &change.header;
            out.push_str(&format!("\n  {header}\n"));
        }
        let (mark, style) = if change.breaks { ("!", red) } else { (" ", Style::new()) };
        out.push_str(&format!(
            "  {style}{mark} {:width$}  {}{style:#}\n",
            change.name, change.kind
        ));
    }
    out.push('\n');
    out
}
