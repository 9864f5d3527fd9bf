//! A row of which Xen takes one argument.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Ident;

use super::names::local;
use super::{call, count, names, parameters, result};
use crate::table::{Body, Convention, Direction, Field, Kind, Row, Table};

/// The wrapper of a `single` row.
pub(super) fn expand(table: &Table, row: &Row) -> TokenStream {
    let command = names::command(table, row);
    let operation = command.to_string();
    let (xen, argument, result) = (local("xen"), local("argument"), local("result"));
    let (prepare, address, count) = prepare(table, row);
    let read = |member: &Ident| match row.body {
        Body::Structure(_) => quote!(#argument.#member),
        _ => quote!(#argument),
    };
    let out = result::out(row, &command, read);
    let (returns, finish) = returns(row, &operation, &out);

    let attributes = names::attributes(row, result::errors(row.convention));
    let condition = names::condition(row);
    let is_unsafe = row.is_unsafe.map(|_| quote!(unsafe));
    let name = &row.name;
    let parameters = parameters(table).into_iter().chain(row.fields().iter().filter_map(parameter));
    let call = call(table, &command, &address, &count);
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
            #prepare
            // SAFETY: number, command and argument belong together; what the argument points to is
            // borrowed; what else the operation asks for is the caller's promise.
            let #result = #call;
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
fn prepare(table: &Table, row: &Row) -> (TokenStream, TokenStream, TokenStream) {
    let argument = local("argument");
    let one = quote!(1);
    let address = quote!(::xen_ops::hypercall::expansion::address_mut(&mut #argument));
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
            (quote!(let mut #argument: #ty = #value;), address, one)
        }
        Body::Structure(fields) => {
            let structure = names::structure(table, row);
            let members = fields.iter().filter_map(|field| member(row, field));
            let lengths = lengths(fields);
            let prepare = quote! {
                let mut #argument = #structure { #(#members)* #lengths ..#structure::ZERO };
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
                (Direction::In, false) => "handle",
                (Direction::In, true) => "untyped_handle",
                (_, false) => "handle_mut",
                (_, true) => "untyped_handle_mut",
            };
            let handle = Ident::new(handle, name.span());
            let handle =
                quote_spanned!(name.span()=> ::xen_ops::hypercall::expansion::#handle(#name));
            Some(quote!(#name: #handle,))
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
    let counts = counts.iter().map(|(by, length)| {
        let length =
            quote_spanned!(by.span()=> ::xen_ops::hypercall::expansion::Length::of(#length));
        quote!(#by: #length,)
    });
    counts.collect()
}

/// The wrapper's type, and what makes its value from `result`.
fn returns(row: &Row, operation: &str, out: &result::Out) -> (TokenStream, TokenStream) {
    let result::Out { ty, value, .. } = out;
    let or_error = |ty| quote!(::core::result::Result<#ty, ::xen_ops::hypercall::Error>);
    let check = quote!(::xen_ops::hypercall::expansion);
    let (result, argument) = (local("result"), local("argument"));
    match row.convention {
        Convention::Status => {
            let status =
                row.fields().iter().map(|field| &field.name).find(|name| *name == "status");
            let finish = quote! {
                #check::status(#operation, #result, #argument.#status)?;
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
    }
}

/// How many elements a counting operation was asked to do.
fn asked(row: &Row) -> TokenStream {
    let length = row.slice().map(|Field { name, .. }| quote!(#name.len()));
    length.unwrap_or_else(|| quote!(0))
}
