//! `xenabi uses`.

use std::collections::BTreeSet;

use clap::Args;
use xen_records::model::{Item, Type};
use xen_records::view::declaration::{c_name, variable};
use xen_records::view::layout::own_members;
use xen_records::view::{Abi, Found};

use super::{bare, is_type};
use crate::cli::Outcome;
use crate::error::Error;
use crate::input::Input;
use crate::print::print;
use crate::table::Table;
use crate::trees::Trees;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xenabi uses gnttab_copy_ptr
  xenabi uses xen_pfn_t --arch aarch64

A use of a typedef of the type counts. Status: 1 if nothing uses the type.")]
pub(crate) struct Uses {
    /// The type: a tag or a typedef
    #[arg(value_name = "TYPE")]
    name: String,
    /// The architecture [default: the first that has the type]
    #[arg(long, value_name = "ARCH")]
    arch: Option<String>,
    #[command(flatten)]
    input: Input,
}

impl Uses {
    pub(crate) fn run(self, trees: Option<Trees>) -> Result<Outcome, Error> {
        let asked = self.input.load(trees, &[])?;
        let name = bare(&self.name);
        let index = asked.index();
        let arches = asked.arches(self.arch.as_slice())?.into_iter();
        let mut abis = arches.map(|arch| index.abi(asked.release, arch));
        let Some(abi) = abis.find(|abi| abi.ty(name).is_some()) else {
            return Err(asked.unknown("type", name, is_type));
        };
        let names = names(abi, name);
        let mut table = Table::new(&[]);
        let mut is_used = false;
        for Found { header, line, name, item } in abi.types() {
            let mut row = |what: String, ty: &Type| {
                table.row([what, variable(abi, ty, "", 0), format!("{header}:{line}")]);
                is_used = true;
            };
            match item {
                Item::Typedef(ty) if mentions(ty, &names) => row(name.to_owned(), ty),
                Item::Record(record) => {
                    let members = own_members(&record.members).into_iter();
                    for (path, member) in members.filter(|(_, m)| mentions(&m.ty, &names)) {
                        row(format!("{}.{path}", c_name(name, item)), &member.ty);
                    }
                }
                _ => {}
            }
        }
        if !is_used {
            anstream::eprintln!("nothing in Xen {} uses {name}", asked.name());
        }
        print(&table.text(""))?;
        Ok(if is_used { Outcome::Yes } else { Outcome::No })
    }
}

/// The type's own name, and those of its typedefs.
fn names<'a>(abi: Abi<'a>, name: &'a str) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::from([name]);
    loop {
        let typedefs = abi.types().filter_map(|found| match found.item {
            Item::Typedef(Type::Named(target)) if names.contains(target.as_str()) => {
                Some(found.name)
            }
            _ => None,
        });
        let more: Vec<_> = typedefs.filter(|name| !names.contains(name)).collect();
        if more.is_empty() {
            return names;
        }
        names.extend(more);
    }
}

fn mentions(ty: &Type, names: &BTreeSet<&str>) -> bool {
    match ty {
        Type::Named(name) => names.contains(name.as_str()),
        Type::Array(inner, _) | Type::Handle(inner, _) | Type::Pointer(inner, _) => {
            mentions(inner, names)
        }
        _ => false,
    }
}
