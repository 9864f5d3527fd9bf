//! Names that do not depend on bindgen's counting: C's own where there is one, the path of members
//! where there is none.

use std::collections::BTreeMap;

use super::each_type;
use crate::ir::{Abi, Def, FieldKind, Type};
use crate::keywords;

pub(super) fn run(abi: &mut Abi) {
    let mut renamed = BTreeMap::new();
    for (name, ty) in &abi.types {
        let Some(c_name) = &ty.c_name else { continue };
        let own = c_name.rsplit(' ').next().unwrap_or(c_name);
        if own != name && matches!(ty.def, Def::Record(_)) {
            renamed.insert(name.clone(), own.to_owned());
        }
    }
    name_anonymous_members(abi);
    let named: Vec<_> = abi
        .types
        .iter()
        .filter(|(_, ty)| ty.c_name.is_some())
        .map(|(name, _)| name.clone())
        .collect();
    let mut unnamed = BTreeMap::new();
    for name in named {
        let top = renamed.get(&name).unwrap_or(&name).clone();
        let here = Here { top: &top, rust: &top, c: "" };
        name_by_path(abi, &name, &here, &mut unnamed);
    }
    for (name, (rust, within)) in unnamed {
        if let Some(ty) = abi.types.get_mut(&name) {
            ty.within = Some(within);
        }
        renamed.insert(name, rust);
    }
    rename(abi, &renamed);
    name_members(abi);
}

/// An anonymous member goes by the name of the first member inside it: C forbids another member of
/// that name beside it.
fn name_anonymous_members(abi: &mut Abi) {
    let mut names = BTreeMap::new();
    for (owner, ty) in &abi.types {
        let Def::Record(record) = &ty.def else { continue };
        for (index, field) in record.fields.iter().enumerate() {
            if let (FieldKind::Anonymous, Some(leaf)) = (&field.kind, first_leaf(abi, &field.ty)) {
                names.insert((owner.clone(), index), leaf);
            }
        }
    }
    for ((owner, index), name) in names {
        if let Some(Def::Record(record)) = abi.types.get_mut(&owner).map(|ty| &mut ty.def) {
            record.fields[index].name = name;
        }
    }
}

fn first_leaf(abi: &Abi, ty: &Type) -> Option<String> {
    let Type::Named(name) = ty else { return None };
    abi.record(name)?.fields.iter().find_map(|field| match &field.kind {
        FieldKind::Named(name) => Some(name.clone()),
        FieldKind::Anonymous => first_leaf(abi, &field.ty),
        FieldKind::Bits(bits) => bits.first().map(|bit| bit.name.clone()),
        FieldKind::Padding => None,
    })
}

/// A place on the way down from a named type.
struct Here<'a> {
    top: &'a str,
    rust: &'a str,
    c: &'a str,
}

/// New name, and where it lies: the named type and the path of members.
type Unnamed = BTreeMap<String, (String, (String, String))>;

/// Names the records without a C name that `owner` holds, and those inside them.
fn name_by_path(abi: &Abi, owner: &str, here: &Here<'_>, unnamed: &mut Unnamed) {
    let Some(record) = abi.record(owner) else { return };
    for field in &record.fields {
        let mut ty = &field.ty;
        while let Type::Array(element, _) = ty {
            ty = element;
        }
        let Type::Named(inner) = ty else { continue };
        if abi.types.get(inner).is_none_or(|ty| ty.c_name.is_some()) || unnamed.contains_key(inner)
        {
            continue;
        }
        let rust = format!("{}_{}", here.rust, field.name);
        let c = match &field.kind {
            FieldKind::Named(name) if here.c.is_empty() => keywords::to_c(name).to_owned(),
            FieldKind::Named(name) => format!("{}.{}", here.c, keywords::to_c(name)),
            _ => here.c.to_owned(),
        };
        unnamed.insert(inner.clone(), (rust.clone(), (here.top.to_owned(), c.clone())));
        name_by_path(abi, inner, &Here { top: here.top, rust: &rust, c: &c }, unnamed);
    }
}

fn rename(abi: &mut Abi, renamed: &BTreeMap<String, String>) {
    each_type(abi, |ty| {
        if let Type::Named(name) = ty {
            if let Some(new) = renamed.get(name) {
                new.clone_into(name);
            }
        }
    });
    for (old, new) in renamed {
        let Some(ty) = abi.types.remove(old) else { continue };
        if let Some(other) = abi.types.get(new) {
            let what = format!("a name that is also another type's, at {}", other.location);
            abi.leave_out(new, ty.location, &what);
            continue;
        }
        abi.types.insert(new.clone(), ty);
    }
}

/// Bindgen appends an underscore to Rust's keywords; C's name is without it.
fn name_members(abi: &mut Abi) {
    for ty in abi.types.values_mut() {
        let Def::Record(record) = &mut ty.def else { continue };
        for field in &mut record.fields {
            match &mut field.kind {
                FieldKind::Named(name) => *name = keywords::to_c(name).to_owned(),
                FieldKind::Bits(bits) => {
                    bits.iter_mut().for_each(|bit| bit.name = keywords::to_c(&bit.name).to_owned());
                }
                FieldKind::Anonymous | FieldKind::Padding => {}
            }
        }
    }
}
