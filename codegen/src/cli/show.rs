//! `codegen show`.

use clap::Args;
use devtools::Arch;
use xen_records::Records;

use super::{Input, Outcome, print, tree};
use crate::error::Error;
use crate::record;

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The architecture (x86_64, x86_32, aarch64, arm, riscv64)
    #[arg(long, value_name = "ARCH", default_value = "x86_64")]
    arch: Arch,
    #[command(flatten)]
    input: Input,
}

impl Show {
    pub(super) fn run(self) -> Result<Outcome, Error> {
        let source = tree::source(&self.input)?;
        let release = record::release(&source.tree.label, &source.tree.versions);
        let made = record::snapshots(&source, &release, &[self.arch], self.input.profile())?;
        print(&Records::from_snapshots(&made)?.to_text()?)?;
        Ok(Outcome::Good)
    }
}
