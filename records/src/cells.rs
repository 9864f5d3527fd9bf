//! Sets of pairs of release and architecture, and how a record writes them.
//!
//! A scope says where something is, as little as possible: `4.15..` is from 4.15 on, `x86_32 ..4.17` on
//! one architecture up to 4.17, nothing at all is everywhere. What is open at an end stays as it is when
//! a release is added.

use std::collections::HashMap;

use crate::catalogue::{Catalogue, MAX_ARCHES};

/// A set of pairs of release and architecture, by their numbers in the [`Catalogue`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cells([u64; MAX_ARCHES]);

impl Cells {
    /// Adds a pair. Numbers beyond what a catalogue may hold are ignored.
    pub fn insert(&mut self, release: usize, arch: usize) {
        if let (Some(releases), true) = (self.0.get_mut(arch), release < 64) {
            *releases |= 1 << release;
        }
    }

    /// Whether the pair is in the set.
    #[must_use]
    pub fn contains(&self, release: usize, arch: usize) -> bool {
        release < 64 && self.releases(arch) >> release & 1 == 1
    }

    /// The releases with `arch`, as bits.
    #[must_use]
    pub fn releases(&self, arch: usize) -> u64 {
        self.0.get(arch).copied().unwrap_or(0)
    }

    /// The releases with any architecture, as bits.
    #[must_use]
    pub fn any_releases(&self) -> u64 {
        self.0.iter().fold(0, |all, releases| all | releases)
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.any_releases() == 0
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|arch| self.0[arch] | other.0[arch]))
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|arch| self.0[arch] & other.0[arch]))
    }

    /// Every pair, by release and then architecture.
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let pairs = (0..64).flat_map(|release| (0..MAX_ARCHES).map(move |arch| (release, arch)));
        pairs.filter(|(release, arch)| self.contains(*release, *arch))
    }

    /// Whether a pair with the release is in the set.
    #[must_use]
    pub fn has_release(&self, release: usize) -> bool {
        release < 64 && self.any_releases() >> release & 1 == 1
    }

    /// The architectures of the pairs with the release.
    pub fn arches_of(&self, release: usize) -> impl Iterator<Item = usize> + '_ {
        (0..MAX_ARCHES).filter(move |arch| self.contains(release, *arch))
    }

    /// A key that sorts the newest release first, and of equals the first architecture.
    #[must_use]
    pub fn newest_first(&self) -> (u32, usize) {
        let newest = self.any_releases().leading_zeros();
        let is_in = |arch: &usize| match self.releases(*arch) {
            0 => false,
            releases => releases.leading_zeros() == newest,
        };
        (newest, (0..MAX_ARCHES).find(is_in).unwrap_or(MAX_ARCHES))
    }

    /// The pairs of the set with `arch`.
    #[must_use]
    pub fn only(&self, arch: usize) -> Self {
        Self::of(arch, self.releases(arch))
    }

    /// The pairs of one architecture with these releases, as bits.
    fn of(arch: usize, releases: u64) -> Self {
        let mut cells = Self::default();
        if let Some(place) = cells.0.get_mut(arch) {
            *place = releases;
        }
        cells
    }
}

/// A part of a scope: architectures that share their ranges of releases. The ranges are empty where they
/// are all releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) arches: Vec<usize>,
    pub(crate) ranges: String,
    /// Whether no other architecture of the coverage is left out.
    pub(crate) is_every_arch: bool,
}

/// `cells` as terms, within `coverage`.
pub(crate) fn terms(catalogue: &Catalogue, coverage: &Cells, cells: &Cells) -> Vec<Term> {
    let mut left: Vec<usize> =
        (0..catalogue.arches.len()).filter(|arch| cells.releases(*arch) != 0).collect();
    let mut out = Vec::new();
    while let Some(&first) = left.first() {
        let ranges = ranges(catalogue, coverage.releases(first), cells.releases(first));
        let mask = mask(catalogue, &ranges).unwrap_or(0);
        let fits = |arch: usize| mask & coverage.releases(arch) == cells.releases(arch);
        let (arches, rest) = left.into_iter().partition(|arch| fits(*arch));
        let is_every_arch = (0..catalogue.arches.len()).all(fits);
        out.push(Term { arches, ranges, is_every_arch });
        left = rest;
    }
    out
}

/// `cells` as a scope, empty if they are all of `coverage`.
pub(crate) fn write(catalogue: &Catalogue, coverage: &Cells, cells: &Cells) -> String {
    let terms = terms(catalogue, coverage, cells).into_iter().map(|term| {
        let names = term.arches.iter().map(|arch| catalogue.arches[*arch].name.as_str());
        let mut words: Vec<&str> = if term.is_every_arch { Vec::new() } else { names.collect() };
        if !term.ranges.is_empty() {
            words.push(&term.ranges);
        }
        words.join(" ")
    });
    terms.collect::<Vec<_>>().join("; ")
}

/// Scopes that were read. Records repeat a few hundred of them ten thousand times.
#[derive(Debug)]
pub(crate) struct Scopes<'a> {
    catalogue: &'a Catalogue,
    known: HashMap<&'a str, Cells>,
}

impl<'a> Scopes<'a> {
    pub(crate) fn new(catalogue: &'a Catalogue) -> Self {
        Self { catalogue, known: HashMap::new() }
    }

    /// The cells of `coverage` that a scope names, all if it is empty, or what is wrong with it.
    pub(crate) fn cells(&mut self, coverage: &Cells, text: &'a str) -> Result<Cells, String> {
        if text.is_empty() {
            return Ok(*coverage);
        }
        if let Some(known) = self.known.get(text) {
            return Ok(known.intersection(coverage));
        }
        let cells = parse(self.catalogue, text)?;
        self.known.insert(text, cells);
        Ok(cells.intersection(coverage))
    }
}

/// The cells that a scope names, among all that there can be.
fn parse(catalogue: &Catalogue, text: &str) -> Result<Cells, String> {
    let mut cells = Cells::default();
    for term in text.split(';') {
        let (mut arches, mut releases) = (Vec::new(), u64::MAX);
        for word in term.split_whitespace() {
            if let Some(arch) = catalogue.arches.iter().position(|arch| arch.name == word) {
                arches.push(arch);
            } else {
                releases = mask(catalogue, word)?;
            }
        }
        if arches.is_empty() {
            arches = (0..catalogue.arches.len()).collect();
        }
        for arch in arches {
            cells = cells.union(&Cells::of(arch, releases));
        }
    }
    Ok(cells)
}

/// `releases` as ranges within `coverage`, separated by commas; empty if they are the same.
fn ranges(catalogue: &Catalogue, coverage: u64, releases: u64) -> String {
    if coverage == releases {
        return String::new();
    }
    let known: Vec<usize> =
        (0..catalogue.releases.len()).filter(|at| coverage >> at & 1 == 1).collect();
    let has = |at: usize| releases >> known[at] & 1 == 1;
    let name = |at: usize| catalogue.releases[known[at]].name.as_str();
    let mut out = Vec::new();
    let mut at = 0;
    while at < known.len() {
        if !has(at) {
            at += 1;
            continue;
        }
        let start = at;
        while at < known.len() && has(at) {
            at += 1;
        }
        let end = at - 1;
        out.push(match (start == 0, at == known.len()) {
            (false, true) => format!("{}..", name(start)),
            (true, false) => format!("..{}", name(end)),
            _ if start == end => name(start).to_owned(),
            _ => format!("{}..{}", name(start), name(end)),
        });
    }
    out.join(",")
}

/// The releases that ranges name, as bits.
fn mask(catalogue: &Catalogue, text: &str) -> Result<u64, String> {
    let number = |name: &str| {
        let found = catalogue.releases.iter().position(|release| release.name == name);
        found.ok_or_else(|| format!("{name:?} is neither an architecture nor a release"))
    };
    let mut out = 0;
    for range in text.split(',').filter(|range| !range.is_empty()) {
        let (first, last) = match range.split_once("..") {
            Some((first, last)) => (first, last),
            None => (range, range),
        };
        let first = if first.is_empty() { 0 } else { number(first)? };
        let last = if last.is_empty() { 63 } else { number(last)? };
        out |= (first..=last).fold(0, |bits, at| bits | 1 << at);
    }
    Ok(if text.is_empty() { u64::MAX } else { out })
}
