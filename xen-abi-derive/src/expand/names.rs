//! Names that follow from a row's.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Attribute, Ident};

use super::callers;
use crate::check::{ARCHITECTURES, is_heading, is_safety};
use crate::table::{Row, Table};

/// The constant that is the row's command.
pub(crate) fn command(table: &Table, row: &Row) -> Ident {
    row.command.clone().unwrap_or_else(|| {
        let prefix = table.naming.as_ref().map_or("", |naming| &naming.command);
        format_ident!("{prefix}{}", bare(&row.name), span = row.name.span())
    })
}

/// Upstream's name of an operation: of its command, or of a hypercall that has none.
pub(super) fn operation(table: &Table, command: &Ident) -> String {
    let command = command.to_string();
    let prefix = table.naming.as_ref().map_or("", |naming| &naming.command);
    match &table.number {
        Some(_) => command,
        None => command.strip_prefix(prefix).map_or(command.clone(), str::to_owned),
    }
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

/// The member of a union that has the row's name.
pub(super) fn member(row: &Row) -> Ident {
    format_ident!("{}", bare(&row.name), span = row.name.span())
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

/// The conditions under which the row exists: its architectures, and what `cfg` of its own says.
pub(super) fn condition(row: &Row) -> TokenStream {
    let own = row.attributes.iter().filter(|attribute| is_condition(attribute));
    let names = row.architectures.iter().flat_map(|name| {
        ARCHITECTURES.iter().filter(move |(known, _)| name == known).flat_map(|(_, all)| *all)
    });
    let architectures = match row.architectures[..] {
        [] => None,
        _ => Some(quote!(#[cfg(any(#(target_arch = #names),*))])),
    };
    quote!(#(#own)* #architectures)
}

/// The attributes of the row's function: its own, and documentation of what it returns. That stands
/// before a section about safety, of which it is no part, and begins the row's section about errors.
pub(super) fn attributes(table: &Table, row: &Row, returns: &str) -> TokenStream {
    let own = row.attributes.iter().filter(|attribute| !is_condition(attribute));
    let own = own.collect::<Vec<_>>();
    let safety = own.iter().position(|attribute| is_safety(attribute));
    let (before, safety) = own.split_at(safety.unwrap_or(own.len()));
    let errors = before.iter().position(|attribute| is_heading(attribute, "# Errors"));
    let (before, errors) = before.split_at(errors.unwrap_or(before.len()));
    // One heading is enough.
    let errors = &errors[usize::from(returns.contains("# Errors") && !errors.is_empty())..];
    let [blank, separator] =
        [safety, errors].map(|section| section.first().map(|_| quote!(#[doc = ""])));
    let callers = callers::doc(table, row).map(|doc| quote!(#[doc = ""] #[doc = #doc]));
    quote! {
        #(#before)* #callers #[doc = ""] #[doc = #returns] #separator #(#errors)* #blank #(#safety)*
    }
}

fn is_condition(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
}

/// A name of the wrapper's own: a member or a number of the hypercall's that is called the same is
/// another one.
pub(super) fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// A name without the underscore that keeps it apart from a keyword.
fn bare(name: &Ident) -> String {
    let name = name.to_string();
    name.strip_suffix('_').map_or(name.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use crate::expand::hypercalls;

    #[test]
    fn what_is_returned_is_no_part_of_what_is_promised() {
        let table = "unsafe hypercall N(command, argument, count); commands C_*, arguments s_*;
            /// Does it.
            ///
            /// # Safety
            ///
            /// All is well.
            unsafe batch one { in x: u32 } -> errno;";
        let text = hypercalls(table.parse().unwrap()).unwrap().to_string();
        let place = |text_of: &str| text.find(text_of).unwrap_or_else(|| panic!("{text}"));
        assert!(place("Does it.") < place("# Errors"), "{text}");
        assert!(place("# Errors") < place("# Safety"), "{text}");
        assert!(place("# Safety") < place("All is well."), "{text}");
    }

    #[test]
    fn errors_of_the_row_follow_those_of_all() {
        for result in ["errno", "errno_and_out"] {
            let table = format!(
                "unsafe hypercall N(command, argument, count); commands C_*, arguments s_*;
                /// Does it.
                ///
                /// # Errors
                ///
                /// It may not.
                ///
                /// # Safety
                ///
                /// All is well.
                unsafe single one {{ inout x: u32 }} -> {result};"
            );
            let text = hypercalls(table.parse().unwrap()).unwrap().to_string();
            let place =
                |text_of: &str| text.find(text_of).unwrap_or_else(|| panic!("{text_of}: {text}"));
            assert_eq!(text.matches("# Errors").count(), 1, "{text}");
            assert!(place("Does it.") < place("# Errors"), "{text}");
            assert!(place("error number").max(place("# Errors")) < place("It may not."), "{text}");
            assert!(place("It may not.") < place("# Safety"), "{text}");
        }
    }
}
