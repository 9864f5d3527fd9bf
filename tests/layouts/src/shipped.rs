//! The shipped modules beside the records, and their figures for C compilers.

use std::collections::{BTreeMap, BTreeSet};

use devtools::{Arch, Compiler};
use xen_codegen::emit::module_path;
use xen_codegen::import::Source;
use xen_codegen::ir::Profile;
use xen_codegen::releases::{RELEASES, ROOT, is_unstable};
use xen_headers::Origin;
use xen_records::Records;
use xen_records::model::{Item, Member, Record, Type, Value};
use xen_records::view::export::{Export, ExportValue, export};
use xen_records::view::{Abi, Found, Index};

use crate::Error;
use crate::modules::{Module, Modules, Shape, Shipped};
use crate::oracle::{self, Verdict};
use crate::records::is_packaged_otherwise;

/// What was compared, and what differs, a line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Structures and unions.
    pub types: usize,
    /// Their members, bit fields included.
    pub members: usize,
    /// Constants.
    pub constants: usize,
    /// What differs.
    pub differences: Vec<String>,
}

/// Compares the root and every release beside it with the records, on every architecture.
#[must_use]
pub fn compare_all(records: &Records, shipped: &BTreeMap<Arch, Shipped>) -> Comparison {
    let mut all = Comparison::default();
    let index = Index::new(records);
    for (arch, shipped) in shipped {
        let of_root = (format!("the root on {arch}"), ROOT, &shipped.root, true);
        let of_releases = RELEASES.iter().map(|release| {
            let title = format!("{} on {arch}", release.module());
            (title, release.name, &shipped.releases[release.name], false)
        });
        for (title, release, modules, is_root) in [of_root].into_iter().chain(of_releases) {
            let Some(abi) = recorded(&index, release, *arch) else {
                all.differences.push(format!("{title}: {release} is not recorded"));
                continue;
            };
            let one = compare(modules, abi, |header| is_root || is_unstable(header));
            all.types += one.types;
            all.members += one.members;
            all.constants += one.constants;
            let differences = one.differences.into_iter();
            all.differences.extend(differences.map(|line| format!("{title}, {line}")));
        }
    }
    all
}

/// The record of a release on one architecture.
#[must_use]
pub fn recorded<'a>(index: &'a Index<'_>, release: &str, arch: Arch) -> Option<Abi<'a>> {
    let (release, arch) = index.records().catalogue.cell(release, arch.name())?;
    Some(index.abi(release, arch))
}

/// Compares modules with a record, as far as its headers are wanted.
#[must_use]
pub fn compare(modules: &Modules, abi: Abi<'_>, wanted: impl Fn(&str) -> bool) -> Comparison {
    let mut out = Comparison::default();
    for Found { header, name, item, .. } in abi.types().filter(|found| wanted(found.header)) {
        let module = modules.get(&module_path(header).join("::"));
        let shape = module.and_then(|module| Some((module, module.types.get(name)?)));
        let Some((module, shape)) = shape else {
            out.differences.push(format!("{header}: {name} is recorded, and not there"));
            continue;
        };
        if let Item::Record(record) = item {
            out.types += 1;
            if shape.layout != Some((record.size, record.align)) {
                let there = shape.layout;
                let Record { size, align, .. } = record;
                out.differences
                    .push(format!("{header}: {name} is {there:?}, recorded {size}, {align}"));
            }
            for (path, place) in places(&record.members, "") {
                out.members += 1;
                let there =
                    find(shape, &path, place).or_else(|| find_inside(module, name, &path, place));
                // A union's own members are at its start, which needs no proof.
                let is_start = shape.members.is_empty() && place == Place::Bytes(0);
                if there != Some(place) && !is_start {
                    out.differences
                        .push(format!("{header}: {name}.{path} is {there:?}, recorded {place:?}"));
                }
            }
        }
    }
    let mut known: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (found, constant) in abi.constants().filter(|(found, _)| wanted(found.header)) {
        let Found { header, name, .. } = found;
        let path = module_path(header).join("::");
        out.constants += 1;
        let there = modules.get(&path).and_then(|module| module.constants.get(name));
        if there.is_none_or(|there| !is_value(there, &constant.value)) {
            let value = &constant.value;
            out.differences.push(format!("{header}: {name} is {there:?}, recorded {value:?}"));
        }
        known.entry(path).or_default().insert(name);
    }
    for (path, known) in known {
        let there = modules.get(&path).into_iter().flat_map(|module| module.constants.keys());
        let unknown = there.filter(|name| !known.contains(name.as_str()));
        out.differences.extend(unknown.map(|name| format!("{path}: {name} is not recorded")));
    }
    out
}

/// Where a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Bytes(u64),
    Bits(u64, u32),
}

/// The members of a type that have a name, at each level without a type of its own.
fn places(members: &[Member], path: &str) -> Vec<(String, Place)> {
    let mut out = Vec::new();
    for member in members {
        let path = match (&member.name, path) {
            (None, path) => path.to_owned(),
            (Some(name), "") => name.clone(),
            (Some(name), path) => format!("{path}.{name}"),
        };
        let inner = match &member.ty {
            Type::Inline(_, inner) => places(inner, &path),
            _ => Vec::new(),
        };
        let place = match member.bits {
            Some((first, width)) => Place::Bits(member.offset * 8 + u64::from(first), width),
            None => Place::Bytes(member.offset),
        };
        // What has levels below is proven by these.
        if member.name.is_some() && inner.is_empty() {
            out.push((path, place));
        }
        out.extend(inner);
    }
    out
}

/// The place of a member in a module, whose name may be escaped there.
fn find(shape: &Shape, path: &str, like: Place) -> Option<Place> {
    if let Place::Bits(..) = like {
        return shape.bits.get(path).map(|(first, width)| Place::Bits(*first, *width));
    }
    let escaped = shape.members.get(&format!("{path}_"));
    shape.members.get(path).or(escaped).map(|offset| Place::Bytes(*offset))
}

/// The place of a member that is proven in the type around it, which C leaves without a name and Rust calls
/// after `owner`: in a union, and of bit fields.
fn find_inside(module: &Module, owner: &str, path: &str, like: Place) -> Option<Place> {
    let name = path.rsplit('.').next().unwrap_or(path);
    let inner = module
        .types
        .iter()
        .filter(|(inner, _)| inner.strip_prefix(owner).is_some_and(|rest| rest.starts_with('_')));
    inner.into_iter().find_map(|(_, shape)| match (find(shape, name, like)?, like) {
        // Its bytes lie where another member of the owner is proven to be.
        (Place::Bits(there, width), Place::Bits(first, _)) if there % 8 == first % 8 => {
            Some(Place::Bits(first, width))
        }
        (place, _) => (place == like).then_some(place),
    })
}

fn is_value(text: &str, value: &Value) -> bool {
    match value {
        Value::Int { value, .. } => number(text) == Some(*value),
        Value::Text(value) => text == format!("{value:?}"),
    }
}

fn number(text: &str) -> Option<i128> {
    match text.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Has `compiler` check the figures of a release's modules against the headers of `source`.
///
/// # Errors
///
/// That the release is not recorded for the compiler's architecture; those of [`oracle::check`].
pub fn check_by_c(
    records: &Records,
    modules: &Modules,
    release: &str,
    source: &Source,
    compiler: &Compiler,
) -> Result<Verdict, Error> {
    let index = Index::new(records);
    let abi = recorded(&index, release, compiler.arch);
    let abi = abi.ok_or_else(|| Error::NotRecorded { release: release.to_owned() })?;
    let mut figures = exported(modules, abi);
    if let Origin::Package(_) = source.tree.origin {
        figures.constants.retain(|constant| !is_packaged_otherwise(release, &constant.name));
    }
    oracle::check(source, &figures, Profile::Tools, compiler)
}

/// The figures of a release's modules for a C compiler: names and types are the record's, sizes, offsets,
/// bits and values those of the modules.
#[must_use]
pub fn exported(modules: &Modules, abi: Abi<'_>) -> Export {
    let mut out = export(abi);
    let module = |header: &str| modules.get(&module_path(header).join("::"));
    out.types.retain(|ty| is_unstable(&ty.header));
    for ty in &mut out.types {
        let shape = module(&ty.header).and_then(|module| module.types.get(&ty.name));
        let shape = shape.cloned().unwrap_or_default();
        (ty.size, ty.align) = shape.layout.unwrap_or_default();
        let is_union = shape.members.is_empty();
        ty.fields.retain_mut(|field| {
            if let Some(first) = &mut field.bit_offset {
                let known = shape.bits.get(&field.path);
                *first = known.map_or(*first, |(known, _)| *known);
                return known.is_some();
            }
            let known = find(&shape, &field.path, Place::Bytes(0));
            if let Some(Place::Bytes(offset)) = known {
                field.offset = offset;
            }
            known.is_some() || (is_union && field.offset == 0)
        });
    }
    out.constants.retain(|constant| is_unstable(&constant.header));
    for constant in &mut out.constants {
        let text = module(&constant.header).and_then(|module| module.constants.get(&constant.name));
        let value = text.and_then(|text| number(text));
        if let ExportValue::Signed(_) | ExportValue::Unsigned(_) = constant.value {
            // A name that is not there has a value that nothing has.
            let value = value.unwrap_or(i128::from(u64::MAX) - 1);
            constant.value = match i64::try_from(value) {
                Ok(value) => ExportValue::Signed(value),
                Err(_) => ExportValue::Unsigned(value as u64),
            };
        }
    }
    out
}
