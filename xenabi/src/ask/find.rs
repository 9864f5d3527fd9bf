//! `xenabi find`.

use clap::Args;
use xen_records::Records;
use xen_records::model::Item;
use xen_records::view::layout::own_members;

use crate::cli::Outcome;
use crate::error::Error;
use crate::input::{Input, releases};
use crate::print::print;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xenabi find evtchn_port
  xenabi find cache_flush

Names of every known release are searched, in any case; the last column names the releases of what is not in all.
Status: 1 if nothing is found.")]
pub(crate) struct Find {
    /// A part of a name
    #[arg(value_name = "TEXT")]
    text: String,
}

impl Find {
    pub(crate) fn run(self) -> Result<Outcome, Error> {
        let records = Input::default().load_without_lines(None)?.records;
        let found = found(records, &self.text.to_lowercase());
        let is_empty = found.is_empty();
        let mut table = Table::new(&[]);
        found.into_iter().for_each(|row| table.row(row));
        match is_empty {
            true => anstream::eprintln!("nothing is called {:?}", self.text),
            false => print(&table.text(""))?,
        }
        Ok(if is_empty { Outcome::No } else { Outcome::Yes })
    }
}

/// Name, what it is, header, and the releases if they are not all.
fn found(records: &Records, text: &str) -> Vec<[String; 4]> {
    let catalogue = &records.catalogue;
    let mut out = Vec::new();
    for header in &records.headers {
        for entry in &header.entries {
            let cells = entry.cells();
            let scope = match cells.any_releases() == catalogue.cells.any_releases() {
                true => String::new(),
                false => releases(catalogue, &cells),
            };
            let mut row = |name: String, what: String| {
                out.push([name, what, header.name.clone(), scope.clone()]);
            };
            let Some(newest) = entry.variants.first() else { continue };
            if entry.name.to_lowercase().contains(text) {
                row(entry.name.clone(), what(&newest.item));
            }
            let Item::Record(record) = &newest.item else { continue };
            for (path, member) in own_members(&record.members) {
                if member.name.as_ref().is_some_and(|name| name.to_lowercase().contains(text)) {
                    row(format!("{}.{path}", entry.name), String::from("member"));
                }
            }
        }
    }
    out
}

fn what(item: &Item) -> String {
    match item {
        Item::Record(record) => format!("{}, {} bytes", record.kind.keyword(), record.size),
        Item::Typedef(_) => String::from("typedef"),
        Item::Enum { .. } => String::from("enum"),
        Item::Constant(constant) => format!("= {}", constant.value),
    }
}
