//! A row of which Xen takes one argument.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::Ident;

use super::names::local;
use super::{bouncing, call, count, names, parameters, result};
use crate::table::{Body, Convention, Direction, Field, Kind, Row, Table};

/// The wrapper of a `single` row.
pub(super) fn expand(table: &Table, row: &Row) -> TokenStream {
    let command = names::command(table, row);
    let operation = command.to_string();
    let (xen, argument, result) = (local("xen"), local("argument"), local("result"));
    let Prepared { argument: make, buffers, address, count } = prepare(table, row);
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
    let call = bouncing(&buffers, &call(table, &command, &address, &count));
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
        (Kind::Reference(reference), _) => Some(quote!(#name: #reference)),
        (Kind::Slice { element, .. }, Direction::In) => Some(quote!(#name: &[#element])),
        (Kind::Slice { element, .. }, _) => Some(quote!(#name: &mut [#element])),
    }
}

/// What precedes the call: the argument is made, and a buffer for all memory that Xen reaches.
struct Prepared {
    /// Makes the argument, or counts it.
    argument: TokenStream,
    /// Makes the buffers; nothing, if the operation has none.
    buffers: TokenStream,
    /// The address of the argument.
    address: TokenStream,
    /// The number of elements there.
    count: TokenStream,
}

impl Prepared {
    /// An argument of the wrapper's own, which `make` makes. The `lists` that its handles point to come
    /// first.
    fn own(make: TokenStream, lists: &TokenStream) -> Self {
        let argument = local("argument");
        let own = buffer(&argument, Direction::InOut, quote!(&mut #argument));
        let address = quote!(#argument.address());
        Self { argument: make, buffers: quote!(#lists #own), address, count: quote!(1) }
    }

    /// An argument of the caller's.
    fn callers(Field { name, direction, .. }: &Field) -> Self {
        let own = local("bounced");
        let buffers = buffer(&own, *direction, name);
        Self { argument: quote!(), buffers, address: quote!(#own.address()), count: quote!(1) }
    }
}

fn prepare(table: &Table, row: &Row) -> Prepared {
    let argument = local("argument");
    match &row.body {
        Body::Nothing => {
            Prepared { argument: quote!(), buffers: quote!(), address: quote!(0), count: quote!(0) }
        }
        Body::Whole(field @ Field { name, kind: Kind::Slice { .. }, .. }) => {
            let (length, count) = (local("count"), count(row, &quote!(#name.len())));
            Prepared {
                argument: quote!(let #length = #count;),
                count: quote!(#length),
                ..Prepared::callers(field)
            }
        }
        Body::Whole(field @ Field { kind: Kind::Reference(_), .. }) => Prepared::callers(field),
        Body::Whole(Field { name, direction, kind: Kind::Value(ty), .. }) => {
            let value = if direction.is_input() {
                quote!(#name)
            } else {
                quote!(::xen_ops::xen_abi::zeroed())
            };
            Prepared::own(quote!(let mut #argument: #ty = #value;), &quote!())
        }
        Body::Structure(fields) => structure(&names::structure(table, row), row, fields),
    }
}

/// A structure. Its handles are known once the slices are bounced, and it is written once.
fn structure(structure: &TokenStream, row: &Row, fields: &[Field]) -> Prepared {
    let (argument, request) = (local("argument"), local("request"));
    let members = fields.iter().filter_map(|field| member(row, field));
    let lengths = lengths(fields);
    let whole = quote!(#structure { #(#members)* #lengths ..#structure::ZERO });
    let handles = fields.iter().filter_map(handle).collect::<Vec<_>>();
    if handles.is_empty() {
        return Prepared::own(quote!(let mut #argument = #whole;), &quote!());
    }
    let slices = fields.iter().filter(|field| matches!(field.kind, Kind::Slice { .. }));
    let lists = slices.map(|Field { name, direction, .. }| buffer(name, *direction, name));
    Prepared::own(
        quote!(let #request = #whole; let mut #argument = #request;),
        &quote!(#(#lists)* #argument = #structure { #(#handles)* ..#request };),
    )
}

/// Makes the buffer `name` of an expression that is a reference.
fn buffer(name: &Ident, direction: Direction, object: impl ToTokens) -> TokenStream {
    let xen = local("xen");
    let function = if direction.is_output() { quote!(to_write) } else { quote!(to_read) };
    quote!(let #name = ::xen_ops::hypercall::HypercallBuffer::#function(#xen, #object)?;)
}

/// A member that is a handle to a slice, whose buffer has its name.
fn handle(field: &Field) -> Option<TokenStream> {
    let Field { name, kind: Kind::Slice { untyped, .. }, .. } = field else { return None };
    let handle = Ident::new(if *untyped { "untyped_handle" } else { "handle" }, name.span());
    Some(quote_spanned!(name.span()=> #name: #name.#handle(),))
}

/// A member as it goes into the structure; an output stays zero.
fn member(row: &Row, field: &Field) -> Option<TokenStream> {
    let name = &field.name;
    match &field.kind {
        Kind::Value(_) if field.direction.is_input() => Some(quote!(#name,)),
        Kind::Value(_) if row.convention == Convention::Status && name == "status" => {
            Some(quote!(#name: ::xen_ops::hypercall::UNTOUCHED,))
        }
        Kind::Value(_) | Kind::Reference(_) | Kind::Slice { .. } => None,
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
            quote_spanned!(by.span()=> ::xen_ops::hypercall::__private::Length::of(#length));
        quote!(#by: #length,)
    });
    counts.collect()
}

/// The wrapper's type, and what makes its value from `result`.
fn returns(row: &Row, operation: &str, out: &result::Out) -> (TokenStream, TokenStream) {
    let result::Out { ty, value, .. } = out;
    let or_error = |ty| quote!(::core::result::Result<#ty, ::xen_ops::hypercall::Error>);
    let check = quote!(::xen_ops::hypercall::__private);
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
