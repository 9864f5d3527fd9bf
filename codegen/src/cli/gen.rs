//! `codegen gen`.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use devtools::Arch;

use super::{Input, Outcome, arches, tree};
use crate::docs::Docs;
use crate::emit;
use crate::error::Error;
use crate::output;
use crate::releases::ROOT;

#[derive(Debug, Args)]
pub(super) struct Gen {
    /// Compare with what is there and list the differences, status 1 if there are any
    #[arg(long)]
    check: bool,
    /// Only these architectures (x86_64, x86_32, aarch64, arm, riscv64, ppc64le)
    #[arg(long, value_name = "ARCH")]
    arch: Vec<Arch>,
    /// Where the modules are [default: xen-abi/src/generated of this workspace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    input: Input,
}

impl Gen {
    pub(super) fn run(self) -> Result<Outcome, Error> {
        let out = match &self.out {
            Some(out) => out.clone(),
            None => self.shipped_directory()?,
        };
        let start = Instant::now();
        let source = tree::source(&self.input)?;
        let arches = arches(&self.arch);
        let abis = crate::abis(&source, &arches, self.input.profile())?;
        let files = emit::tree(&abis, &Docs::load()?)?;
        if self.check {
            let differences = output::differences(&out, &files)?;
            for difference in &differences {
                anstream::eprintln!("{difference}");
            }
            if differences.is_empty() {
                return Ok(Outcome::Good);
            }
            anstream::eprintln!(
                "{} is not what the headers of {} say; run `cargo run -p codegen -- gen`",
                out.display(),
                source.tree.label
            );
            return Ok(Outcome::Different);
        }
        output::write(&out, &files)?;
        for abi in &abis {
            let counts = emit::counts(abi);
            anstream::eprintln!(
                "{:8} {:5} types {:5} fields {:5} constants {:5} proofs",
                abi.arch,
                counts.types,
                counts.fields,
                counts.constants,
                counts.proofs
            );
        }
        anstream::eprintln!("wrote {} in {:.1} s", out.display(), start.elapsed().as_secs_f32());
        Ok(Outcome::Good)
    }

    /// The repository holds one release, whole and as toolstacks see it; anything else needs a directory of
    /// its own.
    fn shipped_directory(&self) -> Result<PathBuf, Error> {
        if !self.input.is_default() || !self.arch.is_empty() {
            return Err(Error::NotShipped { shipped: ROOT.to_owned() });
        }
        output::workspace_directory()
    }
}
