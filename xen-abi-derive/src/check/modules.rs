//! The modules that a table fills, and which of them have a row.

use std::collections::BTreeSet;

use syn::Ident;

use super::{Errors, RowErrors};
use crate::table::{Row, Table};

pub(super) fn header(table: &Table, errors: &mut Errors) {
    let mut names = BTreeSet::new();
    for module in &table.modules {
        if !names.insert(module.name.to_string()) {
            errors.add(module.name.span(), format_args!("a second module `{}`", module.name));
        }
    }
}

pub(super) fn row(table: &Table, row: &Row, errors: &mut RowErrors<'_>) {
    for name in row.from.iter().chain(&row.before) {
        if table.module(name).is_none() {
            errors.add(name.span(), unknown(table, name));
        }
    }
    let place = |name: &Option<Ident>| name.as_ref().and_then(|name| table.module(name));
    match (place(&row.from), place(&row.before), &row.before) {
        (from, Some(before), Some(name)) if before <= from.unwrap_or(0) => errors.add(
            name.span(),
            format_args!("no module has the row: `{name}` is the first that lacks it"),
        ),
        _ => {}
    }
}

fn unknown(table: &Table, name: &Ident) -> String {
    if table.modules.is_empty() {
        return format!(
            "the table has no modules; `{name}` is one of them, as `modules {{ {name} = path }}`"
        );
    }
    let known = table.modules.iter().map(|module| format!("`{}`", module.name));
    format!("unknown module `{name}`: there are {}", known.collect::<Vec<_>>().join(", "))
}

/// Whether some module has both rows.
pub(super) fn overlap(table: &Table, first: &Row, second: &Row) -> bool {
    if table.modules.is_empty() {
        return true;
    }
    (0..table.modules.len()).any(|at| table.has(at, first) && table.has(at, second))
}
