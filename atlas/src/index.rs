//! Everything in the records by name.

use std::collections::{BTreeMap, BTreeSet};

use xen_records::Records;
use xen_records::cells::Cells;
use xen_records::model::{Item, Member, Type};
use xen_records::view::{self, Abi};

/// The records, with each type and constant found by name.
pub struct Index<'a> {
    pub(crate) records: &'a Records,
    /// Types by name.
    pub(crate) types: BTreeMap<&'a str, Thing<'a>>,
    /// Constants by name.
    pub(crate) constants: BTreeMap<&'a str, Thing<'a>>,
    /// The types whose members or target are of the type, by its name.
    pub(crate) uses: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// Typedefs that are only another name of a structure, union or enumeration: its name.
    aliases: BTreeMap<&'a str, &'a str>,
    by_name: view::Index<'a>,
}

/// A type or constant in all its forms.
#[derive(Debug)]
pub(crate) struct Thing<'a> {
    pub(crate) name: &'a str,
    /// Its forms, that of the newest release first.
    pub(crate) forms: Vec<Form<'a>>,
    /// The headers that define it, with the lines there, that of the newest release first.
    pub(crate) places: Vec<(&'a str, &'a [(u32, Cells)])>,
}

/// One form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form<'a> {
    pub(crate) item: &'a Item,
    pub(crate) cells: Cells,
    pub(crate) header: &'a str,
}

impl Thing<'_> {
    /// Where it is, in any form.
    pub(crate) fn cells(&self) -> Cells {
        self.forms.iter().fold(Cells::default(), |all, form| all.union(&form.cells))
    }
}

impl<'a> Index<'a> {
    /// Finds everything.
    #[must_use]
    pub fn new(records: &'a Records) -> Self {
        let (mut types, mut constants) = (BTreeMap::new(), BTreeMap::new());
        for header in &records.headers {
            for entry in &header.entries {
                for variant in &entry.variants {
                    let things = match variant.item {
                        Item::Constant(_) => &mut constants,
                        _ => &mut types,
                    };
                    let thing = things.entry(entry.name.as_str()).or_insert_with(|| Thing {
                        name: &entry.name,
                        forms: Vec::new(),
                        places: Vec::new(),
                    });
                    let (item, cells) = (&variant.item, variant.cells);
                    thing.forms.push(Form { item, cells, header: &header.name });
                    if !thing.places.iter().any(|(known, _)| *known == header.name) {
                        thing.places.push((&header.name, &entry.lines));
                    }
                }
            }
        }
        for thing in types.values_mut().chain(constants.values_mut()) {
            thing.forms.sort_by_key(|form| form.cells.newest_first());
            let order: Vec<_> = thing.forms.iter().map(|form| form.header).collect();
            thing.places.sort_by_key(|(header, _)| order.iter().position(|known| known == header));
        }
        let mut index = Self {
            records,
            types,
            constants,
            uses: BTreeMap::new(),
            aliases: BTreeMap::new(),
            by_name: view::Index::new(records),
        };
        index.aliases = index.find_aliases();
        index.uses = index.find_uses();
        index
    }

    /// The names of all types.
    pub fn type_names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().copied()
    }

    /// One release on one architecture.
    pub(crate) fn abi(&self, release: usize, arch: usize) -> Abi<'_> {
        self.by_name.abi(release, arch)
    }

    /// The ABI of the newest release that a form is in.
    pub(crate) fn abi_of(&self, form: &Form<'_>) -> Option<Abi<'_>> {
        let release = form.cells.iter().map(|(release, _)| release).max()?;
        Some(self.abi(release, form.cells.arches_of(release).next()?))
    }

    /// The page of a type, and the anchor there if the page is another type's.
    pub(crate) fn type_page(&self, name: &str) -> Option<String> {
        let (name, _) = self.types.get_key_value(name)?;
        Some(match self.aliases.get(name) {
            Some(target) => format!("types/{target}.html#{name}"),
            None => format!("types/{name}.html"),
        })
    }

    /// The place of a constant.
    pub(crate) fn constant_page(&self, name: &str) -> Option<String> {
        let thing = self.constants.get(name)?;
        Some(format!("{}#{}", header_page(thing.forms.first()?.header), self.constant_anchor(name)))
    }

    /// The anchor of a constant on its header's page: its name, with `()` where a type has that name.
    pub(crate) fn constant_anchor(&self, name: &str) -> String {
        if self.types.contains_key(name) { format!("{name}.constant") } else { name.to_owned() }
    }

    /// Whether a type has its page at another type.
    pub(crate) fn alias(&self, name: &str) -> Option<&'a str> {
        self.aliases.get(name).copied()
    }

    /// The other names of a type.
    pub(crate) fn aliases_of<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'a str> + 'b {
        let aliases = self.aliases.iter().filter(move |(_, target)| **target == name);
        aliases.map(|(alias, _)| *alias)
    }

    fn find_aliases(&self) -> BTreeMap<&'a str, &'a str> {
        let target = |thing: &Thing<'a>| {
            let mut targets = thing.forms.iter().map(|form| match form.item {
                Item::Typedef(Type::Named(target)) => Some(target.as_str()),
                _ => None,
            });
            let first = targets.next()??;
            targets.all(|other| other == Some(first)).then_some(first)
        };
        let is_aggregate = |name: &str| {
            let thing = self.types.get(name);
            thing.is_some_and(|thing| {
                thing.forms.iter().all(|form| !matches!(form.item, Item::Typedef(_)))
            })
        };
        let aliases = self.types.iter().filter_map(|(name, thing)| Some((*name, target(thing)?)));
        aliases.filter(|(_, target)| is_aggregate(target)).collect()
    }

    fn find_uses(&self) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
        let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (user, thing) in &self.types {
            for form in &thing.forms {
                each_name(form.item, &mut |name| {
                    let name = self.alias(name).unwrap_or(name);
                    if name != *user {
                        uses.entry(name).or_default().insert(user);
                    }
                });
            }
        }
        // Another name of a type is no use of it.
        for (alias, target) in &self.aliases {
            uses.entry(target).or_default().remove(alias);
        }
        uses
    }
}

/// Calls `visit` with the name of every type that an item names.
pub(crate) fn each_name<'a>(item: &'a Item, visit: &mut impl FnMut(&'a str)) {
    match item {
        Item::Record(record) => each_member(&record.members, visit),
        Item::Typedef(ty) => each_type(ty, visit),
        Item::Enum { .. } | Item::Constant(_) => {}
    }
}

fn each_member<'a>(members: &'a [Member], visit: &mut impl FnMut(&'a str)) {
    members.iter().for_each(|member| each_type(&member.ty, visit));
}

fn each_type<'a>(ty: &'a Type, visit: &mut impl FnMut(&'a str)) {
    match ty {
        Type::Named(name) => visit(name),
        Type::Array(inner, _) | Type::Handle(inner, _) | Type::Pointer(inner, _) => {
            each_type(inner, visit);
        }
        Type::Inline(_, members) => each_member(members, visit),
        Type::Int { .. } | Type::Void => {}
    }
}

/// The page of a header.
pub(crate) fn header_page(header: &str) -> String {
    format!("headers/{header}.html")
}
