//! What changed from release to release.
//!
//! A name has a state in each release on each architecture: what it is there, with the members of its
//! members. States that are equal have one number, so that a change between any two releases is a change
//! between two states, of which there are few.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use xen_records::model::{Item, Value};
use xen_records::view::Abi;
use xen_records::view::diff;
use xen_records::view::layout::{Leaf, members};

use crate::index::{Index, each_name};

/// The names that are not the same in all releases.
pub(crate) struct History<'a> {
    pub(crate) names: BTreeMap<&'a str, Changes>,
}

/// The states of one name.
pub(crate) struct Changes {
    /// The header, that of the newest release.
    pub(crate) header: String,
    /// The state by release and architecture; 0 where there is none.
    states: BTreeMap<(usize, usize), usize>,
    /// What changes from one state to another.
    pub(crate) steps: BTreeMap<(usize, usize), Vec<Step>>,
}

/// A change in words, and whether it breaks a stable interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Step(pub(crate) String, pub(crate) bool);

/// What a name is in one place.
#[derive(PartialEq)]
struct State<'a> {
    ty: Option<TypeState<'a>>,
    constant: Option<&'a Value>,
}

#[derive(PartialEq)]
enum TypeState<'a> {
    Record { size: u64, align: u64, members: Vec<Leaf<'a>> },
    Other(&'a Item),
}

impl<'a> History<'a> {
    /// Compares all releases.
    pub(crate) fn new(index: &Index<'a>) -> Self {
        let names = candidates(index).into_iter();
        Self { names: names.filter_map(|name| Some((name, changes(index, name)?))).collect() }
    }

    /// The changes of `name` by release, each with the architectures that have it.
    pub(crate) fn of(&self, index: &Index<'_>, name: &str) -> Vec<(usize, Step, Vec<usize>)> {
        let Some(changes) = self.names.get(name) else { return Vec::new() };
        let catalogue = &index.records.catalogue;
        let mut out: Vec<(usize, Step, Vec<usize>)> = Vec::new();
        for release in (1..catalogue.releases.len()).rev() {
            for arch in 0..catalogue.arches.len() {
                for step in changes.between(index, release - 1, release, arch) {
                    let known = out.iter_mut().find(|(r, s, _)| *r == release && s == step);
                    match known {
                        Some((.., arches)) => arches.push(arch),
                        None => out.push((release, step.clone(), vec![arch])),
                    }
                }
            }
        }
        out
    }
}

impl Changes {
    /// The state in one place: 0 if the name is not there, none if the architecture is not in the release.
    pub(crate) fn state(&self, index: &Index<'_>, release: usize, arch: usize) -> Option<usize> {
        let is_known = index.records.catalogue.cells.contains(release, arch);
        is_known.then(|| self.states.get(&(release, arch)).copied().unwrap_or(0))
    }

    fn between(&self, index: &Index<'_>, old: usize, new: usize, arch: usize) -> &[Step] {
        let states = self.state(index, old, arch).zip(self.state(index, new, arch));
        states.and_then(|states| self.steps.get(&states)).map_or(&[], Vec::as_slice)
    }
}

/// The names that can have changed: those with more than one form, or not everywhere, and the types with
/// members of such types.
fn candidates<'a>(index: &Index<'a>) -> BTreeSet<&'a str> {
    let everywhere = index.records.catalogue.cells;
    let things = || index.types.values().chain(index.constants.values());
    let mut found: BTreeSet<&str> = things()
        .filter(|thing| thing.forms.len() > 1 || thing.cells() != everywhere)
        .map(|thing| thing.name)
        .collect();
    loop {
        let mut more = Vec::new();
        for thing in index.types.values().filter(|thing| !found.contains(thing.name)) {
            let mut is_affected = false;
            for form in &thing.forms {
                each_name(form.item, &mut |name| is_affected |= found.contains(name));
            }
            if is_affected {
                more.push(thing.name);
            }
        }
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

fn changes(index: &Index<'_>, name: &str) -> Option<Changes> {
    let cells: Vec<_> = index.records.catalogue.cells.iter().collect();
    // State 0 is that there is nothing.
    let mut known = vec![State { ty: None, constant: None }];
    let mut states = BTreeMap::new();
    for &(release, arch) in &cells {
        let state = state(index.abi(release, arch), name);
        let number = known.iter().position(|other| *other == state).unwrap_or_else(|| {
            known.push(state);
            known.len() - 1
        });
        states.insert((release, arch), number);
    }
    let mut steps = BTreeMap::new();
    for &(old, arch) in &cells {
        for &(new, _) in cells.iter().filter(|(new, of)| *of == arch && *new > old) {
            let pair = (states[&(old, arch)], states[&(new, arch)]);
            if pair.0 == pair.1 || steps.contains_key(&pair) {
                continue;
            }
            let changes = diff::of(index.abi(old, arch), index.abi(new, arch), name);
            let steps_of_pair = changes.into_iter().map(|c| Step(c.kind.to_string(), c.breaks));
            steps.insert(pair, steps_of_pair.collect::<Vec<_>>());
        }
    }
    steps.retain(|_, of_pair| !of_pair.is_empty());
    let thing = index.types.get(name).or_else(|| index.constants.get(name))?;
    let header = thing.forms.first()?.header.to_owned();
    (!steps.is_empty()).then_some(Changes { header, states, steps })
}

fn state<'a>(abi: Abi<'a>, name: &str) -> State<'a> {
    let ty = abi.ty(name).map(|found| match found.item {
        Item::Record(record) => TypeState::Record {
            size: record.size,
            align: record.align,
            members: members(abi, name),
        },
        other => TypeState::Other(other),
    });
    State { ty, constant: abi.constant(name).map(|(_, constant)| &constant.value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The states give what a comparison of the whole releases gives.
    #[test]
    fn every_pair_of_releases_has_the_changes_of_diff() {
        let records = xen_records::records().unwrap();
        let index = Index::new(&records);
        let history = History::new(&index);
        let releases = records.catalogue.releases.len();
        for (old, new, arch) in
            [(0, releases - 1, 0), (3, 4, 1), (5, 7, 2), (releases - 2, releases - 1, 3)]
        {
            let (a, b) = (index.abi(old, arch), index.abi(new, arch));
            let mut expected = BTreeMap::<String, Vec<Step>>::new();
            for change in diff::diff(a, b) {
                let step = Step(change.kind.to_string(), change.breaks);
                expected.entry(change.name).or_default().push(step);
            }
            let mut found = BTreeMap::<String, Vec<Step>>::new();
            for (name, changes) in &history.names {
                let steps = changes.between(&index, old, new, arch);
                if !steps.is_empty() {
                    found.insert((*name).to_owned(), steps.to_vec());
                }
            }
            expected
                .values_mut()
                .chain(found.values_mut())
                .for_each(|steps| steps.sort_by(|a, b| a.0.cmp(&b.0)));
            assert!(!expected.is_empty());
            assert_eq!(found, expected, "{old} to {new} on {arch}");
        }
    }
}
