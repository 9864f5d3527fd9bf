//! Types as text, and back.
//!
//! `u16`, `[u8; 4]`, `handle(xen_pfn_t)`. What an architecture would not do by itself is said:
//! `aligned_u64` is an integer aligned to its 8 bytes, `handle64` a handle of 64 bits. Where either is
//! the rule, it is not said, so that a type is spelled alike wherever it is the same in C.

use crate::catalogue::Arch;
use crate::model::Type;

/// The integers that a record spells otherwise than C.
const INTEGERS: [(&str, bool, u64); 8] = [
    ("u8", false, 1),
    ("u16", false, 2),
    ("u32", false, 4),
    ("u64", false, 8),
    ("i8", true, 1),
    ("i16", true, 2),
    ("i32", true, 4),
    ("i64", true, 8),
];

/// How deep types may nest: more than any header's, less than a stack.
const MAX_DEPTH: usize = 32;

/// The name of an integer type.
#[must_use]
pub fn integer(signed: bool, bytes: u64) -> String {
    format!("{}{}", if signed { 'i' } else { 'u' }, bytes.saturating_mul(8))
}

/// `ty` as `arch` spells it. A structure or union without a name is its keyword.
#[must_use]
pub fn spell(ty: &Type, arch: &Arch) -> String {
    match ty {
        Type::Int { signed, bytes, align } => {
            let natural = if *bytes == 8 { arch.align64 } else { *bytes };
            let aligned = if *align == natural { "" } else { "aligned_" };
            format!("{aligned}{}", integer(*signed, *bytes))
        }
        Type::Void => String::from("void"),
        Type::Named(name) => name.clone(),
        Type::Array(element, len) => format!("[{}; {len}]", spell(element, arch)),
        Type::Handle(target, bytes) => {
            let width = if *bytes == arch.handle { String::new() } else { (bytes * 8).to_string() };
            format!("handle{width}({})", spell(target, arch))
        }
        Type::Pointer(target, _) => format!("pointer({})", spell(target, arch)),
        Type::Inline(kind, _) => kind.keyword().to_owned(),
    }
}

/// A spelling with more said than `arch` needs, in the words of `arch`.
pub(crate) fn localised(text: &str, arch: &Arch) -> String {
    let mut text = text.to_owned();
    if arch.align64 == 8 {
        text = without(&text, "aligned_", "");
    }
    without(&text, &format!("handle{}(", arch.handle * 8), "handle(")
}

/// A spelling with nothing said that any architecture may not need.
pub(crate) fn erased(text: &str) -> String {
    let text = without(&without(text, "aligned_", ""), "handle64(", "handle(");
    without(&text, "handle32(", "handle(")
}

/// `text` with `to` for each `from` at the start of a word.
fn without(text: &str, from: &str, to: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, after) = rest.split_at(at);
        let last = before.chars().next_back().or(out.chars().next_back());
        let inside = last.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        out.push_str(before);
        out.push_str(if inside { from } else { to });
        rest = &after[from.len()..];
    }
    out + rest
}

/// The type that `text` spells on `arch`.
pub(crate) fn parse(text: &str, arch: &Arch) -> Option<Type> {
    let (ty, rest) = prefix(text, arch, MAX_DEPTH)?;
    rest.is_empty().then_some(ty)
}

/// The type at the start of `text`, and what follows.
fn prefix<'a>(text: &'a str, arch: &Arch, depth: usize) -> Option<(Type, &'a str)> {
    let depth = depth.checked_sub(1)?;
    if let Some(rest) = text.strip_prefix('[') {
        let (element, rest) = prefix(rest, arch, depth)?;
        let (len, rest) = rest.strip_prefix("; ")?.split_once(']')?;
        return Some((Type::Array(Box::new(element), len.parse().ok()?), rest));
    }
    let end = text.find(|c: char| !is_of_name(c)).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let handle = match word {
        "handle" => Some(arch.handle),
        "handle64" => Some(8),
        "handle32" => Some(4),
        _ => None,
    };
    if let (Some(bytes), Some(rest)) = (handle, rest.strip_prefix('(')) {
        let (target, rest) = prefix(rest, arch, depth)?;
        return Some((Type::Handle(Box::new(target), bytes), rest.strip_prefix(')')?));
    }
    if let ("pointer", Some(rest)) = (word, rest.strip_prefix('(')) {
        let (target, rest) = prefix(rest, arch, depth)?;
        return Some((Type::Pointer(Box::new(target), arch.pointer), rest.strip_prefix(')')?));
    }
    let (aligned, name) = match word.strip_prefix("aligned_") {
        Some(name) => (true, name),
        None => (false, word),
    };
    if let Some((_, signed, bytes)) = INTEGERS.iter().find(|(known, ..)| *known == name) {
        let natural = Type::int(arch, *signed, *bytes);
        let explicit = Type::Int { signed: *signed, bytes: *bytes, align: *bytes };
        return Some((if aligned { explicit } else { natural }, rest));
    }
    match word {
        "" => None,
        "void" => Some((Type::Void, rest)),
        name => Some((Type::Named(name.to_owned()), rest)),
    }
}

/// The integer type called `name`.
pub(crate) fn integer_named(name: &str) -> Option<(bool, u64)> {
    let found = INTEGERS.iter().find(|(known, ..)| *known == name);
    found.map(|(_, signed, bytes)| (*signed, *bytes))
}

/// Whether `name` can stand in a record: a word of C's that means nothing else here.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = name.strip_prefix("aligned_").unwrap_or(name);
    !name.is_empty()
        && name.chars().all(is_of_name)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && integer_named(plain).is_none()
        && !["void", "struct", "union"].contains(&name)
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
