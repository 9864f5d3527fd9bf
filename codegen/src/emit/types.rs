//! Type definitions.

use std::collections::BTreeMap;

use super::links::Scope;
use super::text::Text;
use super::upstream;
use super::writer::Writer;
use crate::docs::{HeaderDocs, TypeDocs};
use crate::flags;
use crate::ir::{Abi, Def, Field, FieldKind, Int, Record, RecordKind, Type, TypeDef, Value};
use crate::keywords;

/// What every type derives, and what only the architecture compiled for does: on a foreign one the
/// derives would cost each build seconds, for types that are read once and converted.
fn derives(out: &mut Writer<'_>) {
    let target = out.abi.arch.target_arch();
    out.line(format_args!("#[derive(Clone, Copy)]"));
    for (feature, traits) in [("extra-traits", "Debug, PartialEq, Eq"), ("zerocopy", ZEROCOPY)] {
        out.line(format_args!(
            "#[cfg_attr(all(feature = \"{feature}\", target_arch = \"{target}\"), derive({traits}))]"
        ));
    }
}

const ZEROCOPY: &str =
    "zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable";

pub(super) fn definition(
    out: &mut Writer<'_>,
    name: &str,
    ty: &TypeDef,
    docs: Option<&HeaderDocs>,
) {
    let words = Words::of(name, ty, docs);
    out.line(format_args!(""));
    match &ty.def {
        Def::Shared { rust, .. } => {
            out.line(format_args!("pub use crate::support::newtypes::{rust};"));
            if *rust != name {
                out.line(format_args!(""));
                about(out, ty, &words);
                out.line(format_args!("pub type {name} = {rust};"));
            }
        }
        Def::Alias(target) => {
            about(out, ty, &words);
            let target = out.ty(target);
            out.line(format_args!("pub type {name} = {target};"));
        }
        Def::Newtype(target) => {
            let target = out.ty(target);
            newtype(out, ty, &target, &words);
            out.line(format_args!("}}"));
        }
        Def::Enum(int) => {
            let int = out.int(*int).to_owned();
            newtype(out, ty, &int, &words);
            let values = values(out.abi, name);
            out.line(format_args!("[{}]\n}}", values.join(" ")));
        }
        Def::Flags(int) => flags(out, name, *int),
        Def::Record(record) => {
            about(out, ty, &words);
            match record.kind {
                RecordKind::Struct => structure(out, name, record, &words),
                RecordKind::Union => union(out, name, record, &words),
            }
        }
    }
}

/// The words the tables have about one type.
struct Words<'a> {
    docs: Option<&'a TypeDocs>,
    /// Of a type without a name: the path to it, with which its members' paths in the table begin.
    prefix: Option<&'a str>,
    scope: Scope<'a>,
    aliases: &'a [String],
}

impl<'a> Words<'a> {
    fn of(name: &'a str, ty: &'a TypeDef, docs: Option<&'a HeaderDocs>) -> Self {
        let (owner, prefix) = match &ty.within {
            Some((owner, path)) => (owner.as_str(), Some(path.as_str())),
            None => (name, None),
        };
        Self {
            docs: docs.and_then(|docs| docs.types.get(owner)),
            prefix,
            scope: Scope { item: name, records: [Some(name), Some(owner)] },
            aliases: docs.map(|docs| docs.aliases(name)).unwrap_or_default(),
        }
    }

    fn about(&self) -> Option<&'a str> {
        let docs = self.docs?;
        match self.prefix {
            None => Some(&docs.doc),
            Some(path) => docs.fields.get(path).map(String::as_str),
        }
    }

    fn member(&self, c_name: &str) -> Option<&'a str> {
        let path = match self.prefix {
            None | Some("") => c_name.to_owned(),
            Some(prefix) => format!("{prefix}.{c_name}"),
        };
        self.docs?.fields.get(&path).map(String::as_str)
    }
}

/// Our words if there are any, then what C calls it and where.
fn about(out: &mut Writer<'_>, ty: &TypeDef, words: &Words<'_>) {
    let mut text = Text::default();
    text.words(&out.links, words.scope, words.about().unwrap_or_default());
    let place = upstream::place(out.abi, &ty.location);
    let what = match (&ty.c_name, &ty.within) {
        (Some(name), _) => {
            format!("`{name}` of {place}.{}", out.since.of_type(words.scope.item, &ty.def))
        }
        (None, Some((owner, path))) if path.is_empty() => {
            format!("An anonymous part of `{owner}` in {place}.")
        }
        (None, Some((owner, path))) => format!("The type of `{owner}.{path}` in {place}."),
        (None, None) => {
            format!("Defined at {place}.{}", out.since.of_type(words.scope.item, &ty.def))
        }
    };
    text.words(&out.links, words.scope, &what);
    out.doc("", text);
    out.aliases(words.aliases);
}

fn newtype(out: &mut Writer<'_>, ty: &TypeDef, inner: &str, words: &Words<'_>) {
    out.imports.insert(String::from("crate::support::newtypes::newtype"));
    out.line(format_args!("newtype! {{"));
    about(out, ty, words);
    out.line(format_args!("pub struct {}(pub {inner});", words.scope.item));
}

/// A set of flags: the flags of one bit, and the values of the number beside them.
fn flags(out: &mut Writer<'_>, name: &str, int: Int) {
    let Some(set) = flags::named(name) else { return };
    let mut text = Text::default();
    let scope = Scope { item: name, ..Scope::default() };
    text.words(&out.links, scope, set.about);
    let has = |(record, _): &&(&str, &str)| out.abi.types.contains_key(*record);
    let members =
        set.members.iter().filter(has).map(|(record, field)| format!("`{record}.{field}`"));
    let members = members.collect::<Vec<_>>().join(" and ");
    let words = format!("`{}`, the flags of {members}. C has an integer.", set.family());
    text.words(&out.links, scope, &words);
    out.imports.insert(String::from("crate::support::flags::flags"));
    out.line(format_args!("flags! {{"));
    out.doc("", text);
    let int = out.int(int);
    out.line(format_args!("pub struct {name}(pub {int});"));
    let (mask, of_number) = set.number.unwrap_or_default();
    let is_bit = |flag: &&str| {
        let value = out.abi.constants.get(*flag).map(|constant| &constant.value);
        matches!(value, Some(Value::Int { value, .. }) if value.count_ones() == 1)
            && !of_number.contains(flag)
    };
    let bits = values(out.abi, name).into_iter().filter(is_bit).collect::<Vec<_>>().join(" ");
    let numbers = of_number.iter().filter(|value| out.abi.constants.contains_key(**value));
    let numbers: Vec<_> = numbers.map(|value| format!("{value} in {mask}")).collect();
    out.line(format_args!("[{bits}] [{}]\n}}", numbers.join(", ")));
}

/// The constants of an enumeration in the order of their values; of equal values the first by name.
fn values<'a>(abi: &'a Abi, name: &str) -> Vec<&'a str> {
    let mut values = BTreeMap::new();
    for (constant_name, constant) in &abi.constants {
        if let (Value::Int { value, .. }, Some(newtype)) = (&constant.value, &constant.newtype) {
            if newtype == name {
                values.entry(*value).or_insert(constant_name.as_str());
            }
        }
    }
    values.into_values().collect()
}

fn structure(out: &mut Writer<'_>, name: &str, record: &Record, words: &Words<'_>) {
    derives(out);
    match record.packed {
        Some(bytes) => out.line(format_args!("#[repr(C, packed({bytes}))]")),
        None => out.line(format_args!("#[repr(C)]")),
    }
    out.line(format_args!("pub struct {name} {{"));
    for field in &record.fields {
        field_doc(out, field, words);
        let ty = out.ty(&field.ty);
        out.line(format_args!("    pub {}: {ty},", field.name));
    }
    out.line(format_args!("}}"));
    for field in &record.fields {
        if let FieldKind::Bits(bits) = &field.kind {
            out.imports.insert(String::from("crate::support::bits::bit_fields"));
            let storage = match &field.ty {
                Type::Array(_, bytes) => format!("bytes {bytes}"),
                ty => format!("int {}", out.ty(ty)),
            };
            out.line(format_args!("bit_fields! {{ {name}, {}, {storage};", field.name));
            for bit in bits {
                let getter = keywords::to_rust(&bit.name);
                let ty = value_type(bit.width);
                member_doc(out, &bit.name, words);
                let (first, width) = (bit.first, bit.width);
                let setter = format!("set_{}", bit.name);
                out.line(format_args!("    {getter}, {setter}: {ty} = {first}, {width};"));
            }
            out.line(format_args!("}}"));
        }
    }
}

fn field_doc(out: &mut Writer<'_>, field: &Field, words: &Words<'_>) {
    if let FieldKind::Named(c_name) = &field.kind {
        member_doc(out, c_name, words);
    }
}

fn member_doc(out: &mut Writer<'_>, c_name: &str, words: &Words<'_>) {
    if let Some(doc) = words.member(c_name) {
        let mut text = Text::default();
        text.words(&out.links, Scope { item: c_name, ..words.scope }, doc);
        out.doc("    ", text);
    }
}

/// The smallest unsigned integer for so many bits.
fn value_type(width: u32) -> &'static str {
    match width {
        0..=8 => "u8",
        9..=16 => "u16",
        17..=32 => "u32",
        _ => "core::primitive::u64",
    }
}

/// A union is bytes, as words of its alignment, with an accessor for each member.
fn union(out: &mut Writer<'_>, name: &str, record: &Record, words: &Words<'_>) {
    let word = Int { signed: false, bytes: record.align, align: record.align };
    let word = out.int(word).to_owned();
    let len = record.size / record.align;
    derives(out);
    out.line(format_args!("#[repr(transparent)]"));
    out.line(format_args!("pub struct {name}(pub [{word}; {len}]);"));
    out.imports.insert(String::from("crate::support::union::union_members"));
    out.line(format_args!("union_members! {{ {name};"));
    for field in &record.fields {
        field_doc(out, field, words);
        let ty = out.ty(&field.ty);
        let base = match &field.kind {
            FieldKind::Named(c_name) => c_name,
            _ => &field.name,
        };
        let getter = &field.name;
        out.line(format_args!("    {getter}, {base}_mut, from_{base}: {ty};"));
    }
    out.line(format_args!("}}"));
}
