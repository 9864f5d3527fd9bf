//! Names that follow from a row's.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::Ident;

use crate::check::ARCHITECTURES;
use crate::table::{Row, Table};

/// The constant that is the row's command.
pub(crate) fn command(table: &Table, row: &Row) -> Ident {
    row.command.clone().unwrap_or_else(|| {
        let prefix = table.naming.as_ref().map_or("", |naming| &naming.command);
        format_ident!("{prefix}{}", bare(&row.name), span = row.name.span())
    })
}

/// The structure that is the row's argument.
pub(super) fn structure(table: &Table, row: &Row) -> TokenStream {
    match &row.structure {
        Some(structure) => structure.to_token_stream(),
        None => {
            let prefix = table.naming.as_ref().and_then(|naming| naming.argument.as_deref());
            let prefix = prefix.unwrap_or_default();
            format_ident!("{prefix}{}", bare(&row.name), span = row.name.span()).into_token_stream()
        }
    }
}

/// The row's name as a type's.
pub(super) fn camel(row: &Row) -> Ident {
    let name = bare(&row.name)
        .split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
        })
        .map(Option::unwrap_or_default)
        .collect::<String>();
    format_ident!("{name}", span = row.name.span())
}

/// The condition under which the row exists.
pub(super) fn condition(row: &Row) -> Option<TokenStream> {
    if row.architectures.is_empty() {
        return None;
    }
    let names = row.architectures.iter().flat_map(|name| {
        ARCHITECTURES.iter().filter(move |(known, _)| name == known).flat_map(|(_, all)| *all)
    });
    Some(quote!(#[cfg(any(#(target_arch = #names),*))]))
}

/// A name without the underscore that keeps it apart from a keyword.
fn bare(name: &Ident) -> String {
    let name = name.to_string();
    name.strip_suffix('_').map_or(name.clone(), str::to_owned)
}
