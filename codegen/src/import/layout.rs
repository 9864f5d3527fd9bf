//! Puts every member of every record at its offset.
//!
//! Bindgen asserts sizes, alignments and the offsets of named members. Anonymous members and the
//! storage of bit fields it leaves out: those follow from C's rule, each after its predecessor.

use std::collections::BTreeMap;

use super::clang::Place;
use super::rust::{Raw, RawRecord, RawType};
use super::tags::Tags;
use crate::ir::{Abi, Def, Field, FieldKind, Int, Record, RecordKind, Type, TypeDef};

/// What the types are made from.
pub(super) struct Types<'a> {
    pub(super) raw: &'a Raw,
    pub(super) places: &'a BTreeMap<String, Place>,
    pub(super) tags: &'a Tags,
}

/// A type without a rule.
#[derive(Clone, Debug)]
pub(super) struct Odd {
    /// The type that is the cause: itself, or what it holds.
    pub(super) root: String,
    /// What it is.
    pub(super) what: String,
}

impl Odd {
    fn new(name: &str, what: String) -> Self {
        Self { root: name.to_owned(), what }
    }
}

impl Types<'_> {
    /// Fills in the types of `abi`, and returns those without a rule, by name.
    pub(super) fn fill(&self, abi: &mut Abi) -> BTreeMap<String, Odd> {
        let mut odd = BTreeMap::new();
        for (name, what) in &self.raw.odd {
            odd.insert(name.clone(), Odd::new(name, what.clone()));
        }
        for (name, int) in &self.raw.enums {
            // An enumeration without a name is only its enumerators.
            if self.places.contains_key(name) {
                self.insert(abi, name, Def::Enum(*int), &mut odd);
            }
        }
        for (name, ty) in &self.raw.aliases {
            self.insert(abi, name, Def::Alias(ty.clone()), &mut odd);
        }
        // First the outlines, so that members can be sized whatever the order of the names.
        for (name, record) in &self.raw.records {
            let Some(&(size, align)) = self.raw.layouts.get(name) else {
                odd.insert(name.clone(), Odd::new(name, "a record without a layout".to_owned()));
                continue;
            };
            let (kind, packed) = (record.kind, record.packed);
            let def = Def::Record(Record { kind, size, align, packed, fields: Vec::new() });
            self.insert(abi, name, def, &mut odd);
        }
        self.spread(abi, &mut odd);
        for (name, record) in &self.raw.records {
            if odd.contains_key(name) {
                continue;
            }
            match place(abi, self.raw, name, record) {
                Ok(placed) => {
                    let ty = abi.types.get_mut(name).map(|ty| &mut ty.def);
                    if let Some(Def::Record(record)) = ty {
                        record.fields = placed;
                    }
                }
                Err(what) => drop(odd.insert(name.clone(), Odd::new(name, what))),
            }
        }
        self.spread(abi, &mut odd);
        odd
    }

    /// What holds an odd type is odd too.
    fn spread(&self, abi: &mut Abi, odd: &mut BTreeMap<String, Odd>) {
        let mut new: Vec<String> = odd.keys().cloned().collect();
        while let Some(name) = new.pop() {
            let Odd { root, what } = odd[&name].clone();
            let of_records = self.raw.records.iter().filter(|(_, record)| {
                let plain = |(_, ty): &(String, RawType)| matches!(ty, RawType::Plain(ty) if ty.holds(&name));
                record.fields.iter().any(plain)
            });
            let of_aliases = self.raw.aliases.iter().filter(|(_, ty)| ty.holds(&name));
            let holders = of_records.map(|(name, _)| name).chain(of_aliases.map(|(name, _)| name));
            for holder in holders {
                if !odd.contains_key(holder) {
                    let what = format!("which holds {name}, {what}");
                    odd.insert(holder.clone(), Odd { root: root.clone(), what });
                    new.push(holder.clone());
                }
            }
        }
        abi.types.retain(|name, _| !odd.contains_key(name));
    }

    fn insert(&self, abi: &mut Abi, name: &str, def: Def, odd: &mut BTreeMap<String, Odd>) {
        let Some(place) = self.places.get(name) else {
            // The fixed-width integers come from our own stubs.
            if !self.raw.aliases.contains_key(name) {
                odd.insert(
                    name.to_owned(),
                    Odd::new(name, "a type that no header of the tree defines".to_owned()),
                );
            }
            return;
        };
        let c_name = place.c_name.as_ref().map(|c_name| match &def {
            Def::Record(record) => self.tags.spell(record.kind, c_name),
            Def::Enum(_) => self.tags.spell_enum(c_name),
            _ => c_name.clone(),
        });
        let location = place.location.clone();
        let ty = TypeDef { location, c_name, within: None, def };
        // A tag and a typedef of another type: C keeps them apart, Rust does not.
        if let Some(first) = abi.types.insert(name.to_owned(), ty) {
            let what = format!("a name that is also another type's, at {}", first.location);
            odd.insert(name.to_owned(), Odd::new(name, what));
        }
    }
}

/// The members of a record at their offsets, or what the generator has no rule for.
fn place(abi: &Abi, raw: &Raw, name: &str, record: &RawRecord) -> Result<Vec<Field>, String> {
    let mut fields = Vec::new();
    let mut end = 0u64;
    for (field, ty) in &record.fields {
        let (ty, size, align, kind) = match ty {
            RawType::Plain(ty) => {
                let size_align = abi.size_align(ty);
                let (size, align) = size_align.ok_or_else(|| format!("the type of {field}"))?;
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
            return Err(format!("overlapping members, at {field}"));
        }
        end = end.max(offset + size);
        fields.push(Field { name: field.clone(), offset, ty, kind });
    }
    let &(size, _) = raw.layouts.get(name).unwrap_or(&(0, 0));
    if end > size {
        return Err("a record smaller than its members".to_owned());
    }
    Ok(fields)
}
