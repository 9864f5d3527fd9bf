//! Rows whose argument lies in a union of a structure with the command.

use super::RowErrors;
use crate::table::{Body, Convention, Field, Form, Kind, Outer, Row, Table};

pub(super) fn row(table: &Table, row: &Row, errors: &mut RowErrors<'_>) {
    let Some(outer) = &table.outer else {
        if let Some(name) = row.outer_outputs.first() {
            errors.add(
                name.span(),
                "`and out` names a member of a structure around the argument, and the table has none",
            );
        }
        return;
    };
    if row.form == Form::Batch {
        errors.add(row.name.span(), "a structure with a command holds one operation: `single`");
    }
    if row.structure.as_ref().is_some_and(|arm| arm.get_ident().is_none()) {
        errors.add(
            row.name.span(),
            "after `:` stands the name of the union's member, which is no path",
        );
    }
    if let Body::Whole(Field { name, kind: Kind::Reference(_) | Kind::Slice { .. }, .. }) =
        &row.body
    {
        errors.add(
            name.span(),
            "the argument lies in the structure: give it by value, or its members in braces",
        );
    }
    outputs(outer, row, errors);
}

fn outputs(outer: &Outer, row: &Row, errors: &mut RowErrors<'_>) {
    for name in &row.outer_outputs {
        if !outer.values().any(|(known, _)| known == name) {
            errors.add(
                name.span(),
                format_args!(
                    "`{name}` is no value of the structure: `structure S {{ {name}: type }}`"
                ),
            );
        }
        if row.fields().iter().any(|field| field.direction.is_output() && field.name == *name) {
            errors.add(name.span(), format_args!("a second member `{name}` comes out"));
        }
        if matches!(row.convention, Convention::Count | Convention::Value) {
            errors.add(
                name.span(),
                format_args!(
                    "what comes out is the hypercall's result; `{name}` cannot come out too"
                ),
            );
        }
    }
}
