//! Which names are tags: C writes `struct foo`, but a typedef's name alone.

use std::collections::{BTreeMap, BTreeSet};

use super::Macros;
use crate::exceptions;
use crate::ir::{Abi, Location, Omission, RecordKind};

/// Tags made by pasting in `DEFINE_RING_TYPES` and `DEFINE_XEN_FLEX_RING`, by suffix.
const PASTED: &[&str] =
    &["_sring", "_sring_entry", "_front_ring", "_back_ring", "_data_intf", "_data"];

/// Tags made by pasting in `DECLARE_HVM_SAVE_TYPE`.
const PASTED_PREFIX: &str = "__HVM_SAVE_TYPE_";

/// The tags of a tree, each with the place of its definition if it has one.
#[derive(Clone, Debug, Default)]
pub(super) struct Tags(BTreeMap<String, Option<Location>>);

impl Tags {
    /// Adds the tags of one header, whose comments are gone.
    pub(super) fn scan(&mut self, header: &str, text: &str) {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut rest = text;
        let (mut line, mut counted) = (1, 0);
        while let Some(start) = rest.find(is_word) {
            rest = &rest[start..];
            let (word, after) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
            rest = after;
            if matches!(word, "struct" | "union" | "enum") {
                let tag = after.trim_start();
                let (tag, rest) = tag.split_at(tag.find(|c| !is_word(c)).unwrap_or(tag.len()));
                if !tag.is_empty() {
                    let known = self.0.entry(tag.to_owned()).or_default();
                    if known.is_none() && rest.trim_start().starts_with('{') {
                        let here = text.len() - after.len();
                        line += text[counted..here].matches('\n').count();
                        counted = here;
                        *known = Some(Location { header: header.to_owned(), line });
                    }
                }
            }
        }
    }

    /// Where a tag is defined.
    pub(super) fn location(&self, tag: &str) -> Option<&Location> {
        self.0.get(tag)?.as_ref()
    }

    /// Adds the tags that macros put in the place of others: for programs of older interfaces,
    /// `struct grant_entry_v1` is `struct grant_entry`.
    pub(super) fn add_renamed(&mut self, macros: &Macros) {
        let renamed = macros.0.iter().filter(|(name, _)| self.0.contains_key(*name));
        let bodies = renamed.flat_map(|(_, definitions)| definitions).map(|found| &found.body);
        let new: Vec<_> = bodies.filter(|body| !self.0.contains_key(*body)).cloned().collect();
        self.0.extend(new.into_iter().map(|name| (name, None)));
    }

    /// Says which definitions the preprocessor passed over.
    pub(super) fn omit(&self, abi: &mut Abi) {
        // Nested types still go by bindgen's names, but C's are noted.
        let c_names = abi.types.values().filter_map(|ty| ty.c_name.as_ref());
        let defined: BTreeSet<String> =
            c_names.filter_map(|name| name.rsplit(' ').next()).map(str::to_owned).collect();
        for (tag, location) in &self.0 {
            let Some(location) = location else { continue };
            let read = abi.headers.binary_search(&location.header).is_ok();
            if read && !defined.contains(tag) {
                let omission =
                    Omission { location: location.clone(), reason: exceptions::NOT_TAKEN };
                abi.omitted.entry(tag.clone()).or_insert(omission);
            }
        }
    }

    /// How C spells the record `name`.
    pub(super) fn spell(&self, kind: RecordKind, name: &str) -> String {
        let pasted =
            name.starts_with(PASTED_PREFIX) || PASTED.iter().any(|suffix| name.ends_with(suffix));
        if self.0.contains_key(name) || pasted {
            let keyword = match kind {
                RecordKind::Struct => "struct",
                RecordKind::Union => "union",
            };
            format!("{keyword} {name}")
        } else {
            name.to_owned()
        }
    }

    /// How C spells the enumeration `name`.
    pub(super) fn spell_enum(&self, name: &str) -> String {
        if self.0.contains_key(name) { format!("enum {name}") } else { name.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_typedefs_differ() {
        let mut tags = Tags::default();
        tags.scan(
            "x.h",
            "struct foo { int a; }; union {\n struct in { baz_t b; } x; } bar_t; enum kind\n{ A };",
        );
        assert_eq!(tags.spell(RecordKind::Struct, "foo"), "struct foo");
        assert_eq!(tags.spell(RecordKind::Struct, "in"), "struct in");
        assert_eq!(tags.spell(RecordKind::Struct, "bar_t"), "bar_t");
        assert_eq!(tags.spell(RecordKind::Struct, "baz_t"), "baz_t");
        assert_eq!(tags.spell(RecordKind::Union, "blkif_sring_entry"), "union blkif_sring_entry");
        assert_eq!(tags.spell_enum("kind"), "enum kind");
    }
}
