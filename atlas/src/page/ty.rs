//! A type: its forms side by side, drawn to scale, its members and its history.

use maud::{Markup, html};
use xen_records::model::Item;
use xen_records::view::declaration::declaration;

use super::{Page, Source, c_name, drawing, kind, members};
use crate::history::Step;
use crate::index::{Form, Thing};
use crate::site::{Error, Site};
use crate::text;

/// More forms than this have their drawings folded, but for the newest.
const MAX_OPEN: usize = 4;

pub(super) fn pages(source: &Source<'_>, site: &mut Site) -> Result<(), Error> {
    for thing in source.index.types.values() {
        if source.index.alias(thing.name).is_none() {
            let page = Page::new(source, format!("types/{}.html", thing.name));
            let body = body(&page, thing);
            page.add(site, thing.name, &body)?;
        }
    }
    Ok(())
}

/// The letter of a form.
pub(super) fn letter(at: usize) -> String {
    match u8::try_from(at) {
        Ok(at) if at < 26 => char::from(b'A' + at).to_string(),
        _ => (at + 1).to_string(),
    }
}

fn body(page: &Page<'_>, thing: &Thing<'_>) -> Markup {
    let coverage = page.index().records.catalogue.cells;
    let kind = thing.forms.first().map_or("", |form| kind(form.item));
    html! {
        p.kind { (kind) }
        h1 { code { (c_name(page.index(), thing.name)) } }
        (facts(page, thing))
        @if thing.forms.len() > 1 || thing.cells() != coverage { (matrix(page, thing)) }
        (forms(page, thing))
        (members::table(page, thing))
        (changes(page, thing))
        (declaration_of(page, thing))
    }
}

fn facts(page: &Page<'_>, thing: &Thing<'_>) -> Markup {
    let aliases: Vec<_> = page.index().aliases_of(thing.name).collect();
    let uses = page.index().uses.get(thing.name);
    let commands = page.source.hypercalls.iter().flat_map(|hypercall| {
        hypercall.commands.iter().map(move |command| (hypercall.name, command))
    });
    let commands: Vec<_> =
        commands.filter(|(_, command)| command.argument == Some(thing.name)).collect();
    html! {
        dl.facts {
            dt { "Header" }
            dd { @for (at, (header, lines)) in thing.places.iter().enumerate() {
                @if at > 0 { ", " } (page.header_link(header))
                @if let Some((line, _)) = lines.first() { @if *line > 0 { ", line " (line) } }
            } }
            @if !aliases.is_empty() {
                dt { "Other names" }
                dd { @for (at, alias) in aliases.iter().enumerate() {
                    @if at > 0 { ", " } code id=(alias) { (alias) }
                } }
            }
            @if !commands.is_empty() {
                dt { "Argument of" }
                dd { @for (at, (hypercall, command)) in commands.iter().enumerate() {
                    @if at > 0 { ", " }
                    a href=(page.href(&format!("hypercalls/{hypercall}.html#{}", command.constant))) { code { (command.constant) } }
                } }
            }
            @if let Some(uses) = uses { @if !uses.is_empty() {
                dt { "Used by" }
                dd { @for (at, user) in uses.iter().enumerate() {
                    @if at > 0 { ", " } code { (page.type_link(user)) }
                } }
            } }
        }
    }
}

/// Which form is where.
fn matrix(page: &Page<'_>, thing: &Thing<'_>) -> Markup {
    let catalogue = &page.index().records.catalogue;
    let cells = thing.cells();
    let arches: Vec<_> =
        (0..catalogue.arches.len()).filter(|arch| cells.releases(*arch) != 0).collect();
    let at = |release, arch| thing.forms.iter().position(|form| form.cells.contains(release, arch));
    html! {
        div.scroll { table.matrix {
            caption { "Forms by release and architecture" }
            thead { tr { td {} @for release in &catalogue.releases { th scope="col" { (release.name) } } } }
            tbody { @for arch in arches { tr {
                th scope="row" { (catalogue.arches[arch].name) }
                @for release in 0..catalogue.releases.len() {
                    @match at(release, arch) {
                        Some(form) => td class=(format!("f{}", form % 6)) { a href=(format!("#form-{}", letter(form))) { (letter(form)) } },
                        None => td.none { span title="not there" { "·" } },
                    }
                }
            } } }
        } }
    }
}

fn forms(page: &Page<'_>, thing: &Thing<'_>) -> Markup {
    let scale = drawing::Scale::of(thing);
    let is_record = |form: &Form<'_>| matches!(form.item, Item::Record(_));
    let many = thing.forms.len() > 1;
    html! {
        @if thing.forms.iter().any(is_record) {
            h2 #layout { "Layout" }
            p.note { "Each row is " (text::count(scale.bytes, "byte")) "; hatched bytes belong to no member." }
        }
        div.forms.one[!many] { @for (at, form) in thing.forms.iter().enumerate() {
            section.form id=(format!("form-{}", letter(at))) {
                @if many { h3 {
                    span class=(format!("letter f{}", at % 6)) { (letter(at)) } " " (where_is(page, form))
                } }
                @match form.item {
                    Item::Record(record) => {
                        p.facts {
                            strong { (text::count(record.size, "byte")) } ", aligned to " (record.align)
                            @let padding = drawing::padding(record);
                            @if padding > 0 { ", " (padding) " of padding" }
                        }
                        @if at < MAX_OPEN { (drawing::figures(record, scale)) } @else {
                            details { summary { "Drawing" } (drawing::figures(record, scale)) }
                        }
                    }
                    Item::Typedef(ty) | Item::Enum { int: ty, .. } => (scalar(page, form, ty)),
                    Item::Constant(_) => {}
                }
            }
        } }
    }
}

/// Where a form is: its architectures and releases.
fn where_is(page: &Page<'_>, form: &Form<'_>) -> String {
    let scope = page.scope(&page.index().records.catalogue.cells, &form.cells);
    if scope.is_empty() { String::from("everywhere") } else { scope }
}

fn scalar(page: &Page<'_>, form: &Form<'_>, ty: &xen_records::model::Type) -> Markup {
    let (arch, figures) = match page.index().abi_of(form) {
        Some(abi) => {
            let name = &abi.arch().name;
            (page.index().records.catalogue.arch(name).unwrap_or_default(), abi.size_align(ty))
        }
        None => (0, None),
    };
    html! {
        p.scalar { code { (page.c_type(ty, arch)) } }
        @if let Some((size, align)) = figures {
            p.facts { (text::count(size, "byte")) ", aligned to " (align) }
        }
    }
}

fn changes(page: &Page<'_>, thing: &Thing<'_>) -> Markup {
    let steps = page.source.history.of(page.index(), thing.name);
    let all = |release: usize| {
        let catalogue = &page.index().records.catalogue;
        let cells = thing.cells();
        let known =
            |arch: &usize| cells.releases(*arch) != 0 && catalogue.cells.contains(release, *arch);
        (0..catalogue.arches.len()).filter(known).count()
    };
    let mut last = None;
    html! { @if !steps.is_empty() {
        h2 #history { "History" }
        div.scroll { table.lines.history { tbody { @for (release, step_of, arches) in &steps {
            @let is_new = last.replace(*release) != Some(*release);
            tr.first[is_new] {
                th scope="row" { @if is_new { (page.release(*release)) } }
                td { (step(step_of)) }
                td.where { @if arches.len() < all(*release) { (page.arches(arches)) } }
            }
        } } } }
    } }
}

/// A change in words.
pub(super) fn step(Step(text, breaks): &Step) -> Markup {
    html! { @if *breaks { strong.breaks title="breaks a stable interface" { "! " } } (text) }
}

fn declaration_of(page: &Page<'_>, thing: &Thing<'_>) -> Markup {
    let text = thing.forms.first().and_then(|form| {
        let abi = page.index().abi_of(form)?;
        Some(declaration(abi, abi.ty(thing.name)?))
    });
    html! { @if let Some(text) = text {
        h2 #declaration { "In C" }
        pre { code { (text) } }
    } }
}
