//! Who may call: as documentation, and as data.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::Ident;

use super::names;
use crate::check::CALLERS;
use crate::table::{Callers, Row, Table};

/// Who may call a row's operation, in the order of [`CALLERS`].
fn of<'a>(
    table: &'a Table,
    row: &'a Row,
) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> + 'a {
    let own = &row.callers[..];
    let common = table.callers.as_ref().map_or(&[][..], |callers: &Callers| &callers.callers);
    let named: &[Ident] = if own.is_empty() { common } else { own };
    CALLERS.iter().filter(move |(word, ..)| named.iter().any(|name| name == word))
}

/// A line of documentation, if the table says who may call.
pub(super) fn doc(table: &Table, row: &Row) -> Option<String> {
    let texts = of(table, row).map(|(.., text)| *text).collect::<Vec<_>>();
    (!texts.is_empty()).then(|| format!("Callers: {}.", texts.join(", ")))
}

/// The constant with all operations, if the table asks for it.
pub(super) fn list(table: &Table) -> Option<TokenStream> {
    let name = table.callers.as_ref()?.list.as_ref()?;
    let operations = table.rows.iter().map(|row| {
        let condition = names::condition(row);
        let command = names::command(table, row);
        let operation = names::operation(table, &command);
        let number =
            table.number.as_ref().map_or_else(|| quote!(#command), |number| quote!(#number));
        let function = row.name.to_string();
        let callers = of(table, row).map(|(_, variant, _)| format_ident!("{variant}"));
        quote! {
            #condition
            ::xen_ops::hypercall::Operation {
                hypercall: #number,
                name: #operation,
                function: #function,
                callers: &[#(::xen_ops::hypercall::Caller::#callers),*],
            }
        }
    });
    Some(quote! {
        /// The operations, and who may call them.
        pub const #name: &[::xen_ops::hypercall::Operation] = &[#(#operations),*];
    })
}
