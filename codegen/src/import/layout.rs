//! Puts every member of every record at its offset.
//!
//! Bindgen asserts sizes, alignments and the offsets of named members. Anonymous members and the
//! storage of bit fields it leaves out: those follow from C's rule, each after its predecessor.

use std::collections::BTreeMap;

use super::clang::Place;
use super::rust::{Raw, RawRecord, RawType};
use super::tags::Tags;
use crate::error::Error;
use crate::ir::{Abi, Def, Field, FieldKind, Int, Record, RecordKind, Type, TypeDef};

/// What the types are made from.
pub(super) struct Types<'a> {
    pub(super) raw: &'a Raw,
    pub(super) places: &'a BTreeMap<String, Place>,
    pub(super) tags: &'a Tags,
}

impl Types<'_> {
    /// Fills in the types of `abi`.
    pub(super) fn fill(&self, abi: &mut Abi) -> Result<(), Error> {
        for (name, int) in &self.raw.enums {
            // An enumeration without a name is only its enumerators.
            if self.places.contains_key(name) {
                self.insert(abi, name, Def::Enum(*int))?;
            }
        }
        for (name, ty) in &self.raw.aliases {
            self.insert(abi, name, Def::Alias(ty.clone()))?;
        }
        // First the outlines, so that members can be sized whatever the order of the names.
        for (name, record) in &self.raw.records {
            let layout = self.raw.layouts.get(name);
            let &(size, align) =
                layout.ok_or_else(|| Error::not_understood(name, "a record without a layout"))?;
            let (kind, packed) = (record.kind, record.packed);
            let def = Def::Record(Record { kind, size, align, packed, fields: Vec::new() });
            self.insert(abi, name, def)?;
        }
        for (name, record) in &self.raw.records {
            let placed = place(abi, self.raw, name, record)?;
            if let Some(TypeDef { def: Def::Record(record), .. }) = abi.types.get_mut(name) {
                record.fields = placed;
            }
        }
        Ok(())
    }

    fn insert(&self, abi: &mut Abi, name: &str, def: Def) -> Result<(), Error> {
        let Some(place) = self.places.get(name) else {
            // The fixed-width integers come from our own stubs.
            let of_stubs = self.raw.aliases.contains_key(name);
            return if of_stubs {
                Ok(())
            } else {
                Err(Error::not_understood(name, "a type without a place"))
            };
        };
        let c_name = place.c_name.as_ref().map(|c_name| match &def {
            Def::Record(record) => self.tags.spell(record.kind, c_name),
            Def::Enum(_) => self.tags.spell_enum(c_name),
            _ => c_name.clone(),
        });
        let location = place.location.clone();
        let other = location.to_string();
        let ty = TypeDef { location, c_name, within: None, def };
        match abi.types.insert(name.to_owned(), ty) {
            None => Ok(()),
            // A tag and a typedef of another type: C keeps them apart, Rust does not.
            Some(first) => Err(Error::Collision {
                place: other.clone(),
                name: name.to_owned(),
                other: if first.location.to_string() == other {
                    String::from("another line, as a tag or a typedef")
                } else {
                    first.location.to_string()
                },
            }),
        }
    }
}

fn place(abi: &Abi, raw: &Raw, name: &str, record: &RawRecord) -> Result<Vec<Field>, Error> {
    let mut fields = Vec::new();
    let mut end = 0u64;
    for (field, ty) in &record.fields {
        let (ty, size, align, kind) = match ty {
            RawType::Plain(ty) => {
                let (size, align) = abi.size_align(ty).ok_or_else(|| {
                    Error::not_understood(format!("{name}.{field}"), "a member's type")
                })?;
                let kind = if field.starts_with("__bindgen_anon_") {
                    FieldKind::Anonymous
                } else {
                    FieldKind::Named(field.clone())
                };
                (ty.clone(), size, align, kind)
            }
            RawType::Unit(bytes) => {
                let key = (name.to_owned(), field.clone());
                let bits = raw.bits.get(&key).cloned().unwrap_or_default();
                let byte = Type::Int(Int { signed: false, bytes: 1, align: 1 });
                (Type::Array(Box::new(byte), *bytes), *bytes, 1, FieldKind::Bits(bits))
            }
        };
        let align = record.packed.map_or(align, |packed| align.min(packed));
        let asserted = raw.offsets.get(&(name.to_owned(), field.clone()));
        let offset = match (asserted, record.kind) {
            (Some(offset), _) => *offset,
            (None, RecordKind::Union) => 0,
            (None, RecordKind::Struct) => end.next_multiple_of(align),
        };
        if offset < end && record.kind == RecordKind::Struct {
            return Err(Error::not_understood(format!("{name}.{field}"), "overlapping members"));
        }
        end = end.max(offset + size);
        fields.push(Field { name: field.clone(), offset, ty, kind });
    }
    let &(size, _) = raw.layouts.get(name).unwrap_or(&(0, 0));
    if end > size {
        return Err(Error::not_understood(name, "a record smaller than its members"));
    }
    Ok(fields)
}
