//! What a table may not say: every mistake at once, each with its row and the way out.

use std::collections::BTreeSet;

use proc_macro2::Span;
use syn::{Error, Expr, ExprLit, Lit, Meta, Result};

use crate::table::{Body, Convention, Direction, Field, Form, Kind, Row, Slot, Table};

/// Every architecture a row can be limited to, with the families.
pub(crate) const ARCHITECTURES: [(&str, &[&str]); 6] = [
    ("x86", &["x86", "x86_64"]),
    ("x86_32", &["x86"]),
    ("x86_64", &["x86_64"]),
    ("arm", &["arm", "aarch64"]),
    ("arm32", &["arm"]),
    ("aarch64", &["aarch64"]),
];

/// Checks the whole table.
pub(crate) fn check(table: &Table) -> Result<()> {
    let mut errors = Errors(None);
    slots(table, &mut errors);
    let mut names = BTreeSet::new();
    for row in &table.rows {
        if !names.insert(row.name.to_string()) {
            errors.add(
                row.name.span(),
                format!("{}: a second row of this name; give it another and say which command it is, as `{0}_two = COMMAND`", row.name),
            );
        }
        check_row(table, row, &mut errors);
    }
    errors.0.map_or(Ok(()), Err)
}

struct Errors(Option<Error>);

impl Errors {
    fn add(&mut self, span: Span, message: impl std::fmt::Display) {
        let error = Error::new(span, message);
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }
}

fn slots(table: &Table, errors: &mut Errors) {
    let at = || table.number.segments.last().map_or_else(Span::call_site, |s| s.ident.span());
    let number = |wanted: fn(&Slot) -> bool| table.slots.iter().filter(|slot| wanted(slot)).count();
    for (what, found) in [
        ("command", number(|slot| matches!(slot, Slot::Command))),
        ("argument", number(|slot| matches!(slot, Slot::Argument))),
    ] {
        if found != 1 {
            errors.add(
                at(),
                format!("a hypercall of operations takes `{what}` once, not {found} times"),
            );
        }
    }
    if number(|slot| matches!(slot, Slot::Count)) > 1 {
        errors.add(at(), "a hypercall takes `count` at most once");
    }
    if table.slots.len() > 5 {
        errors
            .add(at(), format!("a hypercall takes at most 5 arguments, not {}", table.slots.len()));
    }
}

fn check_row(table: &Table, row: &Row, errors: &mut Errors) {
    let name = &row.name;
    if let (Some(span), false) = (row.is_unsafe, has_safety(row)) {
        errors.add(
            span,
            format!("{name}: an unsafe row says in its documentation, under `# Safety`, what the caller answers for"),
        );
    }
    if table.naming.is_none() {
        if row.command.is_none() {
            errors.add(name.span(), format!("{name}: the table has no rule for names, so say which command it is: `{name} = COMMAND`"));
        }
        if row.structure.is_none() && matches!(row.body, Body::Structure(_)) {
            errors.add(name.span(), format!("{name}: the table has no rule for names, so say which structure it takes: `{name}: structure`"));
        }
    }
    for architecture in &row.architectures {
        if !ARCHITECTURES.iter().any(|(known, _)| architecture == known) {
            let known = ARCHITECTURES.map(|(known, _)| format!("`{known}`")).join(", ");
            errors.add(
                architecture.span(),
                format!("{name}: unknown architecture `{architecture}`: there are {known}"),
            );
        }
    }
    fields(row, errors);
    convention(table, row, errors);
    if row.form == Form::Batch {
        batch(table, row, errors);
    }
}

fn has_safety(row: &Row) -> bool {
    row.attributes.iter().any(|attribute| match &attribute.meta {
        Meta::NameValue(doc) if doc.path.is_ident("doc") => match &doc.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.value().trim() == "# Safety",
            _ => false,
        },
        _ => false,
    })
}

fn fields(row: &Row, errors: &mut Errors) {
    let mut names = BTreeSet::new();
    for Field { name, kind, direction, direction_span } in row.fields() {
        if !names.insert(name.to_string()) {
            errors.add(name.span(), format!("{}: a second member `{name}`", row.name));
        }
        let Kind::Slice { counted_by, .. } = kind else { continue };
        match (&row.body, counted_by) {
            (Body::Structure(_), None) => errors.add(
                name.span(),
                format!(
                    "{}: say which member holds the number of elements: `counted by member`",
                    row.name
                ),
            ),
            (Body::Whole(_), Some(by)) => errors.add(
                by.span(),
                format!(
                    "{}: a slice without a structure is counted by the hypercall's `count`",
                    row.name
                ),
            ),
            _ => {}
        }
        if matches!(row.body, Body::Whole(_)) && *direction == Direction::InOut {
            errors.add(*direction_span, format!("{}: a slice is `in` or `out` here", row.name));
        }
    }
}

fn convention(table: &Table, row: &Row, errors: &mut Errors) {
    let name = &row.name;
    let status = row.fields().iter().find(|field| field.name == "status");
    match row.convention {
        Convention::Status if status.is_none_or(|field| field.direction != Direction::Out) => errors.add(
            row.convention_span,
            format!("{name}: convention `status` needs the member `out status: GrantStatus`; without one the convention is `errno`"),
        ),
        Convention::Count if row.slice().is_none() => errors.add(
            row.convention_span,
            format!("{name}: convention `count` counts the elements of a slice, and there is none"),
        ),
        Convention::Count | Convention::Value => {
            let out = row.fields().iter().find(|field| {
                field.direction.is_output() && matches!(field.kind, Kind::Value(_))
            });
            if let Some(out) = out {
                errors.add(
                    out.direction_span,
                    format!("{name}: what comes out is the hypercall's result; `{}` cannot come out too", out.name),
                );
            }
        }
        _ => {}
    }
    let counts = table.slots.iter().any(|slot| matches!(slot, Slot::Count));
    let is_slice = matches!(&row.body, Body::Whole(Field { kind: Kind::Slice { .. }, .. }));
    if !counts && (row.form == Form::Batch || is_slice) {
        errors.add(
            name.span(),
            format!(
                "{name}: the hypercall takes no `count`, so its argument is `single` and no slice"
            ),
        );
    }
}

fn batch(_table: &Table, row: &Row, errors: &mut Errors) {
    let name = &row.name;
    if !matches!(row.body, Body::Structure(_)) {
        errors.add(
            name.span(),
            format!("{name}: the elements of a batch are structures: give its members in braces"),
        );
    }
    if !matches!(row.convention, Convention::Status | Convention::Errno) {
        errors.add(row.convention_span, format!("{name}: a batch is `status` or `errno`"));
    }
    for field in row.fields() {
        if matches!(field.kind, Kind::Slice { .. }) {
            errors.add(field.name.span(), format!("{name}: an element of a batch holds no slice"));
        }
        if field.direction == Direction::InOut {
            errors.add(
                field.direction_span,
                format!("{name}: a member of a batch's element is `in` or `out`"),
            );
        }
    }
}
