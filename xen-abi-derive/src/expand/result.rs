//! What a wrapper returns.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use super::names;
use crate::table::{Convention, Field, Kind, Outer, Row, Table};

/// What comes out of a `single` row: its type, an expression for it, and the type's definition if it
/// has one of its own.
pub(super) struct Out {
    pub(super) ty: TokenStream,
    pub(super) value: TokenStream,
    pub(super) definition: Option<TokenStream>,
}

/// What comes out of `row`; `read` makes the expression for one member of the argument.
pub(super) fn out(
    table: &Table,
    row: &Row,
    command: &Ident,
    read: impl Fn(&Ident) -> TokenStream,
) -> Out {
    let members = row.fields().iter().filter_map(|field| match &field.kind {
        Kind::Value(ty) if is_result(row, field) => Some((&field.name, ty, read(&field.name))),
        _ => None,
    });
    let argument = names::local("argument");
    let outer = table.outer.iter().flat_map(Outer::values);
    let outer = outer.filter(|(name, _)| row.outer_outputs.contains(name));
    let outer = outer.map(|(name, ty)| (name, ty, quote!(#argument.#name)));
    match &*members.chain(outer).collect::<Vec<_>>() {
        [] => Out { ty: quote!(()), value: quote!(()), definition: None },
        [(_, ty, value)] => Out { ty: quote!(#ty), value: value.clone(), definition: None },
        members => {
            let name = names::camel(row);
            let names = members.iter().map(|(name, ..)| name).collect::<Vec<_>>();
            let types = members.iter().map(|(_, ty, _)| ty);
            let values = members.iter().map(|(.., value)| value);
            let doc = format!("What comes out of `{command}`.");
            let member_docs = names.iter().map(|name| format!("`{name}` of the argument."));
            let condition = names::condition(row);
            Out {
                ty: quote!(#name),
                value: quote!(#name { #(#names: #values),* }),
                definition: Some(quote! {
                    #condition
                    #[doc = #doc]
                    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
                    pub struct #name {
                        #(#[doc = #member_docs] pub #names: #types,)*
                    }
                }),
            }
        }
    }
}

/// Whether a member comes out to the caller: a status that has been checked does not.
fn is_result(row: &Row, field: &Field) -> bool {
    let is_status = row.convention == Convention::Status && field.name == "status";
    field.direction.is_output() && !is_status
}

/// What the documentation says about the result.
pub(super) fn errors(convention: Convention) -> &'static str {
    match convention {
        Convention::Status => {
            "# Errors\n\nThe error number that the hypercall returned, or the argument's status if it \
             is not `GNTST_okay`."
        }
        Convention::Errno | Convention::Value | Convention::ValueAndOut => {
            "# Errors\n\nThe error number that the hypercall returned."
        }
        Convention::ErrnoAndOut => {
            "Returns the hypercall's result, 0 or an error number, and what Xen left in the argument \
             in either case."
        }
        Convention::Word => "Returns all the bits of the hypercall's result.",
        Convention::Count => {
            "Returns how many elements were done. Xen stops at the first that fails and gives no \
             reason.\n\n# Errors\n\nA result that is no number of \
             elements: an error number where Xen has no such hypercall."
        }
    }
}
