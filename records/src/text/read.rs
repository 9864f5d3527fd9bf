//! A header's record read back.

use std::collections::HashMap;

use super::rows::{SIZE, inline};
use super::{file, split_around};
use crate::catalogue::{Arch, Catalogue};
use crate::cells::{Cells, Scopes};
use crate::error::Error;
use crate::model::{Constant, Item, Kind, Member, Origin, Record, Type, Value};
use crate::records::{Entry, Header};
use crate::spell::{integer_named, parse};

/// How deep members may nest.
const MAX_DEPTH: usize = 32;

/// Reads what the record `file` says of `wanted`, with the scopes that were read before.
pub(super) fn header<'a>(
    catalogue: &Catalogue,
    wanted: &Cells,
    scopes: &mut Scopes<'a>,
    file: &str,
    text: &'a str,
) -> Result<Header, Error> {
    let (name, body) = file::open(file, text)?;
    let mut header = Header { name: name.to_owned(), cells: *wanted, entries: Vec::new() };
    let mut by_name = HashMap::new();
    let mut rows = Vec::new();
    let mut lines = body.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let malformed =
            |what: String| Error::Malformed { file: file.to_owned(), line: number + 3, what };
        if let (0, Some(scope)) = (number, line.strip_prefix("in ")) {
            header.cells = scopes.cells(wanted, scope).map_err(malformed)?;
            continue;
        }
        rows.clear();
        while let Some((_, row)) = lines.next_if(|(_, line)| line.starts_with(' ')) {
            rows.push(row);
        }
        let coverage = header.cells;
        let block = Block::new(catalogue, scopes, &coverage, line, &rows).map_err(malformed)?;
        let at = *by_name.entry(block.name).or_insert_with(|| {
            header.entries.push(Entry { name: block.name.to_owned(), ..Entry::default() });
            header.entries.len() - 1
        });
        block.fill(catalogue, &mut header.entries[at]).map_err(malformed)?;
    }
    header.entries.iter_mut().for_each(Entry::sort);
    Ok(header)
}

/// A heading with its rows, not yet read for any architecture.
struct Block<'a, 'r> {
    name: &'a str,
    head: Head<'a>,
    /// The architectures of each column, where not one is of all.
    columns: Vec<Vec<usize>>,
    rows: &'r [&'a str],
    cells: Cells,
}

enum Head<'a> {
    Record(Kind, bool),
    Typedef(&'a str),
    Enum(&'a str, bool),
    Constant(Constant),
}

impl<'a, 'r> Block<'a, 'r> {
    fn new(
        catalogue: &Catalogue,
        scopes: &mut Scopes<'a>,
        coverage: &Cells,
        line: &'a str,
        rows: &'r [&'a str],
    ) -> Result<Self, String> {
        let (name, head, scope) = head(line).ok_or("neither a type nor a constant")?;
        let cells = scopes.cells(coverage, scope)?;
        // A line of names before those of numbers.
        let is_names = |row: &&&str| row.trim_start().starts_with(|c: char| c.is_alphabetic());
        let (columns, rows) = match rows.first().filter(is_names) {
            Some(names) => (columns(catalogue, names)?, &rows[1..]),
            None => (Vec::new(), rows),
        };
        Ok(Self { name, head, columns, rows, cells })
    }

    /// Adds what the block says to `entry`, for each architecture.
    fn fill(&self, catalogue: &Catalogue, entry: &mut Entry) -> Result<(), String> {
        if let (Head::Constant(constant), true) = (&self.head, self.columns.is_empty()) {
            // It reads the same on every architecture.
            if !self.cells.is_empty() {
                entry.add(Item::Constant(constant.clone()), self.cells);
            }
            return Ok(());
        }
        let all = [(0..catalogue.arches.len()).collect()];
        let columns = if self.columns.is_empty() { all.as_slice() } else { &self.columns };
        for (column, arches) in columns.iter().enumerate() {
            // Architectures with the same rules read the same.
            let mut read: Vec<(&Arch, Item, Cells)> = Vec::new();
            for number in arches {
                let cells = self.cells.only(*number);
                if cells.is_empty() {
                    continue;
                }
                let arch = &catalogue.arches[*number];
                let same = |other: &Arch| {
                    (other.pointer, other.handle, other.align64)
                        == (arch.pointer, arch.handle, arch.align64)
                };
                match read.iter_mut().find(|(other, ..)| same(other)) {
                    Some((_, _, known)) => *known = known.union(&cells),
                    None => read.push((arch, self.item(column, arch)?, cells)),
                }
            }
            for (_, item, cells) in read {
                entry.add(item, cells);
            }
        }
        Ok(())
    }

    fn item(&self, column: usize, arch: &Arch) -> Result<Item, String> {
        let ty = |text: &str| parse(text, arch).ok_or_else(|| format!("{text:?} is no type"));
        Ok(match &self.head {
            Head::Typedef(text) => Item::Typedef(ty(text)?),
            Head::Enum(text, is_tag) => Item::Enum { is_tag: *is_tag, int: ty(text)? },
            Head::Constant(constant) => Item::Constant(constant.clone()),
            Head::Record(kind, is_tag) => {
                let rows = self.rows.iter().map(|row| {
                    Numbered::new(row, column, self.columns.len().max(1))
                        .ok_or_else(|| format!("{row:?} is no row of a structure or union"))
                });
                let rows: Vec<Numbered<'_>> = rows.collect::<Result<_, _>>()?;
                let (first, rest) = rows.split_first().ok_or("no size")?;
                if first.text != SIZE {
                    return Err(String::from("no size"));
                }
                let (size, align) = first.numbers;
                let (members, left) = members(rest, 0, arch)?;
                if let Some(row) = left.first() {
                    return Err(format!("{:?} is indented too far", row.text));
                }
                Item::Record(Record { kind: *kind, is_tag: *is_tag, size, align, members })
            }
        })
    }
}

/// A row of one column.
struct Numbered<'a> {
    numbers: (u64, u64),
    depth: usize,
    text: &'a str,
}

impl<'a> Numbered<'a> {
    fn new(row: &'a str, column: usize, columns: usize) -> Option<Self> {
        let (mut rest, mut numbers) = (row, None);
        for at in 0..columns {
            if at > 0 {
                rest = rest.strip_prefix(" |")?;
            }
            let (first, after) = number(rest)?;
            let (second, after) = number(after)?;
            if at == column {
                numbers = Some((first, second));
            }
            rest = after;
        }
        let text = rest.trim_start_matches(' ');
        let depth = (rest.len() - text.len()).checked_sub(2)? / 2;
        Some(Self { numbers: numbers?, depth, text })
    }
}

/// The number at the start of `text` after any spaces, and what follows.
fn number(text: &str) -> Option<(u64, &str)> {
    let text = text.trim_start_matches(' ');
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// The members at `depth` at the start of `rows`, and the rows after them.
fn members<'r, 'a>(
    mut rows: &'r [Numbered<'a>],
    depth: usize,
    arch: &Arch,
) -> Result<(Vec<Member>, &'r [Numbered<'a>]), String> {
    let mut out = Vec::new();
    if depth > MAX_DEPTH {
        return Err(String::from("members nest too deep"));
    }
    while let Some((row, rest)) = rows.split_first().filter(|(row, _)| row.depth == depth) {
        let (offset, size) = row.numbers;
        let malformed = || format!("{:?} is no member", row.text);
        if let Some((kind, text)) = inline(row.text) {
            let (inner, after) = members(rest, depth + 1, arch)?;
            let (name, lengths) =
                text.split_once('[').map_or((text, ""), |(name, rest)| (name, rest));
            let name = name.trim();
            let name = (!name.is_empty()).then(|| name.to_owned());
            let mut ty = Type::Inline(kind, inner);
            for len in lengths.trim_end_matches(']').rsplit("][").filter(|len| !len.is_empty()) {
                ty = Type::Array(Box::new(ty), len.parse().map_err(|_| malformed())?);
            }
            out.push(Member { name, offset, size, ty, bits: None });
            rows = after;
            continue;
        }
        let (name, text) = row.text.split_once(':').ok_or_else(malformed)?;
        let text = text.strip_prefix(' ').ok_or_else(malformed)?;
        let (ty, bits) = match text.split_once(',') {
            Some((ty, bits)) => {
                let bits = bits.strip_prefix(" bit ").and_then(|bits| bits.split_once(", width "));
                let (first, width) = bits.ok_or_else(malformed)?;
                let number = |text: &str| text.parse().map_err(|_| malformed());
                (ty, Some((number(first)?, number(width)?)))
            }
            None => (text, None),
        };
        let ty = parse(ty, arch).ok_or_else(malformed)?;
        out.push(Member { name: Some(name.to_owned()), offset, size, ty, bits });
        rows = rest;
    }
    Ok((out, rows))
}

fn columns(catalogue: &Catalogue, names: &str) -> Result<Vec<Vec<usize>>, String> {
    let number = |name: &str| {
        let found = catalogue.arches.iter().position(|arch| arch.name == name);
        found.ok_or_else(|| format!("{name:?} is no architecture"))
    };
    names.split('|').map(|column| column.split_whitespace().map(number).collect()).collect()
}

/// Name, heading and scope of a line.
fn head(line: &str) -> Option<(&str, Head<'_>, &str)> {
    if let Some(rest) = line.strip_prefix("#define ") {
        return constant(rest, false);
    }
    if let Some(rest) = line.strip_prefix("enumerator ") {
        return constant(rest, true);
    }
    let (line, scope) = split_around(line, '@').unwrap_or((line, ""));
    let (is_tag, rest) = match line.strip_prefix("typedef ") {
        Some(rest) => (false, rest),
        None => (true, line),
    };
    for kind in [Kind::Struct, Kind::Union] {
        let name = rest.strip_prefix(kind.keyword()).and_then(|rest| rest.strip_prefix(' '));
        if let Some(name) = name.filter(|name| !name.starts_with('=')) {
            return Some((name, Head::Record(kind, is_tag), scope));
        }
    }
    if let Some((name, int)) = rest.strip_prefix("enum ").and_then(|rest| rest.split_once(": ")) {
        return Some((name, Head::Enum(int, is_tag), scope));
    }
    let (name, ty) = split_around(rest, '=').filter(|_| !is_tag)?;
    Some((name, Head::Typedef(ty), scope))
}

fn constant(rest: &str, is_enumerator: bool) -> Option<(&str, Head<'_>, &str)> {
    let (name, rest) = split_around(rest, '=')?;
    let (value, rest) = match rest.strip_prefix('"') {
        Some(rest) => {
            let (text, rest) = quoted(rest)?;
            (Value::Text(text), rest)
        }
        None => {
            let (value, rest) = rest.split_once(' ')?;
            let (ty, rest) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
            let (signed, bytes) = integer_named(ty)?;
            (Value::Int { value: value.parse().ok()?, signed, bytes }, rest)
        }
    };
    let (words, scope) = split_around(rest, '@').unwrap_or((rest, ""));
    let (mut owner, mut also) = (None, Vec::new());
    let mut words = words.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "of" => owner = Some(words.next()?.to_owned()),
            "also" => also.push(words.next()?.to_owned()),
            _ => return None,
        }
    }
    let origin = if is_enumerator { Origin::Enumerator(owner) } else { Origin::Macro };
    Some((name, Head::Constant(Constant { value, origin, also }), scope))
}

/// The text up to the quotation mark that ends it, and what follows the mark.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, &text[at + 1..])),
            '\\' => out.push(match chars.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'u' => {
                    let (_, rest) = text[at..].split_once('{')?;
                    let (code, _) = rest.split_once('}')?;
                    for _ in 0..code.len() + 2 {
                        chars.next();
                    }
                    char::from_u32(u32::from_str_radix(code, 16).ok()?)?
                }
                other => other,
            }),
            other => out.push(other),
        }
    }
    None
}
