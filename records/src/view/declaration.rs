//! Types as C declares them.

use super::{Abi, Found};
use crate::catalogue::Arch;
use crate::model::{Constant, Item, Kind, Member, Record, Type, Value};

/// How C names the type: `struct gnttab_copy`, or `domid_t` for what has no tag.
#[must_use]
pub fn c_name(name: &str, item: &Item) -> String {
    match item {
        Item::Record(Record { kind, is_tag: true, .. }) => [kind.keyword(), " ", name].concat(),
        Item::Enum { is_tag: true, .. } => ["enum ", name].concat(),
        _ => name.to_owned(),
    }
}

/// The declaration of a type or constant, in the words that the record has: fixed-width integers for
/// the types that C builds in.
#[must_use]
pub fn declaration(abi: Abi<'_>, found: Found<'_>) -> String {
    let Found { name, item, .. } = found;
    match item {
        Item::Record(Record { kind, is_tag, members, .. }) => {
            let body = body(abi, members, 1);
            match is_tag {
                true => format!("{} {name} {{\n{body}}};", kind.keyword()),
                false => format!("typedef {} {{\n{body}}} {name};", kind.keyword()),
            }
        }
        Item::Typedef(ty) => format!("typedef {};", variable(abi, ty, name, 0)),
        Item::Enum { .. } => format!("{};", c_name(name, item)),
        Item::Constant(constant) => format!("{name} = {}", constant.value),
    }
}

/// The type of a constant, as C has it.
#[must_use]
pub fn constant_type(constant: &Constant) -> String {
    match &constant.value {
        Value::Int { signed, bytes, .. } => c_integer(*signed, *bytes, ""),
        Value::Text(_) => String::from("char[]"),
    }
}

/// A member or variable `name` of type `ty`.
#[must_use]
pub fn variable(abi: Abi<'_>, ty: &Type, name: &str, depth: usize) -> String {
    let mut out = match ty.element() {
        Type::Inline(kind, members) => inline(abi, *kind, members, depth),
        element => spelled(element, abi.arch(), &|name| match abi.ty(name) {
            Some(found) => c_name(found.name, found.item),
            None => name.to_owned(),
        }),
    };
    if !name.is_empty() && !out.ends_with('*') {
        out.push(' ');
    }
    out + name + &dimensions(ty)
}

/// A type as the C of `arch` spells it in one line, with the names of types as `named` has them. Of a
/// structure or union without a name that is the keyword.
#[must_use]
pub fn spelled(ty: &Type, arch: &Arch, named: &dyn Fn(&str) -> String) -> String {
    match ty {
        Type::Int { signed, bytes, align } => {
            let is_aligned = *bytes == 8 && *align == 8 && arch.align64 != 8;
            let aligned = if is_aligned { "_aligned" } else { "" };
            c_integer(*signed, *bytes, aligned)
        }
        Type::Void => String::from("void"),
        Type::Named(name) => named(name),
        Type::Handle(target, bytes) => {
            let width = if *bytes == arch.handle { "" } else { "_64" };
            format!("XEN_GUEST_HANDLE{width}({})", spelled(target, arch, named))
        }
        Type::Pointer(target, _) => format!("{} *", spelled(target, arch, named)),
        Type::Array(..) => format!("{}{}", spelled(ty.element(), arch, named), dimensions(ty)),
        Type::Inline(kind, _) => kind.keyword().to_owned(),
    }
}

/// The lengths of an array; that of a flexible array member is empty.
fn dimensions(ty: &Type) -> String {
    match ty {
        Type::Array(element, 0) => format!("[]{}", dimensions(element)),
        Type::Array(element, len) => format!("[{len}]{}", dimensions(element)),
        _ => String::new(),
    }
}

fn body(abi: Abi<'_>, members: &[Member], depth: usize) -> String {
    let mut out = String::new();
    for member in members {
        let name = member.name.as_deref().unwrap_or_default();
        out += &"    ".repeat(depth);
        out += &variable(abi, &member.ty, name, depth);
        if let Some((_, width)) = member.bits {
            out += &format!(" : {width}");
        }
        out += ";\n";
    }
    out
}

fn inline(abi: Abi<'_>, kind: Kind, members: &[Member], depth: usize) -> String {
    let body = body(abi, members, depth + 1);
    format!("{} {{\n{body}{}}}", kind.keyword(), "    ".repeat(depth))
}

fn c_integer(signed: bool, bytes: u64, aligned: &str) -> String {
    let sign = if signed { "" } else { "u" };
    [sign, "int", &bytes.saturating_mul(8).to_string(), aligned, "_t"].concat()
}
