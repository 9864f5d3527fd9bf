//! The argument of an operation, and the memory that Xen reaches through it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Ident, Path};

use super::names::local;
use super::{count, names, union};
use crate::table::{Body, Convention, Direction, Field, Kind, Row, Table};

/// What precedes the call: the argument is made, and a buffer for all memory that Xen reaches.
#[derive(Clone)]
pub(super) struct Prepared {
    /// Makes the argument, or counts it.
    pub(super) argument: TokenStream,
    /// Makes the buffers; nothing, if the operation has none.
    pub(super) buffers: TokenStream,
    /// The address of the argument.
    pub(super) address: TokenStream,
    /// The number of elements there.
    pub(super) count: TokenStream,
}

impl Prepared {
    /// An argument of the wrapper's own, which `make` makes. The `lists` that its handles point to come
    /// first.
    pub(super) fn own(make: TokenStream, lists: &TokenStream) -> Self {
        let argument = local("argument");
        let own = buffer(&argument, Direction::InOut, quote!(&mut #argument));
        let address = quote!(#argument.address());
        Self { argument: make, buffers: quote!(#lists #own), address, count: quote!(1) }
    }

    /// The same in a list of buffers: the argument, and after it those of slices.
    pub(super) fn listed(self, ty: &Path, slices: &[&Ident]) -> Self {
        let (xen, argument, list) = (local("xen"), local("argument"), local("list"));
        let own = self.buffers;
        let number = slices.len() + 1;
        let buffers = quote! {
            #own
            let #list = [#argument.entry::<#ty>() #(, #slices.entry::<#ty>())*];
            let #list = ::xen_ops::hypercall::HypercallBuffer::to_read(#xen, &#list[..])?;
        };
        Self { buffers, address: quote!(#list.address()), count: quote!(#number), ..self }
    }

    /// An argument of the caller's.
    fn callers(Field { name, direction, .. }: &Field) -> Self {
        let own = local("bounced");
        let buffers = buffer(&own, *direction, name);
        Self { argument: quote!(), buffers, address: quote!(#own.address()), count: quote!(1) }
    }
}

pub(super) fn prepare(table: &Table, row: &Row) -> Prepared {
    if let Some(outer) = &table.outer {
        return union::prepare(table, outer, row);
    }
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
        Body::Whole(Field { kind: Kind::Constant(_) | Kind::Text | Kind::Count, .. })
        | Body::Registers(_) => unreachable!("`check` reports it"),
        Body::Structure(fields) => structure(&names::structure(table, row), row, fields),
    }
}

/// A structure. Its handles are known once the slices are bounced, and it is written once.
fn structure(structure: &TokenStream, row: &Row, fields: &[Field]) -> Prepared {
    let (argument, request) = (local("argument"), local("request"));
    let members = fields.iter().filter_map(|field| member(row, field));
    let lengths = lengths(fields).into_iter().map(|(by, length)| quote!(#by: #length,));
    let whole = quote!(#structure { #(#members)* #(#lengths)* ..#structure::ZERO });
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
pub(super) fn buffer(name: &Ident, direction: Direction, object: impl ToTokens) -> TokenStream {
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
        Kind::Constant(value) => Some(quote!(#name: #value,)),
        Kind::Value(_) | Kind::Reference(_) | Kind::Slice { .. } | Kind::Text | Kind::Count => None,
    }
}

/// The members that count slices: each the length of the shortest it counts.
pub(super) fn lengths(fields: &[Field]) -> Vec<(&Ident, TokenStream)> {
    let mut counts: Vec<(&Ident, TokenStream)> = Vec::new();
    for Field { name, kind, .. } in fields {
        let Kind::Slice { counted_by: Some(by), .. } = kind else { continue };
        match counts.iter_mut().find(|(counter, _)| *counter == by) {
            Some((_, length)) => length.extend(quote!(.min(#name.len()))),
            None => counts.push((by, quote!(#name.len()))),
        }
    }
    let counts = counts.iter().map(|(by, length)| {
        (*by, quote_spanned!(by.span()=> ::xen_ops::hypercall::__private::Length::of(#length)))
    });
    counts.collect()
}
