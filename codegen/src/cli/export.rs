//! `codegen export`.

use clap::{Args, ValueEnum};
use devtools::Arch;

use super::{Input, Outcome, print, tree};
use crate::error::Error;
use crate::view;

#[derive(Debug, Args)]
pub(super) struct Export {
    /// The architecture (x86_64, x86_32, aarch64, arm, riscv64, ppc64le)
    #[arg(long, value_name = "ARCH", default_value = "x86_64")]
    arch: Arch,
    /// The form of the data
    #[arg(long, value_enum, default_value = "json")]
    format: Format,
    #[command(flatten)]
    input: Input,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// One JSON object
    Json,
    /// The text the snapshots hold
    Text,
}

impl Export {
    pub(super) fn run(self) -> Result<Outcome, Error> {
        let source = tree::source(&self.input)?;
        let abi = crate::abi(&source, self.arch, self.input.profile())?;
        abi.require_whole()?;
        let text = match self.format {
            Format::Json => {
                let export = view::export::export(&abi);
                // Strings and numbers only: there is nothing JSON cannot hold.
                let mut json = serde_json::to_string_pretty(&export).unwrap_or_default();
                json.push('\n');
                json
            }
            Format::Text => {
                let sections = abi.headers.iter().filter_map(|header| {
                    let text = view::text::header(&abi, header);
                    (!text.is_empty()).then(|| format!("{header}\n\n{text}\n"))
                });
                sections.collect()
            }
        };
        print(&text)?;
        Ok(Outcome::Good)
    }
}
