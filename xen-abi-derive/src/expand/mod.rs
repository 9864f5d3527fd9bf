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
use quote::{format_ident, quote};
pub(crate) use registers::is_wide;
use syn::Result;

use crate::check;
use crate::parse::Parsed;
use crate::table::{Convention, Form, Outer, Row, Slot, Table};

/// The wrappers for the table in `input`.
pub(crate) fn hypercalls(input: TokenStream) -> Result<TokenStream> {
    let Parsed { table, mistakes } = syn::parse2(input)?;
    check::check(&table, mistakes)?;
    let list = callers::list(&table);
    let rows = table.rows.iter().map(|row| operation(&table, row));
    Ok(quote!(#list #(#rows)*))
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
