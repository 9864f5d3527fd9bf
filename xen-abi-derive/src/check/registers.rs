//! Rows whose arguments are in registers.

use super::RowErrors;
use crate::expand::is_wide;
use crate::table::{Convention, Direction, Form, Kind, Row, Slot, Table};

pub(super) fn row(table: &Table, row: &Row, errors: &mut RowErrors<'_>) {
    let says_rest = table.slots.iter().any(|slot| matches!(slot, Slot::Rest));
    match (row.form, says_rest) {
        (Form::Call, true) => {}
        (Form::Call, false) => {
            errors.add(
                row.name.span(),
                "the hypercall takes what its table says, so a row is `single` or `batch`; a row \
                 with arguments of its own is in a table `(command, ..)` or `unsafe hypercalls`",
            );
            return;
        }
        (Form::Single | Form::Batch, true) => {
            errors.add(row.name.span(), "each row says what its call takes, so it is a `call`");
            return;
        }
        (Form::Single | Form::Batch, false) => return,
    }
    if let Some(structure) = &row.structure {
        errors.add(
            structure.segments.first().map_or(row.name.span(), |first| first.ident.span()),
            "a `call` has no structure: its arguments are in registers",
        );
    }
    if matches!(row.convention, Convention::Status | Convention::Count) {
        errors.add(
            row.convention_span,
            "a `call` is `errno`, `errno_and_out`, `value`, `value_and_out` or `word`",
        );
    }
    for field in row.fields() {
        let name = &field.name;
        match &field.kind {
            Kind::Value(_) if field.direction == Direction::InOut => errors.add(
                field.direction_span,
                format_args!(
                    "a register only goes in; what Xen reads and writes is memory: `inout {name}: \
                     &mut type`"
                ),
            ),
            Kind::Text if field.direction != Direction::In => {
                errors.add(field.direction_span, "a text only goes in: `in`");
            }
            Kind::Count
                if !row.fields().iter().any(|other| is_counted(&other.kind, name, other)) =>
            {
                errors.add(
                    name.span(),
                    format_args!(
                        "`count {name}` counts a slice or a text, and there is none of that name"
                    ),
                );
            }
            _ => {}
        }
    }
    // Where registers have 32 bits an argument of 64 takes two.
    let wide = row.fields().iter().filter(|field| is_wide(field)).count();
    let commands = usize::from(table.number.is_some());
    let all = row.fields().len() + wide + commands;
    if all > 5 {
        errors
            .add(row.name.span(), format_args!("a hypercall takes at most 5 arguments, not {all}"));
    }
}

fn is_counted(kind: &Kind, name: &syn::Ident, field: &crate::table::Field) -> bool {
    field.name == *name && matches!(kind, Kind::Slice { .. } | Kind::Text)
}
