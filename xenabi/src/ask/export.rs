//! `xenabi export`.

use clap::{Args, ValueEnum};
use xen_records::Records;
use xen_records::view::export::export;

use crate::cli::Outcome;
use crate::error::Error;
use crate::input::Input;
use crate::print::print;
use crate::trees::Trees;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xenabi export > x86_64.json
  xenabi export --release 4.17 --arch arm
  xenabi export --format text            as the records in the repository have it

The JSON follows schema/export.json beside the program's source.")]
pub(crate) struct Export {
    /// The architecture
    #[arg(long, value_name = "ARCH", default_value = "x86_64")]
    arch: String,
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
    /// The text of records, header by header
    Text,
}

impl Export {
    pub(crate) fn run(self, trees: Option<Trees>) -> Result<Outcome, Error> {
        let asked = self.input.load_only(trees, &self.arch)?;
        let arch = asked.arches(&[self.arch])?.first().copied().unwrap_or_default();
        let text = match self.format {
            Format::Json => export(asked.index().abi(asked.release, arch)).to_json() + "\n",
            Format::Text => {
                let snapshot = asked.records.snapshot(asked.release, arch);
                Records::from_snapshots(&[snapshot])?.to_text()?
            }
        };
        print(&text)?;
        Ok(Outcome::Yes)
    }
}
