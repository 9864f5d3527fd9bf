//! `xenabi value`.

use clap::Args;
use xen_records::model::{Item, Value as Known};

use super::number;
use crate::cli::Outcome;
use crate::error::Error;
use crate::input::{Asked, Input, arches};
use crate::print::print;
use crate::table::Table;
use crate::trees::Trees;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xenabi value 0x2a
  xenabi value -22                  error numbers are found negated, as hypercalls return them
  xenabi value 7 --in GNTTABOP      only names that begin so; XEN_ may be left out

Status: 1 if no constant has the value.")]
pub(crate) struct Value {
    /// The value: decimal or hexadecimal
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    value: String,
    /// Only constants whose names begin with this
    #[arg(long = "in", value_name = "PREFIX", default_value = "")]
    prefix: String,
    #[command(flatten)]
    input: Input,
}

impl Value {
    pub(crate) fn run(self, trees: Option<Trees>) -> Result<Outcome, Error> {
        let value = number(&self.value)
            .ok_or_else(|| Error::NotANumber { text: self.value.clone(), nearest: None })?;
        let asked = self.input.load_without_lines(trees)?;
        let mut found = matches(&asked, value, &self.prefix);
        if value < 0 {
            // A hypercall's result.
            let mut errors = matches(&asked, -value, "XEN_E");
            errors.retain(|row| begins(&row[2], &self.prefix));
            found.append(&mut errors);
        }
        let mut table = Table::new(&[0, 1]);
        let is_empty = found.is_empty();
        found.into_iter().for_each(|row| table.row(row));
        match is_empty {
            true => {
                anstream::eprintln!("no constant of Xen {} has the value {value}", asked.name());
            }
            false => print(&table.text(""))?,
        }
        Ok(if is_empty { Outcome::No } else { Outcome::Yes })
    }
}

/// Value, value in hexadecimal, name, place and architectures of each constant with this value.
fn matches(asked: &Asked, value: i128, prefix: &str) -> Vec<[String; 5]> {
    let catalogue = &asked.records.catalogue;
    let mut out = Vec::new();
    for header in &asked.records.headers {
        for entry in header.entries.iter().filter(|entry| begins(&entry.name, prefix)) {
            for variant in &entry.variants {
                let Item::Constant(constant) = &variant.item else { continue };
                let is_equal =
                    matches!(constant.value, Known::Int { value: known, .. } if known == value);
                if is_equal && variant.cells.has_release(asked.release) {
                    out.push([
                        constant.value.to_string(),
                        constant.value.hexadecimal(),
                        entry.name.clone(),
                        header.name.clone(),
                        arches(catalogue, &variant.cells, asked.release),
                    ]);
                }
            }
        }
    }
    out
}

/// Whether a name begins with `prefix` in any case, with or without Xen's own.
fn begins(name: &str, prefix: &str) -> bool {
    if prefix.is_empty() {
        return true;
    }
    let (name, prefix) = (name.to_lowercase(), prefix.to_lowercase());
    let short = name.strip_prefix("xen_").unwrap_or(&name);
    name.starts_with(&prefix) || short.starts_with(&prefix)
}
