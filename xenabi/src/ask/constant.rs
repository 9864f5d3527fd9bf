//! `xenabi const`.

use clap::Args;
use xen_records::model::{Item, Origin};
use xen_records::view::declaration::constant_type;

use super::is_constant;
use crate::cli::Outcome;
use crate::error::Error;
use crate::input::{Input, arches, releases};
use crate::print::{BOLD, print, styled};
use crate::table::Table;
use crate::trees::Trees;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xenabi const GNTTABOP_copy
  xenabi const XENMEM_access_default --release 4.17")]
pub(crate) struct Const {
    /// The constant: a macro or an enumerator
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    input: Input,
}

impl Const {
    pub(crate) fn run(self, trees: Option<Trees>) -> Result<Outcome, Error> {
        let asked = self.input.load(trees, &[])?;
        let catalogue = &asked.records.catalogue;
        let mut table = Table::new(&[0, 1]);
        let mut place = None;
        for (header, entry) in asked.entries(&self.name) {
            for variant in &entry.variants {
                let Item::Constant(constant) = &variant.item else { continue };
                let Some(arch) = variant.cells.arches_of(asked.release).next() else { continue };
                let line = entry.line(asked.release, arch);
                place.get_or_insert_with(|| (format!("{header}:{line}"), entry.cells()));
                let owner = match &constant.origin {
                    Origin::Enumerator(Some(owner)) => format!("enum {owner}"),
                    _ => String::new(),
                };
                table.row([
                    constant.value.to_string(),
                    constant.value.hexadecimal(),
                    constant_type(constant),
                    owner,
                    arches(catalogue, &variant.cells, asked.release),
                ]);
            }
        }
        let Some((place, cells)) = place else {
            return Err(asked.unknown("constant", &self.name, is_constant));
        };
        let name = styled(BOLD, &self.name);
        let known = releases(catalogue, &cells);
        let mut out = format!("{name}, {place}, Xen {} (known in {known})\n\n", asked.name());
        out += &table.text("  ");
        if let Some(words) = asked.records.words.get(&self.name) {
            out += &format!("\n  {words}\n");
        }
        print(&out)?;
        Ok(Outcome::Yes)
    }
}
