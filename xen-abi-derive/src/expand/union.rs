//! An argument that lies in a union of a structure with the command.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;

use super::argument::{Prepared, buffer, lengths};
use super::names::{self, local};
use crate::table::{Body, Convention, Field, Kind, Member, MemberKind, Outer, Row, Slot, Table};

/// The structure, and in it the argument. The argument's members are set without its type's name, through
/// the accessors of the union: an operation whose argument is another one does not compile.
pub(super) fn prepare(table: &Table, outer: &Outer, row: &Row) -> Prepared {
    let (own, argument) = (local("own"), local("argument"));
    let sets = sets(outer, row);
    let slices = row.fields().iter().filter(|field| matches!(field.kind, Kind::Slice { .. }));
    let slices = slices.collect::<Vec<_>>();
    let list = table.slots.iter().find_map(|slot| match slot {
        Slot::Buffers { ty } => Some(ty),
        _ => None,
    });
    if slices.is_empty() {
        let whole = whole(table, outer, row, !sets.is_empty());
        let prepared = Prepared::own(quote!(#sets let mut #argument = #whole;), &quote!());
        return list.map_or(prepared.clone(), |ty| prepared.listed(ty, &[]));
    }
    let lists = slices.iter().map(|Field { name, direction, .. }| buffer(name, *direction, name));
    let handles = slices.iter().filter_map(|Field { name, kind, .. }| {
        let Kind::Slice { untyped, buffered: false, .. } = kind else { return None };
        let handle = Ident::new(if *untyped { "untyped_handle" } else { "handle" }, name.span());
        Some(quote_spanned!(name.span()=> #own.#name = #name.#handle();))
    });
    let whole = whole(table, outer, row, !sets.is_empty());
    let handles = handles.collect::<Vec<_>>();
    let again = (!handles.is_empty()).then(|| quote!(#(#handles)* #argument = #whole;));
    let prepared =
        Prepared::own(quote!(#sets let mut #argument = #whole;), &quote!(#(#lists)* #again));
    let apart =
        slices.iter().filter(|field| matches!(field.kind, Kind::Slice { buffered: true, .. }));
    let apart = apart.map(|field| &field.name).collect::<Vec<_>>();
    list.map_or(prepared.clone(), |ty| prepared.listed(ty, &apart))
}

/// The structure with the row's argument, if something of that goes in.
fn whole(table: &Table, outer: &Outer, row: &Row, has_input: bool) -> TokenStream {
    let (structure, own) = (&outer.structure, local("own"));
    let members = outer.members.iter().filter_map(|Member { name, kind }| match kind {
        MemberKind::Command => {
            let command = names::command(table, row);
            Some(quote!(#name: #command,))
        }
        MemberKind::Constant(value) => Some(quote!(#name: #value,)),
        MemberKind::Value(_) => Some(quote!(#name,)),
        MemberKind::Union(ty) => has_input.then(|| {
            let from = format_ident!("from_{}", arm(row));
            quote!(#name: #ty::#from(#own),)
        }),
    });
    quote!(#structure { #(#members)* ..#structure::ZERO })
}

/// Makes the argument as far as it goes in, but for handles: those are known once their slices are bounced.
/// Nothing, if nothing goes in.
fn sets(outer: &Outer, row: &Row) -> TokenStream {
    let own = local("own");
    match &row.body {
        Body::Whole(Field { name, direction, kind: Kind::Value(_), .. })
            if direction.is_input() =>
        {
            quote_spanned!(name.span()=> let #own = #name;)
        }
        Body::Structure(fields) => {
            let sets = members_of(row, fields);
            let (structure, union, arm) = (&outer.structure, outer.union(), arm(row));
            let zero = quote!(let mut #own = *#structure::ZERO.#union.#arm(););
            if sets.is_empty() { sets } else { quote!(#zero #sets) }
        }
        _ => quote!(),
    }
}

/// Sets the members that go in.
fn members_of(row: &Row, fields: &[Field]) -> TokenStream {
    let own = local("own");
    let members = fields.iter().filter_map(|Field { name, kind, direction, .. }| {
        let value = match kind {
            Kind::Value(_) if direction.is_input() => quote!(#name),
            Kind::Value(_) if row.convention == Convention::Status && name == "status" => {
                quote!(::xen_ops::hypercall::UNTOUCHED)
            }
            Kind::Constant(value) => quote!(#value),
            _ => return None,
        };
        Some(quote_spanned!(name.span()=> #own.#name = #value;))
    });
    let counts = lengths(fields).into_iter().map(|(by, length)| quote!(#own.#by = #length;));
    quote!(#(#members)* #(#counts)*)
}

/// An expression for a member of the argument, or for the argument itself if it is one value.
pub(super) fn read(outer: &Outer, row: &Row, member: &Ident) -> TokenStream {
    let (argument, union, arm) = (local("argument"), outer.union(), arm(row));
    match row.body {
        Body::Structure(_) => quote_spanned!(member.span()=> #argument.#union.#arm().#member),
        _ => quote!(*#argument.#union.#arm()),
    }
}

/// The union's member.
fn arm(row: &Row) -> Ident {
    let own = row.structure.as_ref().and_then(|path| path.get_ident());
    own.cloned().unwrap_or_else(|| names::member(row))
}
