//! One header of one architecture as text, much as `pahole` prints structures: what snapshots hold.

use super::put;
use crate::ir::{Abi, Def, FieldKind, Int, Location, Origin, Record, RecordKind, Type, Value};

/// The text of `header`: types by name, then constants in the order of their lines, then those that
/// another header has in the same words.
#[must_use]
pub fn header(abi: &Abi, header: &str) -> String {
    let here = |location: &Location| location.header == header;
    let mut out = String::new();
    for (name, ty) in abi.types.iter().filter(|(_, ty)| here(&ty.location)) {
        let Some(c_name) = &ty.c_name else { continue };
        match &ty.def {
            Def::Record(record) => self::record(&mut out, abi, c_name, record),
            Def::Alias(target) | Def::Newtype(target) => {
                put(&mut out, format_args!("typedef {name} = {}\n", spell(target)));
            }
            Def::Enum(int) | Def::Shared { int, .. } => {
                put(&mut out, format_args!("{c_name} = {}\n", spell_int(*int)));
            }
        }
    }
    let mut constants: Vec<_> = abi.constants.iter().filter(|(_, c)| c.is_in(header)).collect();
    // Lines of another header say nothing about this one's: those constants go last.
    constants
        .sort_by_key(|(name, constant)| (!here(&constant.location), constant.location.line, *name));
    if !out.is_empty() && !constants.is_empty() {
        out.push('\n');
    }
    for (name, constant) in constants {
        let origin = match constant.origin {
            Origin::Macro => "#define",
            Origin::Enumerator => "enum",
        };
        match &constant.value {
            Value::Int { value, ty } => {
                put(&mut out, format_args!("{origin} {name} = {value} ({})\n", spell_int(*ty)));
            }
            Value::Str(text) => put(&mut out, format_args!("{origin} {name} = {text:?}\n")),
        }
    }
    out
}

fn record(out: &mut String, abi: &Abi, name: &str, record: &Record) {
    let (size, align) = (record.size, record.align);
    put(out, format_args!("{name} {{ size {size}, align {align}\n"));
    members(out, abi, record, 0, 1);
    out.push_str("}\n");
}

fn members(out: &mut String, abi: &Abi, record: &Record, base: u64, depth: usize) {
    let indent = "  ".repeat(depth);
    for field in &record.fields {
        let offset = base + field.offset;
        let size = abi.size_align(&field.ty).map_or(0, |(size, _)| size);
        let unnamed = unnamed_record(abi, &field.ty);
        let name = match &field.kind {
            FieldKind::Named(name) => name.as_str(),
            FieldKind::Anonymous => "",
            FieldKind::Padding => "(padding)",
            FieldKind::Bits(bits) => {
                for bit in bits {
                    let first = offset * 8 + u64::from(bit.first);
                    let (name, width) = (&bit.name, bit.width);
                    put(
                        out,
                        format_args!("{offset:5} {indent}{name}: bit {first}, {width} wide\n"),
                    );
                }
                continue;
            }
        };
        match unnamed {
            Some((inner, len)) => {
                let kind = match inner.kind {
                    RecordKind::Struct => "struct",
                    RecordKind::Union => "union",
                };
                let count = len.map(|len| format!("[{len}]")).unwrap_or_default();
                let space = if name.is_empty() { "" } else { " " };
                put(
                    out,
                    format_args!("{offset:5} {indent}{kind}{space}{name}{count}, {size} bytes\n"),
                );
                members(out, abi, inner, offset, depth + 1);
            }
            None => {
                let ty = spell(&field.ty);
                put(out, format_args!("{offset:5} {indent}{name}: {ty}, {size} bytes\n"));
            }
        }
    }
}

/// The record C has no name for that `ty` is, or is an array of.
fn unnamed_record<'a>(abi: &'a Abi, ty: &Type) -> Option<(&'a Record, Option<u64>)> {
    match ty {
        Type::Named(name) => {
            let ty = abi.types.get(name)?;
            match &ty.def {
                Def::Record(record) if ty.c_name.is_none() => Some((record, None)),
                _ => None,
            }
        }
        Type::Array(element, len) => Some((unnamed_record(abi, element)?.0, Some(*len))),
        _ => None,
    }
}

/// A type in the words of Rust and C: `[u8; 4]`, `handle64 to xen_pfn_t`.
#[must_use]
pub fn spell(ty: &Type) -> String {
    match ty {
        Type::Int(int) => spell_int(*int),
        Type::Void => String::from("void"),
        Type::Named(name) => name.clone(),
        Type::Array(element, len) => format!("[{}; {len}]", spell(element)),
        Type::Pointer(target) => format!("pointer to {}", spell(target)),
        Type::Handle(target, bytes) => format!("handle{} to {}", bytes * 8, spell(target)),
    }
}

fn spell_int(int: Int) -> String {
    let sign = if int.signed { 'i' } else { 'u' };
    let aligned = if int.align == int.bytes { "" } else { " align 4" };
    format!("{sign}{}{aligned}", int.bytes * 8)
}
