//! A row of which Xen takes one argument.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use super::argument::{self, Prepared};
use super::names::local;
use super::{bouncing, call, names, parameters, registers, result, union};
use crate::table::{Body, Convention, Direction, Field, Form, Kind, Row, Table};

/// The wrapper of a `single` row.
pub(super) fn expand(table: &Table, row: &Row) -> TokenStream {
    let command = names::command(table, row);
    let operation = names::operation(table, &command);
    let (xen, argument, result) = (local("xen"), local("argument"), local("result"));
    let (make, buffers, call) = if row.form == Form::Call {
        registers::prepare(table, row, &command)
    } else {
        let Prepared { argument, buffers, address, count } = argument::prepare(table, row);
        (argument, buffers, call(table, &command, &address, &count))
    };
    let read = |member: &Ident| match (&table.outer, &row.body) {
        (Some(outer), _) => union::read(outer, row, member),
        (None, Body::Structure(_)) => quote!(#argument.#member),
        (None, Body::Registers(_)) => quote!(#member),
        (None, _) => quote!(#argument),
    };
    let out = result::out(table, row, &command, read);
    let (returns, finish) = returns(row, &operation, &out, read);

    let attributes = names::attributes(table, row, result::errors(row.convention));
    let condition = names::condition(row);
    let is_unsafe = row.is_unsafe.map(|_| quote!(unsafe));
    let name = &row.name;
    let parameters = parameters(table).into_iter().chain(row.fields().iter().filter_map(parameter));
    let call = bouncing(&buffers, &call);
    let definition = &out.definition;
    quote! {
        #definition

        #condition
        #attributes
        #[allow(
            unsafe_code,
            clippy::needless_update,
            clippy::too_many_arguments,
            reason = "a hypercall, with what upstream's structure has"
        )]
        #[inline]
        pub #is_unsafe fn #name<H: ::xen_ops::hypercall::Hypercall + ?Sized>(
            #xen: &H,
            #(#parameters),*
        ) -> #returns {
            #make
            // SAFETY: number, command and argument belong together; what the argument points to is
            // borrowed; the caller guarantees what else the operation asks for.
            let #result = #call;
            #finish
        }
    }
}

/// A parameter, unless it is an output only.
fn parameter(field: &Field) -> Option<TokenStream> {
    let name = &field.name;
    match (&field.kind, field.direction) {
        (Kind::Value(ty), direction) => direction.is_input().then(|| quote!(#name: #ty)),
        (Kind::Constant(_) | Kind::Count, _) => None,
        (Kind::Text, _) => Some(quote!(#name: &::core::ffi::CStr)),
        (Kind::Reference(reference), _) => Some(quote!(#name: #reference)),
        (Kind::Slice { element, .. }, Direction::In) => Some(quote!(#name: &[#element])),
        (Kind::Slice { element, .. }, _) => Some(quote!(#name: &mut [#element])),
    }
}

/// The wrapper's type, and what makes its value from `result`.
fn returns(
    row: &Row,
    operation: &str,
    out: &result::Out,
    read: impl Fn(&Ident) -> TokenStream,
) -> (TokenStream, TokenStream) {
    let result::Out { ty, value, .. } = out;
    let or_error = |ty| quote!(::core::result::Result<#ty, ::xen_ops::hypercall::Error>);
    let check = quote!(::xen_ops::hypercall::__private);
    let result = local("result");
    match row.convention {
        Convention::Status => {
            let status =
                row.fields().iter().map(|field| &field.name).find(|name| *name == "status");
            let status = status.map(read);
            let finish = quote! {
                #check::status(#operation, #result, #status)?;
                Ok(#value)
            };
            (or_error(quote!(#ty)), finish)
        }
        Convention::Errno => (
            or_error(quote!(#ty)),
            quote! {
                #check::errno(#operation, #result)?;
                Ok(#value)
            },
        ),
        Convention::ErrnoAndOut => {
            let success = or_error(quote!(()));
            (quote!((#success, #ty)), quote!((#check::errno(#operation, #result), #value)))
        }
        Convention::Count => {
            let asked = asked(row);
            (or_error(quote!(usize)), quote!(#check::count(#operation, #result, #asked)))
        }
        Convention::Value => (or_error(quote!(usize)), quote!(#check::value(#operation, #result))),
        Convention::Word => (quote!(usize), quote!(#result as usize)),
        Convention::ValueAndOut => (
            or_error(quote!((usize, #ty))),
            quote! {
                let #result = #check::value(#operation, #result)?;
                Ok((#result, #value))
            },
        ),
    }
}

/// How many elements a counting operation was asked to do.
fn asked(row: &Row) -> TokenStream {
    let length = row.slice().map(|Field { name, .. }| quote!(#name.len()));
    length.unwrap_or_else(|| quote!(0))
}
