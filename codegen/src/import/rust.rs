//! Reads bindgen's Rust back into plain data.

use std::collections::BTreeMap;

use devtools::Arch;
use syn::{Expr, Fields, ImplItem, Item, Lit};

use super::handles::{Handles, PREFIX};
use crate::error::Error;
use crate::ir::{BitField, Int, RecordKind, Type};

/// Bindgen's output, item by item.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub(super) records: BTreeMap<String, RawRecord>,
    pub(super) aliases: BTreeMap<String, Type>,
    pub(super) enums: BTreeMap<String, Int>,
    pub(super) consts: Vec<RawConst>,
    pub(super) statics: Vec<String>,
    /// Bytes, by type: (size, alignment).
    pub(super) layouts: BTreeMap<String, (u64, u64)>,
    /// Bytes, by type and field.
    pub(super) offsets: BTreeMap<(String, String), u64>,
    /// By type and storage unit.
    pub(super) bits: BTreeMap<(String, String), Vec<BitField>>,
    /// Types without a rule, by bindgen's name: what they are.
    pub(super) odd: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(super) struct RawRecord {
    pub(super) kind: RecordKind,
    pub(super) packed: Option<u64>,
    pub(super) fields: Vec<(String, RawType)>,
}

#[derive(Debug)]
pub(super) enum RawType {
    Plain(Type),
    /// Storage of bit fields, in bytes.
    Unit(u64),
}

#[derive(Debug)]
pub(super) struct RawConst {
    pub(super) name: String,
    pub(super) ty: Type,
    /// `None` for what is no integer.
    pub(super) value: Option<i128>,
}

/// Parses the whole output. A type that it has no rule for is among the odd ones; anything else is an
/// error, never a silent gap.
pub(super) fn parse(rust: &str, arch: Arch, handles: &Handles) -> Result<Raw, Error> {
    let mut raw = Raw::default();
    let items = raw.take_assertions(rust)?;
    let file = syn::parse_file(&items)
        .map_err(|error| Error::not_understood("bindgen's output", error.to_string()))?;
    let mut reader = Reader { arch, handles, raw };
    for item in &file.items {
        match (reader.item(item), type_of(item)) {
            (Err(Error::NotUnderstood { place, what }), Some(name)) => {
                let what = if place == name { what } else { format!("{what} ({place})") };
                reader.raw.odd.entry(name).or_insert(what);
            }
            (result, _) => result?,
        }
    }
    let Raw { odd, records, aliases, enums, .. } = &mut reader.raw;
    records.retain(|name, _| !odd.contains_key(name));
    aliases.retain(|name, _| !odd.contains_key(name));
    enums.retain(|name, _| !odd.contains_key(name));
    Ok(reader.raw)
}

/// The type that an item of bindgen's is or is about.
fn type_of(item: &Item) -> Option<String> {
    match item {
        Item::Struct(item) => Some(item.ident.to_string()),
        Item::Union(item) => Some(item.ident.to_string()),
        Item::Type(item) => Some(item.ident.to_string()),
        Item::Impl(item) => match &*item.self_ty {
            syn::Type::Path(path) => path.path.get_ident().map(ToString::to_string),
            _ => None,
        },
        _ => None,
    }
}

impl Raw {
    /// Reads the layout assertions and returns the rest. They are most of the text and all of one
    /// form, `const _ : () = { ["Size of X"] [... - 8usize] ; ... } ;`, so that parsing them as Rust
    /// would take most of the generator's time.
    fn take_assertions(&mut self, rust: &str) -> Result<String, Error> {
        const START: &str = "const _ : () = {";
        const END: &str = "} ;";
        let mut items = String::with_capacity(rust.len() / 2);
        let mut rest = rust;
        while let Some((before, after)) = rest.split_once(START) {
            // The lints allowed for the block alone stand just before it.
            let attributes = before.rfind("# [allow (clippy").unwrap_or(before.len());
            if before[attributes..].contains(['{', ';']) {
                return Err(odd_assertion());
            }
            items.push_str(&before[..attributes]);
            let (block, after) = after.split_once(END).ok_or_else(odd_assertion)?;
            for assertion in block.split(';').filter(|text| !text.trim().is_empty()) {
                self.assertion(assertion).ok_or_else(odd_assertion)?;
            }
            rest = after;
        }
        items.push_str(rest);
        Ok(items)
    }

    /// `["text"] [expression - value]`
    fn assertion(&mut self, assertion: &str) -> Option<()> {
        let mut parts = assertion.split('"');
        let text = parts.nth(1)?;
        let value = parts.next()?.trim_end().strip_suffix("usize]")?.rsplit(' ').next()?;
        let value = value.parse().ok()?;
        if let Some(name) = text.strip_prefix("Size of ") {
            self.layouts.entry(name.to_owned()).or_default().0 = value;
        } else if let Some(name) = text.strip_prefix("Alignment of ") {
            self.layouts.entry(name.to_owned()).or_default().1 = value;
        } else {
            let (name, field) = text.strip_prefix("Offset of field: ")?.split_once("::")?;
            self.offsets.insert((name.to_owned(), field.to_owned()), value);
        }
        Some(())
    }
}

fn odd_assertion() -> Error {
    Error::not_understood("bindgen's output", "a layout assertion")
}

struct Reader<'a> {
    arch: Arch,
    handles: &'a Handles,
    raw: Raw,
}

impl Reader<'_> {
    fn item(&mut self, item: &Item) -> Result<(), Error> {
        match item {
            Item::Struct(item) => self.record_or_enum(item),
            Item::Union(item) => {
                let fields = item.fields.named.iter();
                self.record(&item.ident, RecordKind::Union, &item.attrs, fields)
            }
            Item::Type(item) => {
                let ty = self.ty(&item.ty)?;
                self.raw.aliases.insert(item.ident.to_string(), ty);
                Ok(())
            }
            Item::Const(item) => {
                let name = item.ident.to_string();
                let ty = match self.ty(&item.ty) {
                    Ok(ty) => ty,
                    // A string macro; its value comes through the callback, with its probe.
                    Err(_) if matches!(&*item.ty, syn::Type::Reference(_)) => return Ok(()),
                    Err(error) => return Err(error),
                };
                let value = integer(&item.expr);
                self.raw.consts.push(RawConst { name, ty, value });
                Ok(())
            }
            Item::Impl(item) => self.bit_fields(item),
            Item::ForeignMod(item) => {
                for item in &item.items {
                    match item {
                        syn::ForeignItem::Static(item) => {
                            self.raw.statics.push(item.ident.to_string());
                        }
                        _ => {
                            return Err(Error::not_understood(
                                "bindgen's output",
                                "a foreign item",
                            ));
                        }
                    }
                }
                Ok(())
            }
            Item::Static(item) => {
                self.raw.statics.push(item.ident.to_string());
                Ok(())
            }
            Item::Use(item) => self.renamed(&item.tree),
            other => {
                let text = quote::quote!(#other).to_string();
                let start: String = text.chars().take(60).collect();
                Err(Error::not_understood("bindgen's output", format!("the item `{start}`")))
            }
        }
    }

    /// A typedef of an enumeration: `pub use self::xenbus_state as XenbusState;`
    fn renamed(&mut self, tree: &syn::UseTree) -> Result<(), Error> {
        match tree {
            syn::UseTree::Path(path) => self.renamed(&path.tree),
            syn::UseTree::Rename(rename) => {
                let target = Type::Named(rename.ident.to_string());
                self.raw.aliases.insert(rename.rename.to_string(), target);
                Ok(())
            }
            _ => Err(Error::not_understood("bindgen's output", "an import")),
        }
    }

    fn record_or_enum(&mut self, item: &syn::ItemStruct) -> Result<(), Error> {
        let name = item.ident.to_string();
        match &item.fields {
            _ if name.starts_with("__Bindgen") || name.starts_with("__Incomplete") => Ok(()),
            Fields::Named(fields) => {
                self.record(&item.ident, RecordKind::Struct, &item.attrs, fields.named.iter())
            }
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                match self.ty(&fields.unnamed[0].ty)? {
                    Type::Int(int) => {
                        self.raw.enums.insert(name, int);
                        Ok(())
                    }
                    _ => Err(Error::not_understood(
                        name,
                        "an enumeration over something not an integer",
                    )),
                }
            }
            _ => Err(Error::not_understood(name, "a structure bindgen made opaque")),
        }
    }

    fn record<'a>(
        &mut self,
        ident: &syn::Ident,
        kind: RecordKind,
        attrs: &[syn::Attribute],
        fields: impl Iterator<Item = &'a syn::Field>,
    ) -> Result<(), Error> {
        let name = ident.to_string();
        let mut record = RawRecord { kind, packed: packed(attrs)?, fields: Vec::new() };
        for field in fields {
            let field_name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
            if field_name.starts_with("_bindgen_opaque") {
                return Err(Error::not_understood(name, "a record bindgen made opaque"));
            }
            // Bindgen's own alignment and padding helpers say nothing about C.
            if field_name.starts_with("_bindgen_") || field_name.starts_with("__bindgen_padding") {
                continue;
            }
            let ty = self.field_type(&field.ty)?;
            record.fields.push((field_name, ty));
        }
        self.raw.records.insert(name, record);
        Ok(())
    }

    fn field_type(&self, ty: &syn::Type) -> Result<RawType, Error> {
        if let Some((name, argument)) = generic(ty) {
            match name.as_str() {
                "__BindgenBitfieldUnit" => {
                    return match self.ty(argument)? {
                        Type::Array(_, bytes) => Ok(RawType::Unit(bytes)),
                        _ => Err(Error::not_understood(name, "a bit-field unit")),
                    };
                }
                "__IncompleteArrayField" => {
                    return Ok(RawType::Plain(Type::Array(Box::new(self.ty(argument)?), 0)));
                }
                "ManuallyDrop" => return self.field_type(argument),
                _ => {}
            }
        }
        self.ty(ty).map(RawType::Plain)
    }

    fn ty(&self, ty: &syn::Type) -> Result<Type, Error> {
        match ty {
            syn::Type::Path(path) => {
                let last = path.path.segments.last();
                let name = last.map(|segment| segment.ident.to_string()).unwrap_or_default();
                if name.starts_with(PREFIX) {
                    let handle = self.handles.ty(self.arch, &name);
                    return handle
                        .ok_or_else(|| Error::not_understood(name, "an undeclared guest handle"));
                }
                Ok(self.primitive(&name).unwrap_or(Type::Named(name)))
            }
            syn::Type::Array(array) => {
                let len = integer(&array.len).and_then(|len| u64::try_from(len).ok());
                let len = len
                    .ok_or_else(|| Error::not_understood("bindgen's output", "an array length"))?;
                Ok(Type::Array(Box::new(self.ty(&array.elem)?), len))
            }
            syn::Type::Ptr(pointer) => Ok(Type::Pointer(Box::new(self.ty(&pointer.elem)?))),
            _ => Err(Error::not_understood("bindgen's output", "a type of an unknown kind")),
        }
    }

    fn primitive(&self, name: &str) -> Option<Type> {
        let long = self.arch.pointer_bytes();
        let (signed, bytes) = match name {
            // The sign of plain char differs between targets; text has none.
            "c_char" | "c_uchar" | "u8" => (false, 1),
            "c_schar" | "i8" => (true, 1),
            "c_ushort" | "u16" => (false, 2),
            "c_short" | "i16" => (true, 2),
            "c_uint" | "u32" => (false, 4),
            "c_int" | "i32" => (true, 4),
            "c_ulonglong" | "u64" => (false, 8),
            "c_longlong" | "i64" => (true, 8),
            "c_ulong" | "usize" => (false, long),
            "c_long" | "isize" => (true, long),
            "c_void" => return Some(Type::Void),
            _ => return None,
        };
        Some(Type::Int(Int::of(self.arch, signed, bytes)))
    }

    /// The getters say where each bit field lies:
    /// `self._bitfield_1.get_const::<0usize, 4u8>()`.
    fn bit_fields(&mut self, item: &syn::ItemImpl) -> Result<(), Error> {
        let syn::Type::Path(owner) = &*item.self_ty else { return Ok(()) };
        let Some(owner) = owner.path.get_ident().map(ToString::to_string) else { return Ok(()) };
        for function in &item.items {
            let ImplItem::Fn(function) = function else { continue };
            let body = &function.block;
            let body = quote::quote!(#body).to_string().replace(' ', "");
            let Some((before, after)) = body.split_once(".get_const::<") else { continue };
            let place = || -> Option<(String, u32, u32)> {
                let unit = before.rsplit("self.").next()?.to_owned();
                let (range, _) = after.split_once('>')?;
                let (first, width) = range.split_once(',')?;
                let width = width.strip_suffix("u8")?.parse().ok()?;
                Some((unit, first.strip_suffix("usize")?.parse().ok()?, width))
            };
            let name = function.sig.ident.to_string();
            let signed = match &function.sig.output {
                syn::ReturnType::Type(_, ty) => self.ty(ty)?,
                syn::ReturnType::Default => Type::Void,
            };
            if matches!(signed, Type::Int(Int { signed: true, .. })) {
                return Err(Error::not_understood(
                    format!("{owner}.{name}"),
                    "a bit field with a sign",
                ));
            }
            let (unit, first, width) = place()
                .ok_or_else(|| Error::not_understood(format!("{owner}.{name}"), "a bit field"))?;
            let bits = self.raw.bits.entry((owner.clone(), unit)).or_default();
            bits.push(BitField { name, first, width });
        }
        Ok(())
    }
}

fn packed(attrs: &[syn::Attribute]) -> Result<Option<u64>, Error> {
    let mut found = None;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("repr")) {
        attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("packed") {
                found = Some(1);
                if meta.input.peek(syn::token::Paren) {
                    let content;
                    syn::parenthesized!(content in meta.input);
                    found = Some(content.parse::<syn::LitInt>()?.base10_parse()?);
                }
            } else if meta.path.is_ident("align") {
                let content;
                syn::parenthesized!(content in meta.input);
                content.parse::<syn::LitInt>()?;
            }
            Ok(())
        })
        .map_err(|error| Error::not_understood("bindgen's output", error.to_string()))?;
    }
    Ok(found)
}

/// The name and the first argument of a generic type.
fn generic(ty: &syn::Type) -> Option<(String, &syn::Type)> {
    let syn::Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        syn::GenericArgument::Type(ty) => Some((last.ident.to_string(), ty)),
        _ => None,
    }
}

/// The value of an integer expression as bindgen writes them: `5`, `-5`, `foo(5)`.
fn integer(expr: &Expr) -> Option<i128> {
    match expr {
        Expr::Lit(syn::ExprLit { lit: Lit::Int(literal), .. }) => literal.base10_parse().ok(),
        Expr::Unary(syn::ExprUnary { op: syn::UnOp::Neg(_), expr, .. }) => Some(-integer(expr)?),
        Expr::Call(call) => integer(call.args.first()?),
        _ => None,
    }
}
