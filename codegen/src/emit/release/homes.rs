//! Which release defines a type or constant: the first that has it in the same form.

use std::collections::BTreeMap;

use crate::emit::constants;
use crate::emit::module_path::module_path;
use crate::ir::{Abi, Constant, Def, Type, TypeDef};
use crate::releases::is_unstable;

/// One release on one architecture, with the releases that define what it has.
#[derive(Debug)]
pub(in crate::emit) struct Layer<'a> {
    pub(super) abi: &'a Abi,
    /// The path to its modules.
    pub(super) path: String,
    /// Its own number among the layers.
    pub(super) own: usize,
    /// Paths to the modules of all layers up to this one.
    paths: Vec<String>,
    types: BTreeMap<&'a str, usize>,
    constants: BTreeMap<&'a str, usize>,
}

impl<'a> Layer<'a> {
    /// The root, which defines all that it has.
    pub(super) fn root(abi: &'a Abi) -> Self {
        let path = format!("crate::generated::{}", abi.arch);
        Self {
            abi,
            paths: vec![path.clone()],
            path,
            own: 0,
            types: abi.types.keys().map(|name| (name.as_str(), 0)).collect(),
            constants: abi.constants.keys().map(|name| (name.as_str(), 0)).collect(),
        }
    }

    /// A release after `earlier`, whose modules are at `path`.
    pub(super) fn new(abi: &'a Abi, path: String, earlier: &[Self]) -> Self {
        let own = earlier.len();
        let mut paths: Vec<_> = earlier.iter().map(|layer| layer.path.clone()).collect();
        paths.push(path.clone());
        let types = types(abi, own, earlier);
        let mut layer = Self { abi, path, own, paths, types, constants: BTreeMap::new() };
        layer.constants = abi
            .constants
            .iter()
            .map(|(name, constant)| {
                (name.as_str(), layer.home_of_constant(name, constant, earlier))
            })
            .collect();
        layer
    }

    fn home_of_constant(&self, name: &str, constant: &Constant, earlier: &[Self]) -> usize {
        let newtype = |layer: &Self, constant: &Constant| {
            constant.newtype.as_ref().map(|name| layer.types.get(name.as_str()).copied())
        };
        let same = |layer: &&Self| {
            layer.constants.get(name) == Some(&layer.own)
                && layer.abi.constants.get(name).is_some_and(|other| {
                    other.location.header == constant.location.header
                        && constants::same(name, constant, other)
                        && newtype(self, constant) == newtype(layer, other)
                })
        };
        earlier.iter().find(same).map_or(self.own, |layer| layer.own)
    }

    /// The layer that defines the type or constant `name`, if this release has it.
    pub(super) fn home(&self, name: &str) -> Option<usize> {
        self.types.get(name).or_else(|| self.constants.get(name)).copied()
    }

    /// The path to the module of `header` in the layer that defines `name`.
    pub(in crate::emit) fn definition(&self, name: &str, header: &str) -> String {
        let home = self.home(name).unwrap_or(self.own);
        // What is stable is the root's, whichever release mentions it.
        let home = if is_unstable(header) { home } else { 0 };
        format!("{}::{}", self.paths[home], module_path(header).join("::"))
    }

    /// The path to the module of the stable `header`, or `None` if this release has one of its own.
    pub(in crate::emit) fn stable_module(&self, header: &str) -> Option<String> {
        let path = || format!("{}::{}", self.paths[0], module_path(header).join("::"));
        (!is_unstable(header)).then(path)
    }

    /// Stable types that a type defined here uses, and that are not the root's.
    pub(super) fn unstable_uses(&self) -> Option<(&str, &str)> {
        let defined = self.types.iter().filter(|(_, home)| **home == self.own);
        defined
            .filter_map(|(name, _)| self.abi.types.get_key_value(*name))
            .filter(|(_, ty)| is_unstable(&ty.location.header))
            .flat_map(|(name, ty)| uses(ty).into_iter().map(move |used| (name.as_str(), used)))
            .find(|(_, used)| {
                self.types.get(used) == Some(&self.own)
                    && self.abi.types.get(*used).is_some_and(|ty| !is_unstable(&ty.location.header))
            })
    }
}

/// For each type the layer that defines it. A type is shared if it is written in the same way and uses
/// the same types. Further values of an enumeration, which is open, change no type.
fn types<'a>(abi: &'a Abi, own: usize, earlier: &[Layer<'_>]) -> BTreeMap<&'a str, usize> {
    let candidates = |name: &str, ty: &TypeDef| -> Vec<usize> {
        let same = |layer: &&Layer<'_>| {
            layer.types.get(name) == Some(&layer.own)
                && layer.abi.types.get(name).is_some_and(|other| {
                    other.location.header == ty.location.header && other.def == ty.def
                })
        };
        // The first is tried first, and the last is the release itself.
        let mut found: Vec<_> = earlier.iter().filter(same).map(|layer| layer.own).collect();
        found.reverse();
        found.insert(0, own);
        found
    };
    let mut open: BTreeMap<&str, Vec<usize>> =
        abi.types.iter().map(|(name, ty)| (name.as_str(), candidates(name, ty))).collect();
    let home = |open: &BTreeMap<&str, Vec<usize>>, name: &str| -> Option<usize> {
        open.get(name).and_then(|candidates| candidates.last().copied())
    };
    // A type that uses one which is not shared is not shared either.
    loop {
        let mut dropped = Vec::new();
        for (name, ty) in &abi.types {
            let Some(candidate) = home(&open, name) else { continue };
            let Some(layer) = earlier.get(candidate) else { continue };
            if uses(ty).iter().any(|used| layer.types.get(used).copied() != home(&open, used)) {
                dropped.push(name.as_str());
            }
        }
        if dropped.is_empty() {
            break;
        }
        for name in dropped {
            open.get_mut(name).and_then(Vec::pop);
        }
    }
    open.into_iter().map(|(name, mut left)| (name, left.pop().unwrap_or(own))).collect()
}

/// The names in a definition.
fn uses(ty: &TypeDef) -> Vec<&str> {
    fn add<'a>(ty: &'a Type, to: &mut Vec<&'a str>) {
        match ty {
            Type::Named(name) => to.push(name),
            Type::Array(inner, _) | Type::Pointer(inner) | Type::Handle(inner, _) => add(inner, to),
            Type::Int(_) | Type::Void => {}
        }
    }
    let mut out = Vec::new();
    match &ty.def {
        Def::Record(record) => record.fields.iter().for_each(|field| add(&field.ty, &mut out)),
        Def::Alias(target) | Def::Newtype(target) => add(target, &mut out),
        Def::Enum(_) | Def::Flags(_) | Def::Shared { .. } => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Field, FieldKind, Int, Location, Origin, Profile, Record, RecordKind, Value};
    use devtools::Arch;

    /// An ABI with `outer`, which has a member of type `inner`; `inner` has a member called `member`.
    fn abi(member: &str, version: i128) -> Abi {
        let u32 = Int { signed: false, bytes: 4, align: 4 };
        let location = || Location { header: String::from("domctl.h"), line: 3 };
        let record = |member: &str, ty: Type| TypeDef {
            location: location(),
            c_name: None,
            within: None,
            def: Def::Record(Record {
                kind: RecordKind::Struct,
                size: 4,
                align: 4,
                packed: None,
                fields: vec![Field {
                    name: member.to_owned(),
                    offset: 0,
                    ty,
                    kind: FieldKind::Named(member.to_owned()),
                }],
            }),
        };
        let types = [
            ("inner", record(member, Type::Int(u32))),
            ("outer", record("member", Type::Named(String::from("inner")))),
            ("other", record("member", Type::Int(u32))),
        ];
        let version = Constant {
            location: location(),
            repeated: Vec::new(),
            value: Value::Int { value: version, ty: u32 },
            origin: Origin::Macro,
            newtype: None,
        };
        Abi {
            release: String::from("none"),
            linux: BTreeMap::new(),
            arch: Arch::X86_64,
            profile: Profile::Tools,
            headers: vec![String::from("domctl.h")],
            types: types.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect(),
            constants: [(String::from("VERSION"), version)].into(),
            omitted: BTreeMap::new(),
            unknown: Default::default(),
        }
    }

    #[test]
    fn a_type_that_uses_a_changed_one_is_not_shared() {
        let (root, next) = (abi("first", 1), abi("second", 1));
        let layers = [Layer::root(&root)];
        let layer = Layer::new(&next, String::from("next"), &layers);
        assert_eq!(layer.home("inner"), Some(1));
        assert_eq!(layer.home("outer"), Some(1), "the same text, of another inner");
        assert_eq!(layer.home("other"), Some(0));
        assert_eq!(layer.home("VERSION"), Some(0));
        assert_eq!(layer.definition("other", "domctl.h"), "crate::generated::x86_64::domctl");
        assert_eq!(layer.definition("outer", "domctl.h"), "next::domctl");
    }

    #[test]
    fn what_was_changed_back_is_the_first_ones() {
        let (root, next, last) = (abi("first", 1), abi("second", 2), abi("first", 2));
        let mut layers = vec![Layer::root(&root)];
        layers.push(Layer::new(&next, String::from("next"), &layers));
        let layer = Layer::new(&last, String::from("last"), &layers);
        assert_eq!((layer.home("inner"), layer.home("outer")), (Some(0), Some(0)));
        assert_eq!(layer.home("VERSION"), Some(1), "the second's value");
    }
}
