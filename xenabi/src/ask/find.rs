//! `xenabi find`.

use clap::Args;
use xen_records::Records;
use xen_records::model::{Item, Member, Type};

use super::decimal;
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
        let records = Input::default().load(None, &[])?.records;
        let found = found(&records, &self.text.to_lowercase());
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
            let mut paths = Vec::new();
            if let Item::Record(record) = &newest.item {
                members(&record.members, "", text, &mut paths);
            }
            for path in paths {
                row(format!("{}.{path}", entry.name), String::from("member"));
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
        Item::Constant(constant) => format!("= {}", decimal(&constant.value)),
    }
}

/// The paths of members whose own name has `text` in it.
fn members(members: &[Member], path: &str, text: &str, out: &mut Vec<String>) {
    for member in members {
        let path = match (&member.name, path) {
            (None, path) => path.to_owned(),
            (Some(name), "") => name.clone(),
            (Some(name), path) => format!("{path}.{name}"),
        };
        if member.name.as_ref().is_some_and(|name| name.to_lowercase().contains(text)) {
            out.push(path.clone());
        }
        if let Type::Inline(_, inner) = member.ty.element() {
            self::members(inner, &path, text, out);
        }
    }
}
