//! Type definitions.

use super::writer::Writer;
use crate::docs::{HeaderDocs, TypeDocs};
use crate::ir::{Def, Field, FieldKind, Record, RecordKind, Type, TypeDef};
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
    let docs = Words::of(name, ty, docs);
    out.line(format_args!(""));
    match &ty.def {
        Def::Shared { rust, .. } => {
            out.line(format_args!("pub use crate::support::newtypes::{rust};"));
            if *rust != name {
                out.line(format_args!("\n/// `{name}` of `{}`.", ty.location.header));
                out.line(format_args!("pub type {name} = {rust};"));
            }
        }
        Def::Alias(target) => {
            about(out, ty, &docs);
            let target = out.ty(target);
            out.line(format_args!("pub type {name} = {target};"));
        }
        Def::Newtype(target) => {
            let target = out.ty(target);
            newtype(out, name, ty, &target, &docs);
        }
        Def::Enum(int) => {
            let int = out.int(*int).to_owned();
            newtype(out, name, ty, &int, &docs);
        }
        Def::Record(record) => {
            about(out, ty, &docs);
            match record.kind {
                RecordKind::Struct => structure(out, name, record, &docs),
                RecordKind::Union => union(out, name, record, &docs),
            }
        }
    }
}

/// The words the tables have about one type.
struct Words<'a> {
    docs: Option<&'a TypeDocs>,
    /// Of a type without a name: the path to it, behind which its members stand in the table.
    prefix: Option<&'a str>,
}

impl<'a> Words<'a> {
    fn of(name: &str, ty: &'a TypeDef, docs: Option<&'a HeaderDocs>) -> Self {
        let (name, prefix) = match &ty.within {
            Some((owner, path)) => (owner.as_str(), Some(path.as_str())),
            None => (name, None),
        };
        Self { docs: docs.and_then(|docs| docs.types.get(name)), prefix }
    }

    fn about(&self) -> Option<&'a str> {
        let docs = self.docs?;
        let text = match self.prefix {
            None => &docs.doc,
            Some(path) => docs.fields.get(path)?,
        };
        Some(text.trim()).filter(|text| !text.is_empty())
    }

    fn member(&self, c_name: &str) -> Option<&'a str> {
        let path = match self.prefix {
            None | Some("") => c_name.to_owned(),
            Some(prefix) => format!("{prefix}.{c_name}"),
        };
        self.docs?.fields.get(&path).map(String::as_str)
    }
}

/// Our words if there are any, then what C calls it.
fn about(out: &mut Writer<'_>, ty: &TypeDef, docs: &Words<'_>) {
    if let Some(doc) = docs.about() {
        out.doc("", doc);
        out.line(format_args!("///"));
    }
    match &ty.c_name {
        Some(name) => out.line(format_args!("/// `{name}` of `{}`.", ty.location.header)),
        None => {
            let (owner, path) = ty.within.clone().unwrap_or_default();
            let what = if path.is_empty() { "An anonymous part of" } else { "The type of" };
            let dot = if path.is_empty() { "" } else { "." };
            out.line(format_args!("/// {what} `{owner}{dot}{path}` in `{}`.", ty.location.header));
        }
    }
}

fn newtype(out: &mut Writer<'_>, name: &str, ty: &TypeDef, inner: &str, docs: &Words<'_>) {
    out.imports.insert(String::from("crate::support::newtypes::newtype"));
    out.line(format_args!("newtype! {{"));
    about(out, ty, docs);
    out.line(format_args!("pub struct {name}(pub {inner});\n}}"));
}

fn structure(out: &mut Writer<'_>, name: &str, record: &Record, docs: &Words<'_>) {
    derives(out);
    match record.packed {
        Some(bytes) => out.line(format_args!("#[repr(C, packed({bytes}))]")),
        None => out.line(format_args!("#[repr(C)]")),
    }
    out.line(format_args!("pub struct {name} {{"));
    for field in &record.fields {
        field_doc(out, field, docs);
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
                if let Some(doc) = docs.member(&bit.name) {
                    out.doc("    ", doc);
                }
                let (first, width) = (bit.first, bit.width);
                let setter = format!("set_{}", bit.name);
                out.line(format_args!("    {getter}, {setter}: {ty} = {first}, {width};"));
            }
            out.line(format_args!("}}"));
        }
    }
}

fn field_doc(out: &mut Writer<'_>, field: &Field, docs: &Words<'_>) {
    let FieldKind::Named(c_name) = &field.kind else { return };
    if let Some(doc) = docs.member(c_name) {
        out.doc("    ", doc);
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
fn union(out: &mut Writer<'_>, name: &str, record: &Record, docs: &Words<'_>) {
    let word = crate::ir::Int { signed: false, bytes: record.align, align: record.align };
    let word = out.int(word).to_owned();
    let words = record.size / record.align;
    derives(out);
    out.line(format_args!("#[repr(transparent)]"));
    out.line(format_args!("pub struct {name}(pub [{word}; {words}]);"));
    out.imports.insert(String::from("crate::support::union::union_members"));
    out.line(format_args!("union_members! {{ {name};"));
    for field in &record.fields {
        field_doc(out, field, docs);
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
