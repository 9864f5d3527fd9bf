//! The hypercalls with their commands.

use maud::{Markup, html};

use super::{Page, Source};
use crate::hypercalls::{Command, Hypercall};
use crate::site::{Error, Site};
use crate::text;

pub(super) fn pages(source: &Source<'_>, site: &mut Site) -> Result<(), Error> {
    let page = Page::new(source, "hypercalls.html");
    let list = html! {
        h1 { "Hypercalls" }
        p.lead { "By number, with the commands of each and the types of their arguments." }
        div.scroll { table.lines.stack {
            thead { tr {
                th.num scope="col" { "Number" } th scope="col" { "Hypercall" } th.num scope="col" { "Commands" }
                th scope="col" { "Where" }
            } }
            tbody { @for hypercall in &source.hypercalls { tr {
                td.num { (hypercall.number) }
                th scope="row" { a href=(format!("hypercalls/{}.html", hypercall.name)) { (hypercall.name) } }
                td.num { @if !hypercall.commands.is_empty() { (hypercall.commands.len()) } }
                td.where { (scope(&page, hypercall.constant)) }
            } } }
        } }
    };
    page.add(site, "Hypercalls", &list)?;
    for hypercall in &source.hypercalls {
        let page = Page::new(source, format!("hypercalls/{}.html", hypercall.name));
        let body = body(&page, hypercall);
        page.add(site, hypercall.name, &body)?;
    }
    Ok(())
}

fn body(page: &Page<'_>, hypercall: &Hypercall<'_>) -> Markup {
    let scope = scope(page, hypercall.constant);
    html! {
        p.kind { "Hypercall " (hypercall.number) }
        h1 { code { (hypercall.name) } }
        p.facts {
            code { (page.constant_link(hypercall.constant)) }
            @if !scope.is_empty() { " · " (scope) }
        }
        @if hypercall.commands.is_empty() {
            p { "It has no commands." }
        } @else {
            div.scroll { table.lines.stack {
                thead { tr {
                    th.num scope="col" { "Number" } th scope="col" { "Command" } th scope="col" { "Argument" }
                    th.num scope="col" { "Bytes" } th scope="col" { "Where" }
                } }
                tbody { @for command in &hypercall.commands { (row(page, command)) } }
            } }
        }
    }
}

fn row(page: &Page<'_>, command: &Command<'_>) -> Markup {
    let size = command.argument.and_then(|name| {
        let form = page.index().types.get(name)?.forms.first()?;
        let abi = page.index().abi_of(form)?;
        Some(abi.record(name)?.size)
    });
    html! {
        tr id=(command.constant) {
            td.num { (command.number) }
            th scope="row" { (page.constant_link(command.constant)) }
            td { @if let Some(name) = command.argument { code { (page.type_link(name)) } } }
            td.num { @if let Some(size) = size { (size) } }
            td.where { (scope(page, command.constant)) }
        }
    }
}

fn scope(page: &Page<'_>, constant: &str) -> String {
    let coverage = page.index().records.catalogue.cells;
    let thing = page.index().constants.get(constant);
    thing
        .map(|thing| text::scope(&page.index().records.catalogue, &coverage, &thing.cells()))
        .unwrap_or_default()
}
