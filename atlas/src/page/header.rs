//! A header: what it defines, in the order of its lines, and what changed in it.

use std::collections::BTreeMap;

use maud::{Markup, html};
use xen_records::cells::Cells;
use xen_records::model::{Constant, Item, Origin, Value};
use xen_records::view::declaration::constant_type;
use xen_records::view::diff::is_stable;
use xen_records::{Entry, Header};

use super::{Page, Source, c_name};
use crate::history::Step;
use crate::index::header_page;
use crate::site::{Error, Site};
use crate::text;

pub(super) fn pages(source: &Source<'_>, site: &mut Site) -> Result<(), Error> {
    for header in &source.index.records.headers {
        let page = Page::new(source, header_page(&header.name));
        let body = body(&page, header);
        page.add(site, &header.name, &body)?;
    }
    Ok(())
}

fn body(page: &Page<'_>, header: &Header) -> Markup {
    let scope = page.scope(&page.index().records.catalogue.cells, &header.cells);
    let types = header.entries.iter().filter(|entry| !is_constant(entry)).count();
    let constants = header.entries.len() - types;
    html! {
        p.kind { "Header" }
        h1 { code { (header.name) } }
        p.facts {
            (text::count(types as u64, "type")) ", " (text::count(constants as u64, "constant"))
            @if !scope.is_empty() { " · " (scope) }
            @if !is_stable(&header.name) { " · no promise from release to release" }
        }
        @if !header.entries.is_empty() { div.scroll { table.lines.defs.stack {
            thead { tr {
                th scope="col" { "Name" } th.num scope="col" { "Value" } th.num scope="col" { "Hexadecimal" }
                th scope="col" { "Type" } th scope="col" { "Where" }
            } }
            tbody { @for entry in &header.entries { (rows(page, header, entry)) } }
        } } }
        (history(page, header))
    }
}

fn is_constant(entry: &Entry) -> bool {
    entry.variants.iter().all(|variant| matches!(variant.item, Item::Constant(_)))
}

fn rows(page: &Page<'_>, header: &Header, entry: &Entry) -> Markup {
    let name = entry.name.as_str();
    let types: Vec<_> =
        entry.variants.iter().filter(|v| !matches!(v.item, Item::Constant(_))).collect();
    let all = |cells: &[Cells]| cells.iter().fold(Cells::default(), |all, cells| all.union(cells));
    let cells_of_types = all(&types.iter().map(|variant| variant.cells).collect::<Vec<_>>());
    let constants = entry.variants.iter().filter_map(|variant| match &variant.item {
        Item::Constant(constant) => Some((constant, variant.cells)),
        _ => None,
    });
    html! {
        @if let Some(first) = types.first() {
            tr.type id=(name) {
                th scope="row" { a href=(page.href(&page.index().type_page(name).unwrap_or_default())) {
                    (c_name(page.index(), name))
                } }
                td colspan="3" { (summary(page, &first.item, &first.cells)) }
                td.where { (page.scope(&header.cells, &cells_of_types)) }
            }
        }
        @for (at, (constant, cells)) in constants.enumerate() {
            tr id=[(at == 0).then(|| page.index().constant_anchor(name))] {
                @if at == 0 { th scope="row" { (self_link(page, name)) } } @else { td {} }
                td.num { code { (constant.value) } }
                (hexadecimal(&constant.value))
                td { (origin(page, constant)) }
                td.where { (page.scope(&header.cells, &cells)) }
            }
        }
    }
}

fn hexadecimal(value: &Value) -> Markup {
    let text = value.hexadecimal();
    html! { td.num { @if !text.is_empty() { code { (text) } } } }
}

/// A constant's name, which is the link to it.
fn self_link(page: &Page<'_>, name: &str) -> Markup {
    html! { a href=(format!("#{}", page.index().constant_anchor(name))) { (name) } }
}

fn origin(page: &Page<'_>, constant: &Constant) -> Markup {
    match &constant.origin {
        Origin::Enumerator(Some(owner)) => html! { code { (page.type_link(owner)) } },
        _ => html! { code { (constant_type(constant)) } },
    }
}

fn summary(page: &Page<'_>, item: &Item, cells: &Cells) -> Markup {
    let arch = cells.iter().map(|(_, arch)| arch).min().unwrap_or_default();
    match item {
        Item::Record(record) => html! {
            (text::count(record.size, "byte")) ", " (text::count(record.members.len() as u64, "member"))
        },
        Item::Typedef(ty) | Item::Enum { int: ty, .. } => {
            html! { code { "= " (page.c_type(ty, arch)) } }
        }
        Item::Constant(_) => html! {},
    }
}

/// What changed, by release.
fn history(page: &Page<'_>, header: &Header) -> Markup {
    let mut by_release: BTreeMap<usize, BTreeMap<&str, Vec<Step>>> = BTreeMap::new();
    let names = &page.source.history.names;
    for (name, _) in names.iter().filter(|(_, changes)| changes.header == header.name) {
        for (release, step, _) in page.source.history.of(page.index(), name) {
            by_release.entry(release).or_default().entry(name).or_default().push(step);
        }
    }
    html! { @if !by_release.is_empty() {
        h2 #history { "History" }
        @for (release, names) in by_release.iter().rev() {
            details.release {
                summary { (page.release(*release)) span.note { " " (text::count(names.len() as u64, "name")) } }
                ul.changes { @for (name, steps) in names {
                    li { (page.name_link(name)) " " span.steps { @for (at, step) in steps.iter().enumerate() {
                        @if at > 0 { ", " } (super::ty::step(step))
                    } } }
                } }
            }
        }
    } }
}
