//! What the scripts read: the index for searching, and the changes between releases.
//!
//! A page that is a file cannot read other files, but it can run scripts: the data is a call with JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use xen_records::model::{Constant, Item, Member, Type};

use crate::history::{History, Step};
use crate::hypercalls;
use crate::index::Index;
use crate::site::{Error, Site};

/// Adds the files.
pub(crate) fn all(index: &Index<'_>, history: &History<'_>, site: &mut Site) -> Result<(), Error> {
    site.add("data/search.js".to_owned(), call("search", &search(index)))?;
    site.add("data/changes.js".to_owned(), call("changes", &changes(index, history)))
}

/// JSON is a part of JavaScript. It holds names and numbers of C's, and `<` in no place where it matters.
fn call<T: Serialize>(function: &str, data: &T) -> String {
    let json = serde_json::to_string(data).expect("maps with names as keys are JSON");
    format!("atlas.{function}({json});\n")
}

#[derive(Serialize)]
struct Search<'a> {
    headers: Vec<&'a str>,
    hypercalls: Vec<&'a str>,
    /// Types with their members, and the type that has the page if that is another.
    types: Vec<(&'a str, &'a str, String)>,
    /// Constants by header, with their values, and whether the anchor is `.constant`.
    constants: BTreeMap<&'a str, Vec<(&'a str, String, u8)>>,
}

fn search<'a>(index: &Index<'a>) -> Search<'a> {
    let types = index.types.values().map(|thing| {
        let mut members: Vec<&str> = Vec::new();
        for form in &thing.forms {
            if let Item::Record(record) = form.item {
                names(&record.members, &mut members);
            }
        }
        (thing.name, index.alias(thing.name).unwrap_or(""), members.join(" "))
    });
    let mut constants: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for thing in index.constants.values() {
        let Some(form) = thing.forms.first() else { continue };
        let Item::Constant(Constant { value, .. }) = form.item else { continue };
        let is_apart = index.constant_anchor(thing.name) != thing.name;
        constants.entry(form.header).or_default().push((
            thing.name,
            value.to_string(),
            is_apart.into(),
        ));
    }
    Search {
        headers: index.records.headers.iter().map(|header| header.name.as_str()).collect(),
        hypercalls: hypercalls::all(index).into_iter().map(|hypercall| hypercall.name).collect(),
        types: types.collect(),
        constants,
    }
}

fn names<'a>(members: &'a [Member], out: &mut Vec<&'a str>) {
    for member in members {
        if let Some(name) = &member.name {
            if !out.contains(&name.as_str()) {
                out.push(name);
            }
        }
        if let Type::Inline(_, inner) = member.ty.element() {
            names(inner, out);
        }
    }
}

#[derive(Serialize)]
struct Comparison<'a> {
    releases: Vec<&'a str>,
    arches: Vec<&'a str>,
    /// By architecture: whether it is in each release.
    known: Vec<Vec<u8>>,
    names: Vec<Name<'a>>,
}

/// A name, the page, the header, the states by architecture and release, and what changes from one state to
/// another, as `"0>1"`.
#[derive(Serialize)]
struct Name<'a>(&'a str, String, &'a str, Vec<Vec<usize>>, BTreeMap<String, &'a [Step]>);

fn changes<'a>(index: &'a Index<'_>, history: &'a History<'_>) -> Comparison<'a> {
    let catalogue = &index.records.catalogue;
    let releases = 0..catalogue.releases.len();
    let arches = 0..catalogue.arches.len();
    let names = history.names.iter().map(|(name, changes)| {
        let states = arches.clone().map(|arch| {
            let of =
                releases.clone().map(|release| changes.state(index, release, arch).unwrap_or(0));
            let states: Vec<usize> = of.collect();
            // Nothing at all is said by nothing.
            if states.iter().all(|state| *state == 0) { Vec::new() } else { states }
        });
        let page = index.type_page(name).or_else(|| index.constant_page(name)).unwrap_or_default();
        let steps = changes.steps.iter();
        let steps = steps.map(|((a, b), steps)| (format!("{a}>{b}"), steps.as_slice())).collect();
        Name(name, page, &changes.header, states.collect(), steps)
    });
    let known = arches.clone().map(|arch| {
        releases.clone().map(|release| catalogue.cells.contains(release, arch).into()).collect()
    });
    Comparison {
        releases: catalogue.releases.iter().map(|release| release.name.as_str()).collect(),
        arches: catalogue.arches.iter().map(|arch| arch.name.as_str()).collect(),
        known: known.collect(),
        names: names.collect(),
    }
}
