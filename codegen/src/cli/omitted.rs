//! `codegen omitted`.

use std::collections::BTreeMap;

use clap::Args;
use devtools::Arch;

use super::{Input, Outcome, print, tree};
use crate::error::Error;

#[derive(Debug, Args)]
pub(super) struct Omitted {
    /// The architecture (x86_64, x86_32, aarch64, arm, riscv64, ppc64le)
    #[arg(long, value_name = "ARCH", default_value = "x86_64")]
    arch: Arch,
    #[command(flatten)]
    input: Input,
}

impl Omitted {
    pub(super) fn run(self) -> Result<Outcome, Error> {
        let source = tree::source(&self.input)?;
        let abi = crate::abi(&source, self.arch, self.input.profile())?;
        crate::tree::warn_of_unknown(std::slice::from_ref(&abi));
        let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, omission) in &abi.omitted {
            by_reason
                .entry(omission.reason)
                .or_default()
                .push(format!("{name} ({})", omission.location));
        }
        let mut out = String::new();
        for (reason, names) in by_reason {
            out.push_str(&format!("{}: {reason}\n", names.len()));
            names.iter().for_each(|name| out.push_str(&format!("    {name}\n")));
        }
        print(&out)?;
        Ok(Outcome::Good)
    }
}
