//! A translated domain's physical address space: which frame is at which guest frame number.

use std::collections::BTreeMap;

use crate::state::frames::Mfn;

/// Kind of mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// The domain's own memory.
    Ram,
    /// Another domain's frame, mapped by a grant.
    Grant {
        /// Whether the guest cannot write there.
        readonly: bool,
    },
    /// Another domain's frame, mapped without a grant.
    Foreign,
}

/// What is at a guest frame number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) mfn: Mfn,
    pub(crate) kind: EntryKind,
}

/// The table. A guest frame number that is not in it is unpopulated.
#[derive(Debug, Default)]
pub(crate) struct P2m(BTreeMap<u64, Entry>);

impl P2m {
    pub(crate) fn get(&self, gfn: u64) -> Option<Entry> {
        self.0.get(&gfn).copied()
    }

    pub(crate) fn set(&mut self, gfn: u64, entry: Entry) -> Option<Entry> {
        self.0.insert(gfn, entry)
    }

    pub(crate) fn remove(&mut self, gfn: u64) -> Option<Entry> {
        self.0.remove(&gfn)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Entry)> + '_ {
        self.0.iter().map(|(gfn, entry)| (*gfn, *entry))
    }

    /// The highest number in use.
    pub(crate) fn last(&self) -> Option<u64> {
        self.0.last_key_value().map(|(gfn, _)| *gfn)
    }

    pub(crate) fn take(&mut self) -> BTreeMap<u64, Entry> {
        std::mem::take(&mut self.0)
    }
}
