//! A row whose arguments are in registers.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, Type};

use super::argument::buffer;
use super::names::local;
use crate::table::{Direction, Field, Kind, Row, Table};

/// What precedes the call, the buffers, and the call, an expression of type `isize`.
pub(super) fn prepare(
    table: &Table,
    row: &Row,
    command: &Ident,
) -> (TokenStream, TokenStream, TokenStream) {
    let makes = row.fields().iter().filter_map(make);
    let counts = row.fields().iter().filter_map(count);
    let buffers = row.fields().iter().filter_map(memory);
    let (makes, buffers) = (quote!(#(#makes)* #(#counts)*), quote!(#(#buffers)*));
    (makes, buffers, call(table, row, command))
}

/// Memory of the wrapper's own, and the bytes of a text.
fn make(Field { name, direction, kind, .. }: &Field) -> Option<TokenStream> {
    match kind {
        Kind::Value(ty) if direction.is_output() => {
            Some(quote!(let mut #name: #ty = ::xen_ops::xen_abi::zeroed();))
        }
        Kind::Text => Some(quote!(let #name = #name.to_bytes_with_nul();)),
        _ => None,
    }
}

/// A number of elements, before the buffer has the name.
fn count(Field { name, kind, .. }: &Field) -> Option<TokenStream> {
    let number = number(name);
    matches!(kind, Kind::Count).then(|| quote!(let #number = #name.len();))
}

fn number(of: &Ident) -> Ident {
    local(&format!("{of}_count"))
}

/// The buffer of an argument that is an address.
fn memory(Field { name, direction, kind, .. }: &Field) -> Option<TokenStream> {
    match kind {
        Kind::Value(_) if direction.is_output() => {
            Some(buffer(name, Direction::Out, quote!(&mut #name)))
        }
        Kind::Reference(_) | Kind::Slice { .. } => Some(buffer(name, *direction, name)),
        Kind::Text => Some(buffer(name, Direction::In, name)),
        _ => None,
    }
}

/// The call. An argument of 64 bits takes two registers where they have 32: the low half first.
fn call(table: &Table, row: &Row, command: &Ident) -> TokenStream {
    let (number, first) = match &table.number {
        Some(number) => (quote!(#number), Some(quote!(#command as usize))),
        None => (quote!(#command), None),
    };
    let arguments = |is_32: bool| {
        let rest = row.fields().iter().flat_map(move |field| registers(field, is_32));
        first.iter().cloned().chain(rest).collect::<Vec<_>>()
    };
    let issue = |arguments: Vec<TokenStream>| {
        let xen = local("xen");
        let method = match arguments.len() {
            5 => format_ident!("call"),
            // An argument that a hypercall does not have is nothing that it reads.
            0 => {
                return quote!(unsafe {
                    ::xen_ops::hypercall::Hypercall::call1(#xen, #number, [0])
                });
            }
            registers => format_ident!("call{registers}"),
        };
        quote!(unsafe {
            ::xen_ops::hypercall::Hypercall::#method(#xen, #number, [#(#arguments),*])
        })
    };
    if !row.fields().iter().any(is_wide) {
        return issue(arguments(false));
    }
    let (narrow, wide) = (issue(arguments(true)), issue(arguments(false)));
    quote!({
        #[cfg(target_pointer_width = "32")]
        { #narrow }
        #[cfg(not(target_pointer_width = "32"))]
        { #wide }
    })
}

/// The registers of one argument.
fn registers(field: &Field, is_32: bool) -> Vec<TokenStream> {
    let name = &field.name;
    match &field.kind {
        Kind::Value(_) if field.direction.is_output() => vec![quote!(#name.address())],
        Kind::Value(_) if is_wide(field) && is_32 => {
            vec![quote!(#name as usize), quote!((#name >> 32) as usize)]
        }
        Kind::Value(_) => {
            vec![quote_spanned!(name.span()=> ::xen_ops::hypercall::__private::Register::of(#name))]
        }
        Kind::Constant(value) => vec![quote!(#value as usize)],
        Kind::Count => {
            let number = number(name);
            vec![quote!(#number)]
        }
        Kind::Reference(_) | Kind::Slice { .. } | Kind::Text => vec![quote!(#name.address())],
    }
}

/// Whether an argument has 64 bits on every architecture.
pub(crate) fn is_wide(field: &Field) -> bool {
    match &field.kind {
        Kind::Value(Type::Path(path)) if !field.direction.is_output() => {
            path.path.is_ident("u64") || path.path.is_ident("i64")
        }
        _ => false,
    }
}
