//! A row of which Xen takes an array.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Type};

use super::names::local;
use super::{bouncing, call, count, names, parameters};
use crate::table::{Convention, Direction, Field, Kind, Row, Table};

/// The element's type and the wrapper of a `batch` row.
pub(super) fn expand(table: &Table, row: &Row) -> TokenStream {
    let element = element(table, row);
    let wrapper = wrapper(table, row);
    quote! { #element #wrapper }
}

/// The members that go one way, with their types.
fn members(row: &Row, direction: Direction) -> (Vec<&Ident>, Vec<&Type>) {
    let values = row.fields().iter().filter(|field| field.direction == direction);
    values
        .filter_map(|Field { name, kind, .. }| match kind {
            Kind::Value(ty) => Some((name, ty)),
            _ => None,
        })
        .unzip()
}

fn element(table: &Table, row: &Row) -> TokenStream {
    let name = names::camel(row);
    let structure = names::structure(table, row);
    let command = names::command(table, row);
    let condition = names::condition(row);
    let (inputs, input_types) = members(row, Direction::In);
    let (outputs, output_types) = members(row, Direction::Out);
    let input_docs = inputs.iter().map(|name| format!("`{name}`, which goes in."));
    let output_docs = outputs.iter().map(|name| format!("`{name}`, which came out."));
    let doc = format!(
        "One element of `{command}`: upstream's `{}`, in the state `S`.",
        structure.to_string().replace(' ', "")
    );
    quote! {
        #condition
        #[doc = #doc]
        #[derive(Clone, Copy)]
        #[repr(transparent)]
        pub struct #name<S = ::xen_ops::hypercall::Request> {
            argument: #structure,
            state: ::core::marker::PhantomData<fn() -> S>,
        }

        #condition
        impl #name {
            /// A request.
            #[allow(clippy::needless_update, reason = "upstream's structure may have padding")]
            #[inline]
            #[must_use]
            pub const fn new(#(#inputs: #input_types),*) -> Self {
                let argument = #structure { #(#inputs,)* ..#structure::ZERO };
                Self { argument, state: ::core::marker::PhantomData }
            }
        }

        #condition
        #[allow(clippy::len_without_is_empty, reason = "upstream's names")]
        impl<S> #name<S> {
            #(
                #[doc = #input_docs]
                #[inline]
                #[must_use]
                pub const fn #inputs(&self) -> #input_types {
                    self.argument.#inputs
                }
            )*

            /// Upstream's structure.
            #[inline]
            #[must_use]
            pub const fn as_abi(&self) -> &#structure {
                &self.argument
            }

            /// The same request once more, as if Xen had never seen it.
            #[inline]
            #[must_use]
            pub const fn again(&self) -> #name {
                #name::new(#(self.argument.#inputs),*)
            }
        }

        #condition
        impl #name<::xen_ops::hypercall::Done> {
            #(
                #[doc = #output_docs]
                #[inline]
                #[must_use]
                pub const fn #outputs(&self) -> #output_types {
                    self.argument.#outputs
                }
            )*
        }

        #condition
        impl<S> ::core::fmt::Debug for #name<S> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Debug::fmt(&self.argument, f)
            }
        }

        #condition
        // SAFETY: transparent over the type that is named.
        #[allow(unsafe_code, reason = "states a fact about a transparent wrapper")]
        unsafe impl ::xen_ops::hypercall::__private::Element for #name {
            type Argument = #structure;
            type Done = #name<::xen_ops::hypercall::Done>;
        }
    }
}

fn wrapper(table: &Table, row: &Row) -> TokenStream {
    let name = &row.name;
    let element = names::camel(row);
    let (xen, elements, result) = (local("xen"), local("elements"), local("result"));
    let command = names::command(table, row);
    let operation = command.to_string();
    let condition = names::condition(row);
    let is_unsafe = row.is_unsafe.map(|_| quote!(unsafe));
    let parameters = parameters(table);
    let (buffer, length) = (local("bounced"), local("count"));
    let count = count(row, &quote!(#elements.len()));
    let buffers =
        quote!(let #buffer = ::xen_ops::hypercall::__private::written(#xen, &mut *#elements)?;);
    let call = call(table, &command, &quote!(#buffer.address()), &quote!(#length));
    let call = bouncing(&buffers, &call);
    let check = quote!(::xen_ops::hypercall::__private);
    let (lifetime, prepare, returns, finish, doc) = match row.convention {
        Convention::Status => (
            Some(quote!('a)),
            // Elements that are used once more hold the statuses of the time before.
            quote! {
                for element in #elements.iter_mut() {
                    element.argument.status = ::xen_ops::hypercall::UNTOUCHED;
                }
            },
            quote!(::xen_ops::hypercall::Batch<'a, #element<::xen_ops::hypercall::Done>>),
            quote! {
                ::xen_ops::hypercall::Batch {
                    result: #check::errno(#operation, #result),
                    elements: #check::done(#elements),
                }
            },
            "The result is the hypercall's own; whether an element succeeded is in its status.",
        ),
        _ => (
            None,
            quote!(),
            quote!(::core::result::Result<(), ::xen_ops::hypercall::Error>),
            quote!(#check::errno(#operation, #result)),
            "# Errors\n\nThe error number of the first element that failed; Xen does not say which \
             that is.",
        ),
    };
    let attributes = names::attributes(table, row, doc);
    let generics = lifetime.iter().map(|lifetime| quote!(#lifetime,));
    quote! {
        #condition
        #attributes
        #[allow(unsafe_code, reason = "a hypercall")]
        #[inline]
        pub #is_unsafe fn #name<#(#generics)* H: ::xen_ops::hypercall::Hypercall + ?Sized>(
            #xen: &H,
            #(#parameters,)*
            #elements: & #lifetime mut [#element],
        ) -> #returns {
            #prepare
            let #length = #count;
            // SAFETY: number, command and elements belong together; the elements are borrowed; what
            // else the operation asks for is the caller's promise.
            let #result = #call;
            #finish
        }
    }
}
