//! Drawings of layouts: boxes in a grid, to scale.

use maud::{Markup, html};
use xen_records::model::{Item, Member, Record, Type};

use crate::figure::{self, Area, Figure, Part, Shape, What, areas, largest};
use crate::index::Thing;
use crate::text;

/// How much a row shows, alike for all drawings of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// Bytes of a row.
    pub(super) bytes: u64,
    /// Whether columns are bits.
    bits: bool,
}

/// Rows of the longest drawing, at most.
const MAX_ROWS: u64 = 32;

impl Scale {
    /// The scale for all forms of a type.
    pub(super) fn of(thing: &Thing<'_>) -> Self {
        let (mut size, mut bits) = (1, false);
        for form in &thing.forms {
            let Item::Record(record) = form.item else { continue };
            for figure in figure::figures(record) {
                let Shape::Sequence(parts) = &figure.shape else { continue };
                size = size.max(figure.size);
                bits |= parts.iter().any(|part| part.first % 8 != 0 || part.bits % 8 != 0);
            }
        }
        // Bits are narrow, and their words mostly of 4 bytes.
        let mut bytes = if size <= 4 || bits { 4 } else { 8 };
        while size.div_ceil(bytes) > MAX_ROWS {
            bytes *= 2;
        }
        Self { bytes, bits }
    }

    fn columns(self) -> u64 {
        if self.bits { self.bytes * 8 } else { self.bytes }
    }
}

/// The bytes that no member has, at any level of a structure.
pub(super) fn padding(record: &Record) -> u64 {
    let of = |figure: &Figure<'_>| match &figure.shape {
        Shape::Sequence(parts) => {
            let padding = parts.iter().filter(|part| part.what == What::Padding);
            padding.map(|part| part.bits / 8).sum()
        }
        Shape::Overlay(_) => 0,
    };
    figure::figures(record).iter().map(of).sum()
}

/// The drawings of all levels.
pub(super) fn figures(record: &Record, scale: Scale) -> Markup {
    let figures = figure::figures(record);
    html! { @for figure in &figures {
        @if figure.size > 0 {
            figure {
                @if !figure.path.is_empty() { figcaption { code { (figure.path) } ", " (text::count(figure.size, "byte")) } }
                @match &figure.shape {
                    Shape::Sequence(parts) => (grid(figure, parts, scale)),
                    Shape::Overlay(parts) => (overlay(figure, parts)),
                }
            }
        }
    } }
}

fn grid(figure: &Figure<'_>, parts: &[Part<'_>], scale: Scale) -> Markup {
    let unit = if scale.bits { 1 } else { 8 };
    let columns = scale.columns();
    let rows = figure.size.div_ceil(scale.bytes);
    let label = format!(
        "{} drawn to scale, {} a row",
        text::count(figure.size, "byte"),
        text::count(scale.bytes, "byte")
    );
    let in_byte = columns / scale.bytes;
    html! {
        div.map role="img" aria-label=(label) style=(format!("--c:{columns}")) {
            @if scale.bytes <= 16 { @for byte in 0..scale.bytes {
                b style=(format!("grid-area:1/{}/2/{}", byte * in_byte + 2, (byte + 1) * in_byte + 2)) { (byte) }
            } }
            @for row in 0..rows {
                i style=(format!("grid-row:{}", row + 2)) { (format!("{:#x}", figure.base + row * scale.bytes)) }
            }
            @for part in parts { (boxes(part, &areas(part.first / unit, part.bits / unit, columns), rows, columns)) }
        }
    }
}

fn boxes(part: &Part<'_>, areas: &[Area], rows: u64, columns: u64) -> Markup {
    let (class, name, title) = match &part.what {
        What::Padding => ("p", "", format!("{} of padding", amount(part.bits))),
        What::Member { name, member } => (
            class(member),
            name.as_str(),
            format!("{name}: {} at {}", amount(part.bits), place(part.first)),
        ),
    };
    if part.bits == 0 {
        // A flexible array member begins where the structure ends; some structures are empty.
        let (left, what) = match &part.what {
            What::Member { member, .. } if matches!(member.ty, Type::Array(..)) => {
                ("[]", "a flexible array")
            }
            _ => (" (empty)", "no bytes"),
        };
        let area = Area { rows: (rows, rows + 1), columns: (0, columns) };
        return html! {
            span.flex title=(format!("{name}: {what}")) style=(style(&area)) { (name) (left) }
        };
    }
    let labelled = largest(areas);
    html! { @for (at, area) in areas.iter().enumerate() {
        span class=(joined(class, at > 0, at + 1 < areas.len())) title=(title) style=(style(area)) {
            @if at == labelled && is_wide(area, columns) { (name) }
        }
    } }
}

/// Whether a box has space for a few letters where drawings are narrowest. The title and the table of members have
/// the names of all.
fn is_wide(area: &Area, columns: u64) -> bool {
    const LETTERS: u64 = 3;
    const LETTERS_OF_ROW: u64 = 36;
    let (left, right) = area.columns;
    (right - left).saturating_mul(LETTERS_OF_ROW) >= columns.saturating_mul(LETTERS)
}

/// The class of a box that may continue one before, or in one after it.
fn joined(class: &str, continues: bool, goes_on: bool) -> String {
    let before = if continues { " k" } else { "" };
    let after = if goes_on { " g" } else { "" };
    format!("{class}{before}{after}")
}

fn style(area: &Area) -> String {
    let ((top, bottom), (left, right)) = (area.rows, area.columns);
    format!("grid-area:{}/{}/{}/{}", top + 2, left + 2, bottom + 2, right + 2)
}

fn amount(bits: u64) -> String {
    if bits % 8 == 0 { text::count(bits / 8, "byte") } else { text::count(bits, "bit") }
}

fn place(first: u64) -> String {
    if first % 8 == 0 {
        (first / 8).to_string()
    } else {
        format!("{}, bit {}", first / 8, first % 8)
    }
}

/// What a member is, for its colour.
fn class(member: &Member) -> &'static str {
    let name = member.name.as_deref().unwrap_or_default();
    match member.ty {
        _ if is_filler(name) => "r",
        _ if member.bits.is_some() => "m",
        Type::Inline(..) => "u",
        Type::Handle(..) | Type::Pointer(..) => "h",
        Type::Array(..) => "a",
        Type::Named(_) => "n",
        _ => "m",
    }
}

/// Whether a member is only there to fill a gap.
fn is_filler(name: &str) -> bool {
    let name = name.trim_start_matches('_').to_lowercase();
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    matches!(
        stem,
        "pad"
            | "padding"
            | "rsvd"
            | "reserved"
            | "spacer"
            | "unused"
            | "mbz"
            | "pad_"
            | "reserved_"
    )
}

/// Members over each other: a bar for each.
fn overlay(figure: &Figure<'_>, parts: &[Part<'_>]) -> Markup {
    html! {
        table.overlay { tbody { @for part in parts {
            @if let What::Member { name, member } = &part.what {
                tr {
                    th scope="row" { (name) }
                    td.bar { span class=(class(member)) style=(format!("width:{:.1}%", share(part.bits, figure.size))) {} }
                    td.num { (amount(part.bits)) }
                }
            }
        } } }
    }
}

fn share(bits: u64, size: u64) -> f64 {
    (bits as f64 / 8.0 / size.max(1) as f64 * 100.0).min(100.0)
}
