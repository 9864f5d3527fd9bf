//! Questions about one release on one architecture.

pub mod declaration;
pub mod diff;
pub mod export;
pub mod history;
pub mod layout;

use std::collections::HashMap;
use std::ops::Range;

use crate::catalogue::{Arch, Release};
use crate::model::{Constant, Item, Member, Record, Type};
use crate::records::{Entry, Header, Records};

/// Records whose types and constants are found by name.
#[derive(Clone, Debug)]
pub struct Index<'a> {
    records: &'a Records,
    /// Sorted by name. What several headers define stands in the order of the headers.
    all: Vec<(&'a Header, &'a Entry)>,
    /// By name, those of [`Index::all`] that are called so.
    by_name: HashMap<&'a str, usize>,
    /// The runs of one name in [`Index::all`].
    runs: Vec<Range<usize>>,
}

/// One release on one architecture: a view of an [`Index`], which copies nothing.
#[derive(Clone, Copy, Debug)]
pub struct Abi<'a> {
    index: &'a Index<'a>,
    release: usize,
    arch: usize,
}

/// A type or constant as one release has it on one architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// The header that defines it.
    pub header: &'a str,
    /// The line there, or 0 where none is known.
    pub line: u32,
    /// A type's tag, or its typedef where it has no tag; a constant's name.
    pub name: &'a str,
    /// What it is.
    pub item: &'a Item,
}

/// How many things of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Structures, unions, enumerations and typedefs that have a name.
    pub types: usize,
    /// Members, bit fields counted singly.
    pub fields: usize,
    /// Macros and enumerators.
    pub constants: usize,
}

impl<'a> Index<'a> {
    /// Finds everything.
    #[must_use]
    pub fn new(records: &'a Records) -> Self {
        let all = records.headers.iter();
        let all = all.flat_map(|header| header.entries.iter().map(move |entry| (header, entry)));
        let mut all: Vec<(&Header, &Entry)> = all.collect();
        all.sort_by_key(|(_, entry)| entry.name.as_str());
        let (mut by_name, mut runs) = (HashMap::with_capacity(all.len()), Vec::new());
        let mut start = 0;
        for run in all.chunk_by(|(_, a), (_, b)| a.name == b.name) {
            by_name.insert(run[0].1.name.as_str(), runs.len());
            runs.push(start..start + run.len());
            start += run.len();
        }
        Self { records, all, by_name, runs }
    }

    /// The records.
    #[must_use]
    pub fn records(&self) -> &'a Records {
        self.records
    }

    /// One release on one architecture, by their numbers in the catalogue; empty if that is nothing.
    ///
    /// # Panics
    ///
    /// When the catalogue has no such numbers.
    #[must_use]
    pub fn abi(&self, release: usize, arch: usize) -> Abi<'_> {
        let catalogue = &self.records.catalogue;
        assert!(release < catalogue.releases.len() && arch < catalogue.arches.len());
        Abi { index: self, release, arch }
    }

    /// Everything called `name`, with its header.
    #[must_use]
    pub fn entries(&self, name: &str) -> &[(&'a Header, &'a Entry)] {
        self.by_name.get(name).map_or(&[], |run| &self.all[self.runs[*run].clone()])
    }
}

impl<'a> Abi<'a> {
    /// The release.
    #[must_use]
    pub fn release(&self) -> &'a Release {
        &self.index.records.catalogue.releases[self.release]
    }

    /// The architecture.
    #[must_use]
    pub fn arch(&self) -> &'a Arch {
        &self.index.records.catalogue.arches[self.arch]
    }

    fn found(&self, header: &'a Header, entry: &'a Entry) -> Option<Found<'a>> {
        let item = entry.item(self.release, self.arch)?;
        let line = entry.line(self.release, self.arch);
        Some(Found { header: &header.name, line, name: &entry.name, item })
    }

    /// Of what several headers define the last, as C has it.
    fn last(&self, run: &[(&'a Header, &'a Entry)], is_constant: bool) -> Option<Found<'a>> {
        let found = run.iter().rev().filter_map(|(header, entry)| self.found(header, entry));
        found.into_iter().find(|found| found.is_constant() == is_constant)
    }

    fn all(&self, is_constant: bool) -> impl Iterator<Item = Found<'a>> + use<'a> {
        let (abi, all) = (*self, &self.index.all);
        let runs = self.index.runs.iter();
        runs.filter_map(move |run| abi.last(&all[run.clone()], is_constant))
    }

    fn one(&self, name: &str, is_constant: bool) -> Option<Found<'a>> {
        self.last(self.index.entries(name), is_constant)
    }

    /// Every type by name.
    pub fn types(&self) -> impl Iterator<Item = Found<'a>> + use<'a> {
        self.all(false)
    }

    /// Every constant by name.
    pub fn constants(&self) -> impl Iterator<Item = (Found<'a>, &'a Constant)> + use<'a> {
        self.all(true).filter_map(|found| Some((found, found.constant()?)))
    }

    /// The type called `name`, a tag or a typedef.
    #[must_use]
    pub fn ty(&self, name: &str) -> Option<Found<'a>> {
        self.one(name, false)
    }

    /// The constant called `name`.
    #[must_use]
    pub fn constant(&self, name: &str) -> Option<(Found<'a>, &'a Constant)> {
        let found = self.one(name, true)?;
        Some((found, found.constant()?))
    }

    /// The structure or union called `name`, seen through typedefs.
    #[must_use]
    pub fn record(&self, name: &str) -> Option<&'a Record> {
        let mut item = self.ty(name)?.item;
        // A record that was altered may name a typedef's target in a circle.
        for _ in 0..16 {
            match item {
                Item::Record(record) => return Some(record),
                Item::Typedef(Type::Named(target)) => item = self.ty(target)?.item,
                _ => return None,
            }
        }
        None
    }

    /// Size and alignment of `ty` in bytes; `None` for `void`, for a name that is not known and for a
    /// structure without a name, whose member has the size.
    #[must_use]
    pub fn size_align(&self, ty: &Type) -> Option<(u64, u64)> {
        self.size_align_within(ty, 32)
    }

    fn size_align_within(&self, ty: &Type, depth: usize) -> Option<(u64, u64)> {
        let depth = depth.checked_sub(1)?;
        Some(match ty {
            Type::Int { bytes, align, .. } => (*bytes, *align),
            Type::Handle(_, bytes) | Type::Pointer(_, bytes) => (*bytes, *bytes),
            Type::Array(element, len) => {
                let (size, align) = self.size_align_within(element, depth)?;
                (size.checked_mul(*len)?, align)
            }
            Type::Named(name) => match self.ty(name)?.item {
                Item::Record(record) => (record.size, record.align),
                Item::Typedef(ty) | Item::Enum { int: ty, .. } => {
                    self.size_align_within(ty, depth)?
                }
                Item::Constant(_) => return None,
            },
            Type::Void | Type::Inline(..) => return None,
        })
    }

    /// How much there is.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { constants: self.constants().count(), ..Counts::default() };
        for found in self.types() {
            counts.types += 1;
            if let Item::Record(record) = found.item {
                counts.fields += named(&record.members);
            }
        }
        counts
    }
}

impl<'a> Found<'a> {
    fn is_constant(&self) -> bool {
        matches!(self.item, Item::Constant(_))
    }

    fn constant(&self) -> Option<&'a Constant> {
        match self.item {
            Item::Constant(constant) => Some(constant),
            _ => None,
        }
    }
}

fn named(members: &[Member]) -> usize {
    let of_each = members.iter().map(|member| {
        let inner = match member.ty.element() {
            Type::Inline(_, inner) => named(inner),
            _ => 0,
        };
        usize::from(member.name.is_some()) + inner
    });
    of_each.sum()
}
