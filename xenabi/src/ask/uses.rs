//! `xenabi uses`.

use std::collections::BTreeSet;

use clap::Args;
use xen_records::model::{Item, Member, Type};
use xen_records::view::Abi;
use xen_records::view::declaration::{c_name, variable};

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
        let abis = asked.arches(self.arch.as_slice())?.into_iter().map(|arch| asked.abi(arch));
        let Some(abi) = abis.into_iter().find(|abi| abi.ty(name).is_some()) else {
            return Err(asked.unknown("type", name, is_type));
        };
        let names = names(&abi, name);
        let mut table = Table::new(&[]);
        let mut is_used = false;
        for (header, definition) in abi.types() {
            let place = format!("{header}:{}", definition.line);
            let mut row = |what: String, ty: &Type| {
                table.row([what, variable(&abi, ty, "", 0), place.clone()]);
                is_used = true;
            };
            match &definition.item {
                Item::Typedef(ty) if mentions(ty, &names) => row(definition.name.clone(), ty),
                Item::Record(record) => each(&record.members, "", &mut |path, ty| {
                    if mentions(ty, &names) {
                        row(format!("{}.{path}", c_name(definition)), ty);
                    }
                }),
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
fn names<'a>(abi: &'a Abi, name: &'a str) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::from([name]);
    loop {
        let typedefs = abi.types().filter_map(|(_, definition)| match &definition.item {
            Item::Typedef(Type::Named(target)) if names.contains(target.as_str()) => {
                Some(definition.name.as_str())
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

/// Shows `visit` every member at every level, with its path.
fn each(members: &[Member], path: &str, visit: &mut impl FnMut(&str, &Type)) {
    for member in members {
        let path = match (&member.name, path) {
            (None, path) => path.to_owned(),
            (Some(name), "") => name.clone(),
            (Some(name), path) => format!("{path}.{name}"),
        };
        visit(&path, &member.ty);
        if let Type::Inline(_, inner) = member.ty.element() {
            each(inner, &path, visit);
        }
    }
}
