//! `codegen layout`.

use clap::Args;
use devtools::Arch;

use super::{Input, Outcome, arches, print, tree};
use crate::error::Error;
use crate::view;

#[derive(Debug, Args)]
pub(super) struct Layout {
    /// The type: a tag or a typedef, such as gnttab_copy or "struct gnttab_copy"
    #[arg(value_name = "TYPE")]
    name: String,
    /// Only these architectures (x86_64, x86_32, aarch64, arm, riscv64, ppc64le)
    #[arg(long, value_name = "ARCH")]
    arch: Vec<Arch>,
    #[command(flatten)]
    input: Input,
}

impl Layout {
    pub(super) fn run(self) -> Result<Outcome, Error> {
        let source = tree::source(&self.input)?;
        let abis = crate::abis(&source, &arches(&self.arch), self.input.profile())?;
        tree::warn_of_unknown(&abis);
        print(&view::layout::picture(&abis, &self.name)?)?;
        Ok(Outcome::Good)
    }
}
