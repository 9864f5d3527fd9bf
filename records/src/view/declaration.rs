//! Types as C declares them.

use super::Abi;
use crate::model::{Constant, Definition, Item, Kind, Member, Record, Type, Value};

/// How C names the type: `struct gnttab_copy`, or `domid_t` for what has no tag.
#[must_use]
pub fn c_name(definition: &Definition) -> String {
    let name = &definition.name;
    match &definition.item {
        Item::Record(Record { kind, is_tag: true, .. }) => format!("{} {name}", kind.keyword()),
        Item::Enum { is_tag: true, .. } => format!("enum {name}"),
        _ => name.clone(),
    }
}

/// The declaration of a type or constant, in the words that the record has: fixed-width integers for
/// the types that C builds in.
#[must_use]
pub fn declaration(abi: &Abi, definition: &Definition) -> String {
    let name = &definition.name;
    match &definition.item {
        Item::Record(Record { kind, is_tag, members, .. }) => {
            let body = body(abi, members, 1);
            match is_tag {
                true => format!("{} {name} {{\n{body}}};", kind.keyword()),
                false => format!("typedef {} {{\n{body}}} {name};", kind.keyword()),
            }
        }
        Item::Typedef(ty) => format!("typedef {};", variable(abi, ty, name, 0)),
        Item::Enum { .. } => format!("{};", c_name(definition)),
        Item::Constant(constant) => match &constant.value {
            Value::Int { value, .. } => format!("{name} = {value}"),
            Value::Text(text) => format!("{name} = {text:?}"),
        },
    }
}

/// The type of a constant, as C has it.
#[must_use]
pub fn constant_type(constant: &Constant) -> String {
    match &constant.value {
        Value::Int { signed, bytes, .. } => c_integer(*signed, *bytes),
        Value::Text(_) => String::from("char[]"),
    }
}

/// A member or variable `name` of type `ty`.
#[must_use]
pub fn variable(abi: &Abi, ty: &Type, name: &str, depth: usize) -> String {
    let mut dimensions = String::new();
    let mut element = ty;
    while let Type::Array(inner, len) = element {
        dimensions += &match len {
            0 => String::from("[]"),
            len => format!("[{len}]"),
        };
        element = inner;
    }
    let base = base(abi, element, depth);
    let space = if name.is_empty() || base.ends_with('*') { "" } else { " " };
    format!("{base}{space}{name}{dimensions}")
}

fn body(abi: &Abi, members: &[Member], depth: usize) -> String {
    let lines = members.iter().map(|member| {
        let name = member.name.as_deref().unwrap_or_default();
        let bits = member.bits.map(|(_, width)| format!(" : {width}")).unwrap_or_default();
        format!("{}{}{bits};\n", "    ".repeat(depth), variable(abi, &member.ty, name, depth))
    });
    lines.collect()
}

fn base(abi: &Abi, ty: &Type, depth: usize) -> String {
    match ty {
        Type::Int { signed, bytes, align } => {
            let aligned = *bytes == 8 && *align == 8 && abi.snapshot().arch.align64 != 8;
            match aligned {
                true => c_integer(*signed, *bytes).replace("_t", "_aligned_t"),
                false => c_integer(*signed, *bytes),
            }
        }
        Type::Void => String::from("void"),
        Type::Named(name) => match abi.ty(name) {
            Some((_, definition)) => c_name(definition),
            None => name.clone(),
        },
        Type::Handle(target, bytes) => {
            let width = if *bytes == abi.snapshot().arch.handle { "" } else { "_64" };
            format!("XEN_GUEST_HANDLE{width}({})", base(abi, target, depth))
        }
        Type::Pointer(target, _) => format!("{} *", base(abi, target, depth)),
        Type::Array(..) => variable(abi, ty, "", depth),
        Type::Inline(kind, members) => inline(abi, *kind, members, depth),
    }
}

fn inline(abi: &Abi, kind: Kind, members: &[Member], depth: usize) -> String {
    let body = body(abi, members, depth + 1);
    format!("{} {{\n{body}{}}}", kind.keyword(), "    ".repeat(depth))
}

fn c_integer(signed: bool, bytes: u64) -> String {
    format!("{}int{}_t", if signed { "" } else { "u" }, bytes.saturating_mul(8))
}
