//! The members of a type as a table, with a column for each form.

use maud::{Markup, PreEscaped, html};
use xen_records::model::{Item, Member, Record, Type};

use super::Page;
use super::ty::letter;
use crate::index::{Form, Thing};

/// Columns of forms, at most: the newest. Drawings have the others.
const MAX_FORMS: usize = 8;

/// A member at any level.
struct Row<'a> {
    /// The members that lead to it and its own name: what makes it the same member in another form.
    key: String,
    name: &'a str,
    depth: usize,
    ty: &'a Type,
    offset: String,
    size: String,
}

pub(super) fn table(page: &Page<'_>, thing: &Thing<'_>) -> Markup {
    let records = thing.forms.iter().enumerate().filter_map(|(at, form)| match form.item {
        Item::Record(record) => Some((at, form, rows(record))),
        _ => None,
    });
    let forms: Vec<_> = records.take(MAX_FORMS).collect();
    let Some((_, _, first)) = forms.first() else { return html! {} };
    if forms.iter().all(|(.., rows)| rows.is_empty()) {
        return html! {};
    }
    let mut keys: Vec<&str> = first.iter().map(|row| row.key.as_str()).collect();
    for (.., rows) in &forms[1..] {
        let mut at = 0;
        for row in rows {
            // One that is new stands after the one that it follows there.
            match keys.iter().position(|key| *key == row.key) {
                Some(found) => at = found + 1,
                None => {
                    keys.insert(at, &row.key);
                    at += 1;
                }
            }
        }
    }
    let many = forms.len() > 1;
    html! {
        h2 #members { "Members" }
        @if thing.forms.len() > MAX_FORMS {
            p.note { "The newest " (MAX_FORMS) " forms of " (thing.forms.len()) "." }
        }
        div.scroll { table.lines.members {
            thead {
                @if many { tr { td {} td {} @for (at, ..) in &forms {
                    th.pair colspan="2" scope="colgroup" {
                        span class=(format!("letter f{}", at % 6)) { (letter(*at)) }
                    }
                } } }
                tr { th scope="col" { "Member" } th scope="col" { "Type" } @for _ in &forms {
                    th.num scope="col" { "Offset" } th.num scope="col" { "Size" }
                } }
            }
            tbody { @for key in &keys {
                @let cells: Vec<_> = forms.iter().map(|(_, form, rows)| {
                    (*form, rows.iter().find(|row| row.key == *key))
                }).collect();
                (line(page, &cells))
            } }
        } }
    }
}

/// One member in all forms.
fn line(page: &Page<'_>, cells: &[(&Form<'_>, Option<&Row<'_>>)]) -> Markup {
    let Some(first) = cells.iter().find_map(|(_, row)| *row) else { return html! {} };
    let mut types: Vec<String> = Vec::new();
    for (form, row) in cells {
        let Some(row) = row else { continue };
        let arch = form.cells.iter().map(|(_, arch)| arch).min().unwrap_or_default();
        let ty = page.c_type(row.ty, arch).into_string();
        if !types.contains(&ty) {
            types.push(ty);
        }
    }
    html! {
        tr {
            th scope="row" style=[(first.depth > 0).then(|| format!("--d:{}", first.depth))] { (first.name) }
            td { @for (at, ty) in types.into_iter().enumerate() {
                @if at > 0 { " or " } code { (PreEscaped(ty)) }
            } }
            @for (_, row) in cells {
                @match row {
                    Some(row) => { td.num { (row.offset) } td.num { (row.size) } }
                    None => { td.num.none { "–" } td.num.none { "–" } }
                }
            }
        }
    }
}

fn rows(record: &Record) -> Vec<Row<'_>> {
    let mut out = Vec::new();
    walk(&record.members, "", 0, &mut out);
    out
}

fn walk<'a>(members: &'a [Member], path: &str, depth: usize, out: &mut Vec<Row<'a>>) {
    for (at, member) in members.iter().enumerate() {
        let name = member.name.as_deref().unwrap_or("(unnamed)");
        let key = match &member.name {
            Some(name) => format!("{path}.{name}"),
            None => format!("{path}.({at})"),
        };
        let (offset, size) = match member.bits {
            Some((first, width)) => {
                let first = member.offset.saturating_mul(8).saturating_add(first.into());
                (format!("{}:{}", first / 8, first % 8), format!("{width} b"))
            }
            None => (member.offset.to_string(), member.size.to_string()),
        };
        out.push(Row { key: key.clone(), name, depth, ty: &member.ty, offset, size });
        if let Type::Inline(_, inner) = member.ty.element() {
            walk(inner, &key, depth + 1, out);
        }
    }
}
