//! Constants.

use super::links::Scope;
use super::text::Text;
use super::upstream;
use super::writer::Writer;
use crate::docs::HeaderDocs;
use crate::exceptions;
use crate::ir::{Constant, Int, Type, Value};

pub(super) fn constant(
    out: &mut Writer<'_>,
    name: &str,
    constant: &Constant,
    docs: Option<&HeaderDocs>,
) {
    let mut text = Text::default();
    if let Some(words) = docs.and_then(|docs| docs.constants.get(name)) {
        text.words(&out.links, Scope { item: name, ..Scope::default() }, words);
    }
    let place = upstream::place(out.abi, &constant.location);
    text.plain(format!("Defined at {place}.{}", out.since.of_constant(name)));
    out.line(format_args!(""));
    out.doc("", text);
    out.aliases(docs.map(|docs| docs.aliases(name)).unwrap_or_default());
    match (&constant.value, &constant.newtype) {
        (Value::Str(text), _) => out.line(format_args!("pub const {name}: &str = {text:?};")),
        (Value::Int { value, .. }, Some(newtype)) => {
            let ty = out.ty(&Type::Named(newtype.clone()));
            out.line(format_args!("pub const {name}: {ty} = {ty}({});", literal(*value)));
        }
        (Value::Int { value, ty }, None) => {
            let ty = primitive(rust_int(name, *value, *ty));
            out.line(format_args!("pub const {name}: {ty} = {};", literal(*value)));
        }
    }
}

/// Whether two constants called `name` are the same text.
pub(super) fn same(name: &str, a: &Constant, b: &Constant) -> bool {
    a.newtype == b.newtype
        && match (&a.value, &b.value) {
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::Int { value: a, ty: of_a }, Value::Int { value: b, ty: of_b }) => {
                a == b
                    && primitive(rust_int(name, *a, *of_a)) == primitive(rust_int(name, *b, *of_b))
            }
            _ => false,
        }
}

/// C's type, but for what C makes an `int` only because it fits: the members those values go into
/// are unsigned.
fn rust_int(name: &str, value: i128, c: Int) -> Int {
    exceptions::sized_constant(name).unwrap_or(match c {
        Int { signed: true, bytes: 4, .. } if value >= 0 => Int { signed: false, ..c },
        _ => c,
    })
}

/// Constants are values of the host: alignment does not matter to them. The 64-bit integers are
/// spelt out, since a module may know those names as its architecture's.
fn primitive(int: Int) -> &'static str {
    match (int.signed, int.bytes) {
        (false, 1) => "u8",
        (true, 1) => "i8",
        (false, 2) => "u16",
        (true, 2) => "i16",
        (false, 4) => "u32",
        (true, 4) => "i32",
        (false, _) => "core::primitive::u64",
        (true, _) => "core::primitive::i64",
    }
}

fn literal(value: i128) -> String {
    if value > 0xffff { format!("{value:#x}") } else { value.to_string() }
}
