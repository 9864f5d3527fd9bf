//! A row of which Xen takes one argument.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use super::{call, count, names, parameters, result};
use crate::table::{Body, Convention, Direction, Field, Kind, Row, Table};

/// The wrapper of a `single` row.
pub(super) fn expand(table: &Table, row: &Row) -> TokenStream {
    let command = names::command(table, row);
    let operation = command.to_string();
    let (prepare, address, count) = argument(table, row);
    let read = |member: &Ident| match row.body {
        Body::Structure(_) => quote!(argument.#member),
        _ => quote!(argument),
    };
    let out = result::out(row, &command, read);
    let (returns, finish) = returns(row, &operation, &out);

    let attributes = &row.attributes;
    let condition = names::condition(row);
    let errors = result::errors(row.convention);
    let is_unsafe = row.is_unsafe.map(|_| quote!(unsafe));
    let name = &row.name;
    let parameters = parameters(table).into_iter().chain(row.fields().iter().filter_map(parameter));
    let call = call(table, &command, &address, &count);
    let definition = &out.definition;
    quote! {
        #definition

        #condition
        #(#attributes)*
        #[doc = ""]
        #[doc = #errors]
        #[allow(
            unsafe_code,
            clippy::needless_update,
            clippy::too_many_arguments,
            reason = "a hypercall, with what upstream's structure has"
        )]
        #[inline]
        pub #is_unsafe fn #name<H: ::xen_ops::hypercall::Hypercall + ?Sized>(
            xen: &H,
            #(#parameters),*
        ) -> #returns {
            #prepare
            // SAFETY: number, command and argument belong together; what the argument points to is
            // borrowed; what else the operation asks for is the caller's promise.
            let result = #call;
            #finish
        }
    }
}

/// A parameter, unless it only comes out.
fn parameter(field: &Field) -> Option<TokenStream> {
    let name = &field.name;
    match (&field.kind, field.direction) {
        (Kind::Value(ty), direction) => direction.is_input().then(|| quote!(#name: #ty)),
        (Kind::Reference(reference), _) => Some(quote!(#name: #reference)),
        (Kind::Slice { element, .. }, Direction::In) => Some(quote!(#name: &[#element])),
        (Kind::Slice { element, .. }, _) => Some(quote!(#name: &mut [#element])),
    }
}

/// What makes the argument, its address, and the number of elements there.
fn argument(table: &Table, row: &Row) -> (TokenStream, TokenStream, TokenStream) {
    let one = quote!(1);
    let address = quote!(::xen_ops::hypercall::expansion::address_mut(&mut argument));
    match &row.body {
        Body::Nothing => (quote!(), quote!(0), quote!(0)),
        Body::Whole(Field { name, direction, kind: Kind::Slice { .. }, .. }) => {
            let pointer = match direction {
                Direction::In => quote!(as_ptr),
                _ => quote!(as_mut_ptr),
            };
            let length = count(row, &quote!(#name.len()));
            (quote!(), quote!(#name.#pointer().expose_provenance()), length)
        }
        Body::Whole(Field { name, direction, kind: Kind::Reference(_), .. }) => {
            let function =
                if direction.is_output() { quote!(address_mut) } else { quote!(address) };
            (quote!(), quote!(::xen_ops::hypercall::expansion::#function(#name)), one)
        }
        Body::Whole(Field { name, direction, kind: Kind::Value(ty), .. }) => {
            let value = if direction.is_input() {
                quote!(#name)
            } else {
                quote!(::xen_ops::xen_abi::zeroed())
            };
            (quote!(let mut argument: #ty = #value;), address, one)
        }
        Body::Structure(fields) => {
            let structure = names::structure(table, row);
            let members = fields.iter().filter_map(|field| member(row, field));
            let lengths = lengths(fields);
            let prepare = quote! {
                let mut argument = #structure { #(#members)* #lengths ..#structure::ZERO };
            };
            (prepare, address, one)
        }
    }
}

/// A member as it goes into the structure; what only comes out stays zero.
fn member(row: &Row, field: &Field) -> Option<TokenStream> {
    let name = &field.name;
    match &field.kind {
        Kind::Value(_) if field.direction.is_input() => Some(quote!(#name,)),
        Kind::Value(_) if row.convention == Convention::Status && name == "status" => {
            Some(quote!(#name: ::xen_ops::hypercall::UNTOUCHED,))
        }
        Kind::Value(_) | Kind::Reference(_) => None,
        Kind::Slice { untyped, .. } => {
            let handle = match (field.direction, untyped) {
                (Direction::In, false) => quote!(handle),
                (Direction::In, true) => quote!(untyped_handle),
                (_, false) => quote!(handle_mut),
                (_, true) => quote!(untyped_handle_mut),
            };
            Some(quote!(#name: ::xen_ops::hypercall::expansion::#handle(#name),))
        }
    }
}

/// The members that count slices: each the length of the shortest it counts.
fn lengths(fields: &[Field]) -> TokenStream {
    let mut counts: Vec<(&Ident, TokenStream)> = Vec::new();
    for Field { name, kind, .. } in fields {
        let Kind::Slice { counted_by: Some(by), .. } = kind else { continue };
        match counts.iter_mut().find(|(counter, _)| *counter == by) {
            Some((_, length)) => length.extend(quote!(.min(#name.len()))),
            None => counts.push((by, quote!(#name.len()))),
        }
    }
    let counts = counts
        .iter()
        .map(|(by, length)| quote!(#by: ::xen_ops::hypercall::expansion::Length::of(#length),));
    counts.collect()
}

/// The wrapper's type, and what makes its value from `result`.
fn returns(row: &Row, operation: &str, out: &result::Out) -> (TokenStream, TokenStream) {
    let result::Out { ty, value, .. } = out;
    let or_error = |ty| quote!(::core::result::Result<#ty, ::xen_ops::hypercall::Error>);
    let check = quote!(::xen_ops::hypercall::expansion);
    match row.convention {
        Convention::Status => (
            or_error(quote!(#ty)),
            quote! {
                #check::status(#operation, result, argument.status)?;
                Ok(#value)
            },
        ),
        Convention::Errno => (
            or_error(quote!(#ty)),
            quote! {
                #check::errno(#operation, result)?;
                Ok(#value)
            },
        ),
        Convention::ErrnoAndOut => {
            let result = or_error(quote!(()));
            (quote!((#result, #ty)), quote!((#check::errno(#operation, result), #value)))
        }
        Convention::Count => {
            let asked = asked(row);
            (or_error(quote!(usize)), quote!(#check::count(#operation, result, #asked)))
        }
        Convention::Value => (or_error(quote!(usize)), quote!(#check::value(#operation, result))),
    }
}

/// How many elements a counting operation was asked to do.
fn asked(row: &Row) -> TokenStream {
    let length = row.slice().map(|Field { name, .. }| quote!(#name.len()));
    length.unwrap_or_else(|| quote!(0))
}
