//! One form of a thing as rows: a heading, and for a structure or union a row for each member.

use crate::catalogue::Arch;
use crate::model::{Constant, Item, Kind, Member, Origin, Record, Type, Value};
use crate::spell::spell;

/// What a row's text says of the first numbers.
pub(super) const SIZE: &str = "size, align";

/// A heading and its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) head: String,
    pub(super) rows: Vec<Row>,
}

/// Two numbers and what they are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) numbers: (u64, u64),
    pub(super) depth: usize,
    pub(super) text: String,
}

/// `item` called `name`, as `arch` spells it.
pub(super) fn rows(name: &str, item: &Item, arch: &Arch) -> Rows {
    match item {
        Item::Record(record) => record_rows(name, record, arch),
        Item::Typedef(ty) => head(format!("typedef {name} = {}", spell(ty, arch))),
        Item::Enum { is_tag, int } => {
            let typedef = if *is_tag { "" } else { "typedef " };
            head(format!("{typedef}enum {name}: {}", spell(int, arch)))
        }
        Item::Constant(constant) => head(constant_head(name, constant)),
    }
}

fn head(head: String) -> Rows {
    Rows { head, rows: Vec::new() }
}

fn record_rows(name: &str, record: &Record, arch: &Arch) -> Rows {
    let Record { kind, is_tag, size, align, members } = record;
    let typedef = if *is_tag { "" } else { "typedef " };
    let mut rows = vec![Row { numbers: (*size, *align), depth: 0, text: SIZE.to_owned() }];
    member_rows(members, arch, 0, &mut rows);
    Rows { head: format!("{typedef}{} {name}", kind.keyword()), rows }
}

fn member_rows(members: &[Member], arch: &Arch, depth: usize, out: &mut Vec<Row>) {
    for Member { name, offset, size, ty, bits } in members {
        let numbers = (*offset, *size);
        let name = name.as_deref().unwrap_or_default();
        if let Type::Inline(kind, inner) = ty.element() {
            let space = if name.is_empty() { "" } else { " " };
            let text = format!("{}{space}{name}{}", kind.keyword(), dimensions(ty));
            out.push(Row { numbers, depth, text });
            member_rows(inner, arch, depth + 1, out);
            continue;
        }
        let bits = bits.map(|(first, width)| format!(", bit {first}, width {width}"));
        let text = format!("{name}: {}{}", spell(ty, arch), bits.unwrap_or_default());
        out.push(Row { numbers, depth, text });
    }
}

/// The lengths of an array as C writes them.
pub(crate) fn dimensions(ty: &Type) -> String {
    match ty {
        Type::Array(element, len) => format!("[{len}]{}", dimensions(element)),
        _ => String::new(),
    }
}

fn constant_head(name: &str, constant: &Constant) -> String {
    let origin = match &constant.origin {
        Origin::Macro => "#define",
        Origin::Enumerator(_) => "enumerator",
    };
    let value = match &constant.value {
        Value::Int { value, signed, bytes } => {
            format!("{value} {}", crate::spell::integer(*signed, *bytes))
        }
        Value::Text(text) => format!("\"{}\"", text.escape_default()),
    };
    let owner = match &constant.origin {
        Origin::Enumerator(Some(owner)) => format!(" of {owner}"),
        _ => String::new(),
    };
    let also: String = constant.also.iter().map(|header| format!(" also {header}")).collect();
    format!("{origin} {name} = {value}{owner}{also}")
}

/// Names in `item` beside its own, to be checked before they are written.
pub(super) fn names(item: &Item) -> Vec<&str> {
    let mut out = Vec::new();
    match item {
        Item::Record(record) => of_members(&record.members, &mut out),
        Item::Typedef(ty) | Item::Enum { int: ty, .. } => of_type(ty, &mut out),
        Item::Constant(Constant { origin: Origin::Enumerator(Some(owner)), .. }) => {
            out.push(owner.as_str());
        }
        Item::Constant(_) => {}
    }
    out
}

fn of_members<'a>(members: &'a [Member], out: &mut Vec<&'a str>) {
    for member in members {
        out.extend(member.name.as_deref());
        of_type(&member.ty, out);
    }
}

fn of_type<'a>(ty: &'a Type, out: &mut Vec<&'a str>) {
    match ty {
        Type::Named(name) => out.push(name),
        Type::Array(inner, _) | Type::Handle(inner, _) | Type::Pointer(inner, _) => {
            of_type(inner, out);
        }
        Type::Inline(_, members) => of_members(members, out),
        Type::Int { .. } | Type::Void => {}
    }
}

/// The keyword at the start of a row about a structure or union without a name of its own.
pub(super) fn inline(text: &str) -> Option<(Kind, &str)> {
    for kind in [Kind::Struct, Kind::Union] {
        if let Some(rest) = text.strip_prefix(kind.keyword()) {
            if rest.is_empty() || rest.starts_with([' ', '[']) {
                return Some((kind, rest));
            }
        }
    }
    None
}
