//! Finds every mistake in a table at once and reports each with its row and the way out.

mod callers;
mod header;
mod outer;
mod registers;

use std::collections::BTreeSet;
use std::fmt::Display;

use proc_macro2::Span;
use syn::{Attribute, Error, Expr, ExprLit, Lit, Meta, Result};

use crate::table::{Body, Convention, Direction, Field, Form, Kind, Outer, Row, Slot, Table};

/// Every architecture a row can be limited to, with the names that the compiler has for it.
pub(crate) const ARCHITECTURES: [(&str, &[&str]); 6] = [
    ("x86", &["x86", "x86_64"]),
    ("x86_32", &["x86"]),
    ("x86_64", &["x86_64"]),
    ("arm", &["arm", "aarch64"]),
    ("arm32", &["arm"]),
    ("aarch64", &["aarch64"]),
];

pub(crate) use callers::CALLERS;

/// Checks the whole table. `found` are the mistakes that are known already.
pub(crate) fn check(table: &Table, found: Vec<Error>) -> Result<()> {
    let mut errors = Errors(found.into_iter().reduce(both));
    header::check(table, &mut errors);
    callers::header(table, &mut errors);
    let mut rows: Vec<&Row> = Vec::new();
    for row in &table.rows {
        let mut errors = RowErrors { row, errors: &mut errors };
        if rows.iter().any(|other| other.name == row.name) {
            errors.add(
                row.name.span(),
                format_args!(
                    "a second row of this name; give it another and say which command it is, as \
                     `{}_two = COMMAND`",
                    row.name
                ),
            );
        }
        rows.push(row);
        callers::row(row, &mut errors);
        registers::row(table, row, &mut errors);
        outer::row(table, row, &mut errors);
        safety(row, &mut errors);
        naming(table, row, &mut errors);
        architectures(row, &mut errors);
        fields(table, row, &mut errors);
        numbers(table, row, &mut errors);
        convention(row, &mut errors);
        count(table, row, &mut errors);
        if row.form == Form::Batch {
            batch(row, &mut errors);
        }
    }
    errors.0.map_or(Ok(()), Err)
}

fn both(mut first: Error, second: Error) -> Error {
    first.combine(second);
    first
}

/// What was found so far.
struct Errors(Option<Error>);

impl Errors {
    fn add(&mut self, span: Span, message: impl Display) {
        let error = Error::new(span, message);
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }
}

/// The same for one row, whose name stands before each message.
struct RowErrors<'a> {
    row: &'a Row,
    errors: &'a mut Errors,
}

impl RowErrors<'_> {
    fn add(&mut self, span: Span, message: impl Display) {
        self.errors.add(span, format_args!("{}: {message}", self.row.name));
    }
}

/// Whether an attribute is the line of documentation that begins the section about safety.
pub(crate) fn is_safety(attribute: &Attribute) -> bool {
    is_heading(attribute, "# Safety")
}

/// Whether an attribute is the line of documentation that is `heading`.
pub(crate) fn is_heading(attribute: &Attribute, heading: &str) -> bool {
    match &attribute.meta {
        Meta::NameValue(doc) if doc.path.is_ident("doc") => match &doc.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.value().trim() == heading,
            _ => false,
        },
        _ => false,
    }
}

fn safety(row: &Row, errors: &mut RowErrors<'_>) {
    let is_section = row.attributes.iter().any(is_safety);
    if let (Some(span), false) = (row.is_unsafe, is_section) {
        errors.add(
            span,
            "an unsafe row says in its documentation, under `# Safety`, what the caller must guarantee",
        );
    }
}

fn naming(table: &Table, row: &Row, errors: &mut RowErrors<'_>) {
    let name = &row.name;
    let prefix = table.naming.as_ref().map(|naming| &naming.command);
    match (prefix, &row.command) {
        (None, None) => errors.add(
            name.span(),
            format_args!(
                "the table has no rule for commands, so say which it is: `{name} = COMMAND`"
            ),
        ),
        (Some(prefix), Some(command)) if !command.to_string().starts_with(prefix) => errors.add(
            command.span(),
            format_args!("`{command}` is no command of this table: its commands are `{prefix}*`"),
        ),
        _ => {}
    }
    if table.outer.is_some() {
        return;
    }
    let is_ruled = table.naming.as_ref().is_some_and(|naming| naming.argument.is_some());
    if !is_ruled && row.structure.is_none() && matches!(row.body, Body::Structure(_)) {
        errors.add(
            name.span(),
            format_args!(
                "the table has no rule for structures, so say which it takes: `{name}: structure`"
            ),
        );
    }
}

fn architectures(row: &Row, errors: &mut RowErrors<'_>) {
    for architecture in &row.architectures {
        if !ARCHITECTURES.iter().any(|(known, _)| architecture == known) {
            let known = ARCHITECTURES.map(|(known, _)| format!("`{known}`")).join(", ");
            errors.add(
                architecture.span(),
                format_args!("unknown architecture `{architecture}`: there are {known}"),
            );
        }
    }
}

fn fields(table: &Table, row: &Row, errors: &mut RowErrors<'_>) {
    let mut names = BTreeSet::new();
    for field in row.fields().iter().filter(|field| !matches!(field.kind, Kind::Count)) {
        let name = &field.name;
        // A constant may come out as something else.
        let is_constant = matches!(field.kind, Kind::Constant(_));
        if !names.insert((name.to_string(), is_constant))
            || (field.direction.is_input() && names.contains(&(name.to_string(), !is_constant)))
        {
            errors.add(name.span(), format_args!("a second member `{name}`"));
        }
        match &field.kind {
            Kind::Value(_) => {}
            Kind::Count | Kind::Text if row.form == Form::Call => {}
            Kind::Count | Kind::Text => errors.add(
                name.span(),
                "a text is an argument of a `call` row; elsewhere it is a slice of bytes",
            ),
            Kind::Constant(_) => constant(row, field, errors),
            Kind::Reference(reference) => {
                if matches!(row.body, Body::Structure(_)) {
                    errors.add(
                        name.span(),
                        "a member is no reference: what lies elsewhere is a slice, `[type] counted \
                         by member`",
                    );
                } else if field.direction.is_output() != reference.mutability.is_some() {
                    errors.add(
                        field.direction_span,
                        "`in` is by `&type`; `out` and `inout` are by `&mut type`",
                    );
                }
            }
            Kind::Slice { counted_by, buffered, .. } => {
                slice(table, row, field, counted_by.as_ref(), *buffered, errors);
            }
        }
    }
}

/// A constant is a member of a `single` row's structure.
fn constant(row: &Row, field: &Field, errors: &mut RowErrors<'_>) {
    if row.form == Form::Batch || matches!(row.body, Body::Whole(_)) {
        errors.add(
            field.name.span(),
            "a constant is a member of the structure of a `single` row: `{ member = CONSTANT }`",
        );
    }
}

/// A number that the hypercall takes is a parameter beside the members of a `single` row.
fn numbers(table: &Table, row: &Row, errors: &mut RowErrors<'_>) {
    let slots = table.slots.iter().filter_map(|slot| match slot {
        Slot::Value { name, .. } => Some(name),
        _ => None,
    });
    let members = table.outer.iter().flat_map(Outer::values).map(|(name, _)| name);
    for number in slots.chain(members) {
        let member =
            row.fields().iter().find(|field| field.name == *number && field.is_parameter());
        if let (Form::Single | Form::Call, Some(member)) = (row.form, member) {
            errors.add(
                member.name.span(),
                format_args!(
                    "the hypercall takes a number `{number}` too; give that one another name"
                ),
            );
        }
    }
}

fn slice(
    table: &Table,
    row: &Row,
    field: &Field,
    counted_by: Option<&syn::Ident>,
    is_buffered: bool,
    errors: &mut RowErrors<'_>,
) {
    let has_buffers = table.slots.iter().any(|slot| matches!(slot, Slot::Buffers { .. }));
    if is_buffered && !has_buffers {
        errors.add(
            field.name.span(),
            "the hypercall takes no list of buffers, so `buffered` has no place to go",
        );
    }
    match (&row.body, counted_by) {
        (Body::Structure(_), None) if is_buffered => {}
        (Body::Structure(_), None) => errors.add(
            field.name.span(),
            "say which member holds the number of elements: `counted by member`",
        ),
        (Body::Structure(fields), Some(by)) => {
            let said = fields.iter().find(|other| other.name == *by && other.direction.is_input());
            if let Some(said) = said {
                errors.add(
                    said.direction_span,
                    format_args!(
                        "`{by}` goes in as the number of elements in `{}`, so it is `out` or not \
                         listed",
                        field.name
                    ),
                );
            }
        }
        (Body::Registers(_), Some(by)) => errors.add(
            by.span(),
            format_args!(
                "the number of elements is an argument of its own: `count {}`",
                field.name
            ),
        ),
        (Body::Registers(_), None) => {}
        (_, Some(by)) => errors.add(
            by.span(),
            "a slice without a structure is counted by the hypercall's own `count`",
        ),
        (_, None) if field.direction == Direction::InOut => {
            errors.add(field.direction_span, "a slice without a structure is `in` or `out`");
        }
        _ => {}
    }
}

fn convention(row: &Row, errors: &mut RowErrors<'_>) {
    let has_status = matches!(&row.body, Body::Structure(fields) if fields.iter().any(|field| {
        field.name == "status" && field.direction == Direction::Out
    }));
    match row.convention {
        Convention::Status if !has_status => errors.add(
            row.convention_span,
            "convention `status` needs the member `out status: GrantStatus`; without one the \
             convention is `errno`",
        ),
        Convention::Count if row.slice().is_none() => errors.add(
            row.convention_span,
            "convention `count` counts the elements of a slice, and there is none",
        ),
        Convention::Count | Convention::Value => {
            let out = row
                .fields()
                .iter()
                .find(|field| field.direction.is_output() && matches!(field.kind, Kind::Value(_)));
            if let Some(out) = out {
                errors.add(
                    out.direction_span,
                    format_args!(
                        "what comes out is the hypercall's result; `{}` cannot come out too",
                        out.name
                    ),
                );
            }
        }
        _ => {}
    }
}

fn count(table: &Table, row: &Row, errors: &mut RowErrors<'_>) {
    let has_count = table.slots.iter().any(|slot| matches!(slot, Slot::Count));
    let is_slice = matches!(&row.body, Body::Whole(Field { kind: Kind::Slice { .. }, .. }));
    if table.outer.is_none() && !has_count && (row.form == Form::Batch || is_slice) {
        errors.add(
            row.name.span(),
            "the hypercall takes no `count`, so its argument is `single` and no slice",
        );
    }
}

fn batch(row: &Row, errors: &mut RowErrors<'_>) {
    if !matches!(row.body, Body::Structure(_)) {
        errors.add(
            row.name.span(),
            "the elements of a batch are structures: give the members in braces",
        );
    }
    if !matches!(row.convention, Convention::Status | Convention::Errno) {
        errors.add(row.convention_span, "a batch is `status` or `errno`");
    }
    for field in row.fields() {
        if matches!(field.kind, Kind::Slice { .. }) {
            errors.add(field.name.span(), "an element of a batch holds no slice");
        }
        if field.direction == Direction::InOut {
            errors.add(field.direction_span, "a member of a batch's element is `in` or `out`");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::expand::hypercalls;

    fn mistake(table: &str) -> String {
        hypercalls(table.parse().unwrap()).expect_err("a table with a mistake").to_string()
    }

    #[test]
    fn a_command_is_one_of_the_tables() {
        let table = "unsafe hypercall N(command, argument); commands C_*, arguments s_*;
            single size = XENMEM_exchange: s_size { in dom: u16 } -> errno;";
        let expected =
            "size: `XENMEM_exchange` is no command of this table: its commands are `C_*`";
        assert_eq!(mistake(table), expected);
        assert!(hypercalls(table.replace("XENMEM", "C").parse().unwrap()).is_ok());
    }

    #[test]
    fn a_member_and_a_number_have_two_names() {
        let table = "unsafe hypercall N(command, id: u32, argument); commands C_*, arguments s_*;
            single one { in id: u32 } -> errno;";
        let expected = "one: the hypercall takes a number `id` too; give that one another name";
        assert_eq!(mistake(table), expected);
        assert!(hypercalls(table.replace("in id", "in a").parse().unwrap()).is_ok());
    }
}
