//! What a program holds, as comparable numbers.

use std::collections::BTreeMap;
use std::fmt;

/// A kind of resource that a program must release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Held {
    /// A file descriptor, of a device or another file.
    Descriptor,
    /// An index of gntdev: `MAP_GRANT_REF` without `UNMAP_GRANT_REF`.
    Index,
    /// A page of a device in the program's address space.
    MappedPage,
    /// A page that gntalloc shares, until it is deallocated and unmapped.
    SharedPage,
    /// A dma-buf that was imported and not released.
    Import,
    /// An event channel bound through evtchn.
    Port,
    /// An eventfd that is assigned through privcmd.
    Eventfd,
}

impl Held {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Descriptor,
        Self::Index,
        Self::MappedPage,
        Self::SharedPage,
        Self::Import,
        Self::Port,
        Self::Eventfd,
    ];
}

/// How many of each kind a program holds, or holds more than before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State(BTreeMap<Held, usize>);

impl State {
    /// How many of a kind.
    #[must_use]
    pub fn count(&self, kind: Held) -> usize {
        self.0.get(&kind).copied().unwrap_or(0)
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add(&mut self, kind: Held, count: usize) {
        if count != 0 {
            *self.0.entry(kind).or_default() += count;
        }
    }

    /// What is held here and not in `earlier`.
    #[must_use]
    pub fn beyond(&self, earlier: &Self) -> Self {
        let mut more = Self::default();
        for (kind, count) in &self.0 {
            more.add(*kind, count.saturating_sub(earlier.count(*kind)));
        }
        more
    }
}

impl FromIterator<(Held, usize)> for State {
    fn from_iter<I: IntoIterator<Item = (Held, usize)>>(counts: I) -> Self {
        let mut state = Self::default();
        counts.into_iter().for_each(|(kind, count)| state.add(kind, count));
        state
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        for (at, (kind, count)) in self.0.iter().enumerate() {
            let (one, many) = match kind {
                Held::Descriptor => ("descriptor", "descriptors"),
                Held::Index => ("index", "indices"),
                Held::MappedPage => ("mapped page", "mapped pages"),
                Held::SharedPage => ("shared page", "shared pages"),
                Held::Import => ("import", "imports"),
                Held::Port => ("port", "ports"),
                Held::Eventfd => ("assigned eventfd", "assigned eventfds"),
            };
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {}", if *count == 1 { one } else { many })?;
        }
        Ok(())
    }
}
