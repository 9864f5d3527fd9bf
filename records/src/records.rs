//! All releases and architectures together, each thing once with the places it is in.

use std::collections::BTreeMap;

use crate::catalogue::{Arch, Catalogue, MAX_ARCHES, MAX_RELEASES, Release};
use crate::cells::Cells;
use crate::error::Error;
use crate::model::{Definition, HeaderAbi, Item, Snapshot};

/// The ABI of several releases and architectures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// Which releases and architectures.
    pub catalogue: Catalogue,
    /// Every header of any of them, sorted by name.
    pub headers: Vec<Header>,
    /// What statuses and error numbers mean, in our own words, by constant.
    pub words: BTreeMap<String, String>,
}

/// One header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Its path, such as `io/blkif.h`.
    pub name: String,
    /// Where it is read.
    pub cells: Cells,
    /// What it defines, in the order of the newest release's lines.
    pub entries: Vec<Entry>,
}

/// A type or constant in all its forms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its forms, that of the newest release first.
    pub variants: Vec<Variant>,
    /// Its lines, and where each is its line.
    pub lines: Vec<(u32, Cells)>,
}

/// One form of a type or constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Where it has this form.
    pub cells: Cells,
    /// The form.
    pub item: Item,
}

impl Entry {
    /// Adds a form, or more places to one that is there.
    pub(crate) fn add(&mut self, item: Item, cells: Cells) {
        match self.variants.iter_mut().find(|variant| variant.item == item) {
            Some(variant) => variant.cells = variant.cells.union(&cells),
            None => {
                // Most things have one form, and four are a vector's least.
                self.variants.reserve_exact(1);
                self.variants.push(Variant { cells, item });
            }
        }
    }

    /// Adds places to a line.
    pub(crate) fn add_line(&mut self, line: u32, cells: Cells) {
        match self.lines.iter_mut().find(|(known, _)| *known == line) {
            Some((_, known)) => *known = known.union(&cells),
            None => self.lines.push((line, cells)),
        }
    }

    /// Puts forms and lines in their order.
    pub(crate) fn sort(&mut self) {
        self.variants.sort_by_key(|variant| variant.cells.newest_first());
        self.lines.sort_by_key(|(_, cells)| cells.newest_first());
    }

    /// Where it is, in any form.
    #[must_use]
    pub fn cells(&self) -> Cells {
        self.variants.iter().fold(Cells::default(), |all, variant| all.union(&variant.cells))
    }

    /// Its form in one place.
    #[must_use]
    pub fn item(&self, release: usize, arch: usize) -> Option<&Item> {
        let found = self.variants.iter().find(|variant| variant.cells.contains(release, arch))?;
        Some(&found.item)
    }

    /// Its line in one place, or 0 where none is known.
    #[must_use]
    pub fn line(&self, release: usize, arch: usize) -> u32 {
        let line = self.lines.iter().find(|(_, cells)| cells.contains(release, arch));
        line.map_or(0, |(line, _)| *line)
    }
}

impl Records {
    /// The records of these snapshots. Of two of one release and architecture the later counts.
    ///
    /// # Errors
    ///
    /// [`Error::TooMany`] for more releases or architectures than a record can hold.
    pub fn from_snapshots(snapshots: &[Snapshot]) -> Result<Self, Error> {
        let catalogue = catalogue(snapshots)?;
        let mut by_cell = BTreeMap::new();
        for snapshot in snapshots {
            let release = catalogue.release(&snapshot.release.name).unwrap_or_default();
            let arch = catalogue.arch(&snapshot.arch.name).unwrap_or_default();
            // The newest release first: its order is the record's.
            by_cell.insert((usize::MAX - release, arch), (release, snapshot));
        }
        let mut headers = BTreeMap::<&str, (Header, BTreeMap<&str, Entry>, Vec<&str>)>::new();
        for ((_, arch), (release, snapshot)) in &by_cell {
            let mut cell = Cells::default();
            cell.insert(*release, *arch);
            for HeaderAbi { name, items } in &snapshot.headers {
                let (header, entries, order) = headers.entry(name).or_default();
                header.cells = header.cells.union(&cell);
                let mut at = 0;
                for Definition { name, line, item } in items {
                    let entry = entries.entry(name).or_default();
                    if entry.name.is_empty() {
                        entry.name.clone_from(name);
                        order.insert(at, name);
                    }
                    entry.add(item.clone(), cell);
                    entry.add_line(*line, cell);
                    at = order.iter().position(|known| known == name).map_or(at, |at| at + 1);
                }
            }
        }
        let headers = headers.into_iter().map(|(name, (mut header, mut entries, order))| {
            header.name = name.to_owned();
            header.entries = order.iter().filter_map(|name| entries.remove(name)).collect();
            header.entries.iter_mut().for_each(Entry::sort);
            header
        });
        let headers = headers.collect();
        Ok(Self { catalogue, headers, words: BTreeMap::new() })
    }

    /// These records with the places of `snapshots` as they are there, and all others as they are.
    ///
    /// # Errors
    ///
    /// As [`Records::from_snapshots`].
    pub fn with(&self, snapshots: &[Snapshot]) -> Result<Self, Error> {
        let cells: Vec<_> = self.catalogue.cells.iter().collect();
        let mut all: Vec<Snapshot> = cells.into_iter().map(|(r, a)| self.snapshot(r, a)).collect();
        // A release is replaced whole: what its tree no longer has must not stay.
        let is_replaced =
            |old: &Snapshot| snapshots.iter().any(|new| new.release.name == old.release.name);
        all.retain(|old| !is_replaced(old));
        all.extend_from_slice(snapshots);
        Ok(Self { words: self.words.clone(), ..Self::from_snapshots(&all)? })
    }

    /// What is known of one release on one architecture, by their numbers in the catalogue; empty if
    /// that is nothing.
    ///
    /// # Panics
    ///
    /// When the catalogue has no such numbers.
    #[must_use]
    pub fn snapshot(&self, release: usize, arch: usize) -> Snapshot {
        let of_cell = self.headers.iter().filter(|header| header.cells.contains(release, arch));
        let headers = of_cell.map(|header| {
            let items = header.entries.iter().filter_map(|entry| {
                let item = entry.item(release, arch)?.clone();
                Some(Definition { name: entry.name.clone(), line: entry.line(release, arch), item })
            });
            let mut items: Vec<_> = items.collect();
            items.sort_by_key(|definition| definition.line);
            HeaderAbi { name: header.name.clone(), items }
        });
        Snapshot {
            release: self.catalogue.releases[release].clone(),
            arch: self.catalogue.arches[arch].clone(),
            headers: headers.collect(),
        }
    }
}

fn catalogue(snapshots: &[Snapshot]) -> Result<Catalogue, Error> {
    let mut releases: Vec<Release> = Vec::new();
    let mut arches: Vec<Arch> = Vec::new();
    for snapshot in snapshots {
        match releases.iter_mut().find(|known| known.name == snapshot.release.name) {
            Some(known) => known.clone_from(&snapshot.release),
            None => releases.push(snapshot.release.clone()),
        }
        match arches.iter_mut().find(|known| known.name == snapshot.arch.name) {
            Some(known) => known.clone_from(&snapshot.arch),
            None => arches.push(snapshot.arch.clone()),
        }
    }
    if releases.len() > MAX_RELEASES || arches.len() > MAX_ARCHES {
        return Err(Error::TooMany { releases: releases.len(), arches: arches.len() });
    }
    releases.sort_by_key(|release| (release.key(), release.name.clone()));
    let mut catalogue = Catalogue { releases, arches, cells: Cells::default() };
    for snapshot in snapshots {
        let release = catalogue.releases.iter().position(|r| r.name == snapshot.release.name);
        let arch = catalogue.arches.iter().position(|a| a.name == snapshot.arch.name);
        if let (Some(release), Some(arch)) = (release, arch) {
            catalogue.cells.insert(release, arch);
        }
    }
    Ok(catalogue)
}
