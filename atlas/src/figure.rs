//! The geometry of the drawings: which bytes of a type belong to which member.
//!
//! A figure shows one level of a type. Members that are structures or unions without a name of their own have
//! figures that follow; those with a name have their own pages.

use xen_records::model::{Kind, Member, Record, Type};

/// One level of a type.
#[derive(Debug, PartialEq)]
pub(crate) struct Figure<'a> {
    /// The members that lead to the level, empty for the type itself.
    pub(crate) path: String,
    /// The first byte of the level, from the start of the type.
    pub(crate) base: u64,
    /// Bytes.
    pub(crate) size: u64,
    pub(crate) shape: Shape<'a>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Shape<'a> {
    /// Members one after the other, with what lies between.
    Sequence(Vec<Part<'a>>),
    /// Members over each other.
    Overlay(Vec<Part<'a>>),
}

/// A run of bits.
#[derive(Debug, PartialEq)]
pub(crate) struct Part<'a> {
    /// From the start of the level.
    pub(crate) first: u64,
    /// How many. 0 for a flexible array member.
    pub(crate) bits: u64,
    pub(crate) what: What<'a>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum What<'a> {
    Member {
        name: String,
        member: &'a Member,
    },
    /// Bytes that no member has.
    Padding,
}

/// How deep figures go.
const MAX_DEPTH: usize = 8;

/// The figures of a structure or union, outer levels first.
pub(crate) fn figures(record: &Record) -> Vec<Figure<'_>> {
    let mut out = Vec::new();
    level(record.kind, &record.members, "", 0, record.size, MAX_DEPTH, &mut out);
    out
}

fn level<'a>(
    kind: Kind,
    members: &'a [Member],
    path: &str,
    base: u64,
    size: u64,
    depth: usize,
    out: &mut Vec<Figure<'a>>,
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let parts: Vec<_> = members.iter().map(|member| part(member, base)).collect();
    let shape = match kind {
        Kind::Struct => Shape::Sequence(with_padding(parts, size.saturating_mul(8))),
        Kind::Union => Shape::Overlay(parts),
    };
    out.push(Figure { path: path.to_owned(), base, size, shape });
    for member in members {
        let Type::Inline(kind, inner) = member.ty.element() else { continue };
        let name = name(member);
        let path = if path.is_empty() { name } else { format!("{path}.{name}") };
        let is_array = matches!(member.ty, Type::Array(..));
        let (path, size) = match is_array {
            true => (format!("{path}[0]"), member.size / elements(&member.ty).max(1)),
            false => (path, member.size),
        };
        // A structure of one member says nothing that its box does not.
        if inner.len() > 1 || *kind == Kind::Union {
            level(*kind, inner, &path, member.offset, size, depth, out);
        }
    }
}

fn elements(ty: &Type) -> u64 {
    match ty {
        Type::Array(inner, len) => len.saturating_mul(elements(inner)),
        _ => 1,
    }
}

/// The name of a member, or what it is if it has none.
fn name(member: &Member) -> String {
    match (&member.name, &member.ty) {
        (Some(name), _) => name.clone(),
        (None, Type::Inline(kind, _)) => format!("({})", kind.keyword()),
        (None, _) => String::from("(unnamed)"),
    }
}

fn part(member: &Member, base: u64) -> Part<'_> {
    let start = member.offset.saturating_sub(base).saturating_mul(8);
    let (first, bits) = match member.bits {
        Some((first, width)) => (start.saturating_add(first.into()), width.into()),
        None => (start, member.size.saturating_mul(8)),
    };
    Part { first, bits, what: What::Member { name: name(member), member } }
}

/// The parts in their order in memory, with padding between and after them.
fn with_padding(mut parts: Vec<Part<'_>>, end: u64) -> Vec<Part<'_>> {
    parts.sort_by_key(|part| part.first);
    let mut out = Vec::new();
    let mut at = 0;
    for part in parts {
        if part.first > at {
            out.push(Part { first: at, bits: part.first - at, what: What::Padding });
        }
        at = at.max(part.first.saturating_add(part.bits));
        out.push(part);
    }
    if end > at {
        out.push(Part { first: at, bits: end - at, what: What::Padding });
    }
    out
}

/// A rectangle in a grid of rows: rows and columns from 0, the ends not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) rows: (u64, u64),
    pub(crate) columns: (u64, u64),
}

/// The rectangles that `count` units from `first` on cover in rows of `width` units: a part of a row, whole
/// rows, a part of a row.
pub(crate) fn areas(first: u64, count: u64, width: u64) -> Vec<Area> {
    let (mut at, end) = (first, first.saturating_add(count));
    let mut out = Vec::new();
    while at < end {
        let (row, column) = (at / width, at % width);
        let left = end - at;
        let area = if column != 0 || left < width {
            let columns = left.min(width - column);
            Area { rows: (row, row + 1), columns: (column, column + columns) }
        } else {
            Area { rows: (row, row + left / width), columns: (0, width) }
        };
        at += (area.rows.1 - area.rows.0) * (area.columns.1 - area.columns.0);
        out.push(area);
    }
    out
}

/// The largest of some rectangles, by its place among them.
pub(crate) fn largest(areas: &[Area]) -> usize {
    let size = |area: &Area| (area.rows.1 - area.rows.0) * (area.columns.1 - area.columns.0);
    // Of equals the first.
    (0..areas.len()).rev().max_by_key(|at| size(&areas[*at])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, offset: u64, size: u64, bits: Option<(u32, u32)>) -> Member {
        let ty = Type::Int { signed: false, bytes: size, align: size };
        Member { name: Some(name.to_owned()), offset, size, ty, bits }
    }

    #[test]
    fn padding_is_between_and_after_members() {
        let members =
            vec![member("a", 0, 1, None), member("b", 4, 4, Some((3, 5))), member("c", 8, 2, None)];
        let record = Record { kind: Kind::Struct, is_tag: true, size: 12, align: 4, members };
        let figures = figures(&record);
        let Shape::Sequence(parts) = &figures[0].shape else { panic!("a structure") };
        let runs: Vec<_> =
            parts.iter().map(|p| (p.first, p.bits, p.what == What::Padding)).collect();
        let expected = [
            (0, 8, false),
            (8, 27, true),
            (35, 5, false),
            (40, 24, true),
            (64, 16, false),
            (80, 16, true),
        ];
        assert_eq!(runs, expected);
    }

    #[test]
    fn levels_without_a_name_have_figures() {
        let inner = vec![member("x", 8, 4, None), member("y", 12, 4, None)];
        let members = vec![
            member("a", 0, 8, None),
            Member {
                name: Some("u".to_owned()),
                offset: 8,
                size: 8,
                ty: Type::Inline(Kind::Struct, inner),
                bits: None,
            },
        ];
        let record = Record { kind: Kind::Struct, is_tag: true, size: 16, align: 8, members };
        let figures = figures(&record);
        assert_eq!(figures[1].path, "u");
        assert_eq!((figures[1].base, figures[1].size), (8, 8));
        let Shape::Sequence(parts) = &figures[1].shape else { panic!("a structure") };
        assert_eq!(parts[1].first, 32);
    }

    #[test]
    fn what_crosses_rows_is_cut() {
        let area = |rows, columns| Area { rows, columns };
        assert_eq!(areas(2, 4, 8), [area((0, 1), (2, 6))]);
        assert_eq!(areas(6, 4, 8), [area((0, 1), (6, 8)), area((1, 2), (0, 2))]);
        let long = areas(4, 24, 8);
        assert_eq!(long, [area((0, 1), (4, 8)), area((1, 3), (0, 8)), area((3, 4), (0, 4))]);
        assert_eq!(largest(&long), 1);
        assert_eq!(areas(5, 0, 8), []);
    }
}
