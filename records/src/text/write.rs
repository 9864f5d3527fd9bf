//! A header's record: its things with the architectures as columns.

use super::file;
use super::rows::{self, Rows};
use crate::catalogue::Catalogue;
use crate::cells::{self, Cells};
use crate::error::Error;
use crate::records::{Entry, Header};
use crate::spell::{erased, is_name, localised};

/// A column: its architectures, and the numbers of each row there.
type Column = (Vec<usize>, Vec<(u64, u64)>);

/// Rows that several architectures share but for their numbers.
struct Block {
    rows: Rows,
    columns: Vec<Column>,
    cells: Cells,
}

pub(super) fn header(catalogue: &Catalogue, header: &Header) -> Result<String, Error> {
    Ok(file::seal(&header.name, &body(catalogue, header)?))
}

pub(super) fn body(catalogue: &Catalogue, header: &Header) -> Result<String, Error> {
    let mut out = String::new();
    let scope = cells::write(catalogue, &catalogue.cells, &header.cells);
    if !scope.is_empty() {
        out += &format!("in {scope}\n");
    }
    for entry in &header.entries {
        check(&header.name, entry)?;
        for block in blocks(catalogue, &header.cells, entry) {
            write(catalogue, &header.cells, &block, &mut out);
        }
    }
    Ok(out)
}

/// Refuses names that would read back as something else.
fn check(header: &str, entry: &Entry) -> Result<(), Error> {
    let inner = entry.variants.iter().flat_map(|variant| rows::names(&variant.item));
    match [entry.name.as_str()].into_iter().chain(inner).find(|name| !is_name(name)) {
        Some(name) => Err(Error::Unwritable { header: header.to_owned(), name: name.to_owned() }),
        None => Ok(()),
    }
}

fn write(catalogue: &Catalogue, coverage: &Cells, block: &Block, out: &mut String) {
    *out += &block.rows.head;
    // Where there are columns they name the architectures.
    let scope = match block.columns.as_slice() {
        [_] => cells::write(catalogue, coverage, &block.cells),
        _ => cells::terms(catalogue, coverage, &block.cells).swap_remove(0).ranges,
    };
    if !scope.is_empty() {
        *out += &format!(" @ {scope}");
    }
    out.push('\n');
    if block.columns.len() > 1 {
        let names = |arches: &[usize]| {
            let names = arches.iter().map(|arch| catalogue.arches[*arch].name.as_str());
            names.collect::<Vec<_>>().join(" ")
        };
        let columns: Vec<_> = block.columns.iter().map(|(arches, _)| names(arches)).collect();
        *out += &format!("  {}\n", columns.join(" | "));
    }
    for (number, row) in block.rows.rows.iter().enumerate() {
        let numbers = block.columns.iter().map(|(_, numbers)| {
            let (first, second) = numbers[number];
            format!("{first:5} {second:5}")
        });
        let numbers = numbers.collect::<Vec<_>>().join(" |");
        *out += &format!("{numbers}  {:indent$}{}\n", "", row.text, indent = 2 * row.depth);
    }
}

fn blocks(catalogue: &Catalogue, coverage: &Cells, entry: &Entry) -> Vec<Block> {
    let mut groups: Vec<(Rows, Cells)> = Vec::new();
    for variant in &entry.variants {
        for (number, arch) in catalogue.arches.iter().enumerate() {
            let cells = variant.cells.only(number);
            if cells.is_empty() {
                continue;
            }
            let rows = rows::rows(&entry.name, &variant.item, arch);
            match groups.iter_mut().find(|(known, _)| *known == rows) {
                Some((_, known)) => *known = known.union(&cells),
                None => groups.push((rows, cells)),
            }
        }
    }
    let mut blocks = Vec::new();
    while !groups.is_empty() {
        let first = groups.remove(0);
        let ranges = |cells: &Cells| match cells::terms(catalogue, coverage, cells).as_slice() {
            [term] => Some(term.ranges.clone()),
            _ => None,
        };
        let (alike, rest) = match ranges(&first.1) {
            Some(range) => groups.into_iter().partition(|(rows, cells)| {
                ranges(cells).as_ref() == Some(&range) && is_alike(rows, &first.0)
            }),
            None => (Vec::new(), groups),
        };
        groups = rest;
        let mut together = vec![first];
        together.extend(alike);
        match join(catalogue, &together) {
            Some(block) => blocks.push(block),
            None => {
                let alone = together
                    .iter()
                    .filter_map(|group| join(catalogue, std::slice::from_ref(group)));
                blocks.extend(alone);
            }
        }
    }
    blocks.sort_by_key(|block| block.cells.newest_first());
    blocks
}

/// Whether the texts are the same but for what one architecture says and another need not.
fn is_alike(a: &Rows, b: &Rows) -> bool {
    a.rows.len() == b.rows.len()
        && erased(&a.head) == erased(&b.head)
        && a.rows
            .iter()
            .zip(&b.rows)
            .all(|(a, b)| a.depth == b.depth && erased(&a.text) == erased(&b.text))
}

/// Groups as one block, in the words that say most; `None` if an architecture would read them otherwise.
fn join(catalogue: &Catalogue, groups: &[(Rows, Cells)]) -> Option<Block> {
    let mut rows = groups[0].0.clone();
    for (other, _) in &groups[1..] {
        longer(&mut rows.head, &other.head);
        for (row, other) in rows.rows.iter_mut().zip(&other.rows) {
            longer(&mut row.text, &other.text);
        }
    }
    let mut columns: Vec<Column> = Vec::new();
    let mut all = Cells::default();
    for (own, cells) in groups {
        all = all.union(cells);
        let numbers: Vec<_> = own.rows.iter().map(|row| row.numbers).collect();
        let arches = (0..catalogue.arches.len())
            .filter(|arch| cells.releases(*arch) != 0)
            .collect::<Vec<_>>();
        for arch in &arches {
            let arch = &catalogue.arches[*arch];
            let texts = rows.rows.iter().zip(&own.rows);
            let reads_same = localised(&rows.head, arch) == own.head
                && texts.clone().all(|(row, own)| localised(&row.text, arch) == own.text);
            if !reads_same {
                return None;
            }
        }
        match columns.iter_mut().find(|(_, known)| *known == numbers) {
            Some((known, _)) => known.extend(arches),
            None => columns.push((arches, numbers)),
        }
    }
    columns.iter_mut().for_each(|(arches, _)| arches.sort_unstable());
    columns.sort();
    Some(Block { rows, columns, cells: all })
}

fn longer(text: &mut String, other: &str) {
    if other.len() > text.len() {
        other.clone_into(text);
    }
}
