//! Questions about one release on one architecture.

pub mod declaration;
pub mod diff;
pub mod export;
pub mod history;
pub mod layout;

use std::collections::BTreeMap;

use crate::model::{Constant, Definition, Item, Member, Record, Snapshot, Type};

/// A [`Snapshot`] whose things are found by name.
#[derive(Clone, Debug)]
pub struct Abi {
    snapshot: Snapshot,
    types: BTreeMap<String, (usize, usize)>,
    constants: BTreeMap<String, (usize, usize)>,
}

/// How many things of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Structures, unions, enumerations and typedefs that have a name.
    pub types: usize,
    /// Members, bit fields counted singly.
    pub fields: usize,
    /// Macros and enumerators.
    pub constants: usize,
}

impl From<Snapshot> for Abi {
    fn from(snapshot: Snapshot) -> Self {
        let (mut types, mut constants) = (BTreeMap::new(), BTreeMap::new());
        for (header, of_header) in snapshot.headers.iter().enumerate() {
            for (at, definition) in of_header.items.iter().enumerate() {
                let index = match definition.item {
                    Item::Constant(_) => &mut constants,
                    _ => &mut types,
                };
                index.insert(definition.name.clone(), (header, at));
            }
        }
        Self { snapshot, types, constants }
    }
}

impl Abi {
    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn at(&self, place: (usize, usize)) -> (&str, &Definition) {
        let header = &self.snapshot.headers[place.0];
        (&header.name, &header.items[place.1])
    }

    /// Every type by name, with its header.
    pub fn types(&self) -> impl Iterator<Item = (&str, &Definition)> {
        self.types.values().map(|place| self.at(*place))
    }

    /// Every constant by name, with its header.
    pub fn constants(&self) -> impl Iterator<Item = (&str, &Definition, &Constant)> {
        self.constants.values().filter_map(|place| {
            let (header, definition) = self.at(*place);
            let Item::Constant(constant) = &definition.item else { return None };
            Some((header, definition, constant))
        })
    }

    /// The type called `name`, a tag or a typedef, with its header.
    #[must_use]
    pub fn ty(&self, name: &str) -> Option<(&str, &Definition)> {
        self.types.get(name).map(|place| self.at(*place))
    }

    /// The constant called `name`, with its header.
    #[must_use]
    pub fn constant(&self, name: &str) -> Option<(&str, &Definition, &Constant)> {
        let (header, definition) = self.at(*self.constants.get(name)?);
        let Item::Constant(constant) = &definition.item else { return None };
        Some((header, definition, constant))
    }

    /// The structure or union called `name`, seen through typedefs.
    #[must_use]
    pub fn record(&self, name: &str) -> Option<&Record> {
        let mut name = name;
        // A record that was altered may name a typedef's target in a circle.
        for _ in 0..16 {
            match &self.ty(name)?.1.item {
                Item::Record(record) => return Some(record),
                Item::Typedef(Type::Named(target)) => name = target,
                _ => return None,
            }
        }
        None
    }

    /// Size and alignment of `ty` in bytes; `None` for `void`, for a name that is not known and for a
    /// structure without a name, whose member has the size.
    #[must_use]
    pub fn size_align(&self, ty: &Type) -> Option<(u64, u64)> {
        self.size_align_within(ty, 32)
    }

    fn size_align_within(&self, ty: &Type, depth: usize) -> Option<(u64, u64)> {
        let depth = depth.checked_sub(1)?;
        Some(match ty {
            Type::Int { bytes, align, .. } => (*bytes, *align),
            Type::Handle(_, bytes) | Type::Pointer(_, bytes) => (*bytes, *bytes),
            Type::Array(element, len) => {
                let (size, align) = self.size_align_within(element, depth)?;
                (size.checked_mul(*len)?, align)
            }
            Type::Named(name) => match &self.ty(name)?.1.item {
                Item::Record(record) => (record.size, record.align),
                Item::Typedef(ty) | Item::Enum { int: ty, .. } => {
                    self.size_align_within(ty, depth)?
                }
                Item::Constant(_) => return None,
            },
            Type::Void | Type::Inline(..) => return None,
        })
    }

    /// How much there is.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let records = self.types().filter_map(|(_, definition)| match &definition.item {
            Item::Record(record) => Some(named(&record.members)),
            _ => None,
        });
        Counts { types: self.types.len(), fields: records.sum(), constants: self.constants.len() }
    }
}

fn named(members: &[Member]) -> usize {
    members
        .iter()
        .map(|member| {
            let inner = match member.ty.element() {
                Type::Inline(_, inner) => named(inner),
                _ => 0,
            };
            usize::from(member.name.is_some()) + inner
        })
        .sum()
}
