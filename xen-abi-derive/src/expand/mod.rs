//! From a table to Rust.

mod argument;
mod batch;
mod callers;
pub(crate) mod names;
mod registers;
mod result;
mod single;
mod union;

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
pub(crate) use registers::is_wide;
use syn::{Path, Result};

use crate::check;
use crate::parse::Parsed;
use crate::table::{Convention, Form, Module, Outer, Row, Slot, Table};

/// The wrappers for the table in `input`.
pub(crate) fn hypercalls(input: TokenStream) -> Result<TokenStream> {
    let Parsed { table, mistakes } = syn::parse2(input)?;
    check::check(&table, mistakes)?;
    if table.modules.is_empty() {
        let rows = table.rows.iter().collect::<Vec<_>>();
        return Ok(operations(&table, &rows));
    }
    Ok(table.modules.iter().enumerate().map(|(at, of)| module(&table, at, of)).collect())
}

/// One of the modules that a table fills. Its operations see what the table sees, and the definitions
/// of the module.
fn module(table: &Table, at: usize, module: &Module) -> TokenStream {
    let Module { attributes, name, definitions } = module;
    let rows = table.rows.iter().filter(|row| table.has(at, row)).collect::<Vec<_>>();
    let operations = operations(table, &rows);
    let doc = format!("The operations with the definitions of `{}`.", path_text(definitions));
    let doc =
        attributes.iter().all(|own| !own.path().is_ident("doc")).then(|| quote!(#[doc = #doc]));
    quote! {
        #(#attributes)*
        #doc
        pub mod #name {
            #[allow(unused_imports, reason = "not every table needs more than the definitions")]
            use super::*;
            #[allow(unused_imports, reason = "some modules have no row")]
            use #definitions::*;

            #operations
        }
    }
}

/// A path as it is written.
fn path_text(path: &Path) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}

/// What rows expand to, and the list of them.
fn operations(table: &Table, rows: &[&Row]) -> TokenStream {
    let list = callers::list(table, rows);
    let rows = rows.iter().map(|row| operation(table, row));
    quote!(#list #(#rows)*)
}

fn operation(table: &Table, row: &Row) -> TokenStream {
    match row.form {
        Form::Single | Form::Call => single::expand(table, row),
        Form::Batch => batch::expand(table, row),
    }
}

/// The parameters that every operation of the hypercall has.
fn parameters(table: &Table) -> Vec<TokenStream> {
    let slots = table.slots.iter().filter_map(|slot| match slot {
        Slot::Value { name, ty } => Some((name, ty)),
        _ => None,
    });
    let values = slots.chain(table.outer.iter().flat_map(Outer::values));
    values.map(|(name, ty)| quote!(#name: #ty)).collect()
}

/// The number of elements that an expression of type `usize` says, as the hypercall's `count`.
///
/// Xen reads its low 32 bits. Elements of a `status` row beyond those are seen to be left out; in other
/// rows they would not be, so a number that does not fit becomes the largest.
fn count(row: &Row, length: &TokenStream) -> TokenStream {
    match row.convention {
        Convention::Status => length.clone(),
        _ => quote!(::xen_ops::hypercall::__private::saturated(#length)),
    }
}

/// The call itself, an expression of type `isize`. `address` and `count` are expressions of type
/// `usize`.
fn call(
    table: &Table,
    command: &syn::Ident,
    address: &TokenStream,
    count: &TokenStream,
) -> TokenStream {
    let number = &table.number;
    let xen = names::local("xen");
    let arguments = table.slots.iter().map(|slot| match slot {
        Slot::Command => quote!(#command as usize),
        Slot::Argument | Slot::Buffers { .. } => address.clone(),
        Slot::Rest => unreachable!("`check` reports it"),
        Slot::Count => count.clone(),
        Slot::Value { name, .. } => {
            quote!(::xen_ops::hypercall::__private::Register::of(#name))
        }
        Slot::Constant { value } => quote!(#value as usize),
    });
    let method = match table.slots.len() {
        5 => format_ident!("call"),
        slots => format_ident!("call{slots}"),
    };
    quote! {
        unsafe { ::xen_ops::hypercall::Hypercall::#method(#xen, #number, [#(#arguments),*]) }
    }
}

/// A call inside a closure that bounces its buffers in and out; the call itself if it has no buffers.
fn bouncing(buffers: &TokenStream, call: &TokenStream) -> TokenStream {
    if buffers.is_empty() {
        return call.clone();
    }
    quote! {
        ::xen_ops::hypercall::__private::bouncing(|| {
            #buffers
            Ok(#call)
        })
    }
}
