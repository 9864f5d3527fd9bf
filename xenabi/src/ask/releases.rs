//! `xenabi releases`.

use clap::Args;
use xen_records::view::Index;

use crate::cli::Outcome;
use crate::error::Error;
use crate::input::Input;
use crate::print::print;
use crate::table::Table;

#[derive(Debug, Args)]
pub(crate) struct Releases {}

impl Releases {
    pub(crate) fn run(self) -> Result<Outcome, Error> {
        let records = Input::default().load_without_lines(None)?.records;
        let index = Index::new(records);
        let mut table = Table::new(&[3, 4, 5]);
        table.row(["release", "point", "arch", "types", "fields", "constants"]);
        for (release, arch) in records.catalogue.cells.iter() {
            let counts = index.abi(release, arch).counts();
            let known = &records.catalogue.releases[release];
            table.row([
                known.name.clone(),
                known.point.clone(),
                records.catalogue.arches[arch].name.clone(),
                counts.types.to_string(),
                counts.fields.to_string(),
                counts.constants.to_string(),
            ]);
        }
        print(&table.text(""))?;
        Ok(Outcome::Yes)
    }
}
