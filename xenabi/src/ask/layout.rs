//! `xenabi layout`.

use clap::Args;
use xen_records::model::Item;
use xen_records::view::Abi;
use xen_records::view::declaration::{c_name, variable};
use xen_records::view::layout::{Leaf, leaves};

use super::{bare, is_type};
use crate::cli::Outcome;
use crate::error::{Error, nearest};
use crate::input::{Asked, Input};
use crate::print::{BOLD, print, styled};
use crate::table::Table;
use crate::trees::Trees;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xenabi layout gnttab_copy
  xenabi layout \"struct gnttab_copy.dest\"     a member and what is in it
  xenabi layout xen_domctl --arch aarch64 --release 4.17

Offsets and sizes are bytes; a bit field has byte:bit and its width in bits. Architectures that agree share a column.")]
pub(crate) struct Layout {
    /// The type, a tag or a typedef; after a dot a member of it
    #[arg(value_name = "TYPE[.MEMBER]")]
    name: String,
    /// Only these architectures, such as x86_64
    #[arg(long, value_name = "ARCH")]
    arch: Vec<String>,
    #[command(flatten)]
    input: Input,
}

/// A line of the picture: what it is of, and the figures.
struct Row {
    /// What rows of several architectures are matched by.
    key: String,
    label: String,
    offset: String,
    size: String,
    ty: String,
}

/// Architectures whose pictures are the same.
struct Column {
    arches: Vec<String>,
    rows: Vec<Row>,
}

impl Layout {
    pub(crate) fn run(self, trees: Option<Trees>) -> Result<Outcome, Error> {
        let asked = self.input.load(trees, &self.arch)?;
        let name = bare(&self.name);
        let (name, member) = name.split_once('.').unwrap_or((name, ""));
        let index = asked.index();
        let abis = asked.arches(&self.arch)?.into_iter().map(|arch| index.abi(asked.release, arch));
        let abis: Vec<Abi<'_>> = abis.filter(|abi| abi.ty(name).is_some()).collect();
        let Some(found) = abis.first().and_then(|abi| abi.ty(name)) else {
            return Err(asked.unknown("type", name, is_type));
        };
        let mut out = styled(BOLD, &c_name(found.name, found.item));
        out += &format!(", {}:{}, Xen {}\n\n", found.header, found.line, asked.name());
        out += &match abis.iter().any(|abi| abi.record(name).is_some()) {
            true => picture(asked, &abis, name, member)?,
            false => scalar(&abis, name),
        };
        print(&out)?;
        Ok(Outcome::Yes)
    }
}

fn picture(asked: Asked, abis: &[Abi<'_>], name: &str, member: &str) -> Result<String, Error> {
    let mut columns: Vec<Column> = Vec::new();
    for &abi in abis {
        let rows = rows(abi, name, member);
        let figures = |rows: &[Row]| -> Vec<_> {
            rows.iter().map(|row| (row.key.clone(), row.offset.clone(), row.size.clone())).collect()
        };
        let arch = abi.arch().name.clone();
        match columns.iter_mut().find(|column| figures(&column.rows) == figures(&rows)) {
            Some(column) => column.arches.push(arch),
            None => columns.push(Column { arches: vec![arch], rows }),
        }
    }
    if !member.is_empty() && columns.iter().all(|column| column.rows.len() <= 2) {
        let all: Vec<String> =
            abis.iter().flat_map(|abi| leaves(*abi, name)).map(|leaf| leaf.path).collect();
        return Err(Error::Unknown {
            what: "member",
            name: format!("{name}.{member}"),
            release: asked.name().to_owned(),
            elsewhere: None,
            nearest: nearest(member, all.iter().map(String::as_str)),
        });
    }
    let right: Vec<usize> = (1..=2 * columns.len()).collect();
    let mut table = Table::new(&right);
    let height = columns.iter().map(|column| column.arches.len()).max().unwrap_or(0);
    for line in 0..height {
        let names = columns.iter().flat_map(|column| {
            let name = column.arches.get(line).cloned().unwrap_or_default();
            [String::new(), name]
        });
        table.row([String::new()].into_iter().chain(names));
    }
    let heads = columns.iter().flat_map(|_| ["offset", "size"]);
    table.row([""].into_iter().chain(heads).chain(["type"]));
    for key in merged(&columns) {
        let find = |column: &'_ Column| column.rows.iter().position(|row| row.key == key);
        let first = columns.iter().find_map(|column| Some(&column.rows[find(column)?]));
        let Some(first) = first else { continue };
        let figures = columns.iter().flat_map(|column| match find(column) {
            Some(at) => [column.rows[at].offset.clone(), column.rows[at].size.clone()],
            None => [String::from("-"), String::from("-")],
        });
        let cells = [first.label.clone()].into_iter().chain(figures);
        table.row(cells.chain([first.ty.clone()]));
    }
    Ok(table.text(""))
}

/// The lines of one architecture: members, padding where there is any, size and alignment.
fn rows(abi: Abi<'_>, name: &str, member: &str) -> Vec<Row> {
    let Some(record) = abi.record(name) else { return Vec::new() };
    let leaves = leaves(abi, name);
    let gaps = gaps(&leaves, record.size);
    let mut rows = Vec::new();
    let within = |path: &str| {
        member.is_empty()
            || path == member
            || path.strip_prefix(member).is_some_and(|rest| rest.starts_with('.'))
    };
    for (at, leaf) in leaves.iter().enumerate() {
        if within(&leaf.path) {
            rows.push(row(abi, leaf));
        }
        let after = gaps.iter().filter(|(place, ..)| *place == at);
        for (_, offset, size) in after.filter(|_| member.is_empty()) {
            rows.push(Row {
                key: format!("{} (padding)", leaf.path),
                label: String::from("  (padding)"),
                offset: offset.to_string(),
                size: size.to_string(),
                ty: String::new(),
            });
        }
    }
    for (label, figure) in [("size", record.size), ("align", record.align)] {
        rows.push(Row {
            key: format!("({label})"),
            label: label.to_owned(),
            offset: String::new(),
            size: figure.to_string(),
            ty: String::new(),
        });
    }
    rows
}

fn row(abi: Abi<'_>, leaf: &Leaf<'_>) -> Row {
    let (offset, size) = match leaf.bits {
        Some((first, width)) => (format!("{}:{}", first / 8, first % 8), format!("{width}b")),
        None => (leaf.offset.to_string(), leaf.size.to_string()),
    };
    let ty = variable(abi, leaf.ty, "", 0).lines().next().unwrap_or_default().to_owned();
    Row { key: leaf.path.clone(), label: format!("  {}", leaf.path), offset, size, ty }
}

/// The bytes that no member has: after which leaf each run of them is shown, where it is, and how long.
fn gaps(leaves: &[Leaf<'_>], size: u64) -> Vec<(usize, u64, u64)> {
    let mut used: Vec<(u64, u64)> =
        leaves.iter().map(|leaf| (leaf.offset, leaf.offset.saturating_add(leaf.size))).collect();
    used.sort_unstable();
    used.push((size, size));
    let mut out = Vec::new();
    let mut end = 0;
    for (start, stop) in used {
        if start > end {
            // The last member that lies before it.
            let place = leaves.iter().rposition(|leaf| leaf.offset < start).unwrap_or(0);
            out.push((place, end, start - end));
        }
        end = end.max(stop);
    }
    out
}

/// Every key of every column: one that only some have stands after the one that it follows there.
fn merged(columns: &[Column]) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for column in columns {
        let mut at = 0;
        for row in &column.rows {
            match keys.iter().position(|key| *key == row.key) {
                Some(found) => at = found + 1,
                None => {
                    keys.insert(at, row.key.clone());
                    at += 1;
                }
            }
        }
    }
    keys
}

/// A typedef or enumeration: its type, a line for each architecture.
fn scalar(abis: &[Abi<'_>], name: &str) -> String {
    let mut table = Table::new(&[2, 3]);
    table.row(["", "type", "size", "align"]);
    for &abi in abis {
        let Some(found) = abi.ty(name) else { continue };
        let (Item::Typedef(ty) | Item::Enum { int: ty, .. }) = found.item else { continue };
        let figures = abi.size_align(ty);
        let figure = |figure: Option<u64>| figure.map_or(String::from("-"), |n| n.to_string());
        table.row([
            abi.arch().name.clone(),
            variable(abi, ty, "", 0),
            figure(figures.map(|(size, _)| size)),
            figure(figures.map(|(_, align)| align)),
        ]);
    }
    table.text("  ")
}
