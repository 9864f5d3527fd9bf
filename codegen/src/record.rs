//! The ABI as records have it: C's own, without what the Rust of xen-abi adds.

use std::collections::BTreeMap;

use devtools::Arch;
use xen_headers::Versions;
use xen_records::catalogue;
use xen_records::model::{self, Definition, HeaderAbi, Item, Kind, Member, Snapshot};

use crate::docs::Docs;
use crate::error::Error;
use crate::import::Source;
use crate::ir::{
    Abi, Constant, Def, Field, FieldKind, Int, Origin, Profile, Record, RecordKind, Type, TypeDef,
    Value,
};
use crate::{transform, validate};

/// The architecture as records describe it.
#[must_use]
pub fn arch(arch: Arch) -> catalogue::Arch {
    // Only on 32-bit x86 is a handle as narrow as a pointer there: Arm's are 64 bits on both.
    let handle = if arch == Arch::X86_32 { 4 } else { 8 };
    catalogue::Arch {
        name: arch.name().to_owned(),
        pointer: arch.pointer_bytes(),
        handle,
        align64: arch.u64_align(),
    }
}

/// A release as records describe it: `point` is for example `4.20.4`, its name then `4.20`.
#[must_use]
pub fn release(point: &str, versions: &Versions) -> catalogue::Release {
    let name: Vec<&str> = point.splitn(3, '.').take(2).collect();
    catalogue::Release {
        name: name.join("."),
        point: point.to_owned(),
        interface: versions.interface,
        domctl: versions.domctl,
        sysctl: versions.sysctl,
    }
}

/// Constants whose meaning a record has beside their value: error numbers and statuses.
const EXPLAINED: [&str; 2] = ["XEN_E", "GNTST_"];

/// What error numbers and statuses mean, in the words of `docs`.
#[must_use]
pub fn words(docs: &Docs) -> BTreeMap<String, String> {
    let of_errors = ["errno.h", "grant_table.h"].into_iter().filter_map(|name| docs.header(name));
    let constants = of_errors.flat_map(|header| &header.constants);
    let explained =
        constants.filter(|(name, _)| EXPLAINED.iter().any(|start| name.starts_with(start)));
    explained.map(|(name, text)| (name.clone(), text.replace('`', ""))).collect()
}

/// The ABI of `source` on each architecture that it has, for the record of `release`.
///
/// # Errors
///
/// Those of the import, and a macro without a rule: a record is whole.
pub fn snapshots(
    source: &Source,
    release: &catalogue::Release,
    arches: &[Arch],
    profile: Profile,
) -> Result<Vec<Snapshot>, Error> {
    let (snapshots, abis): (Vec<_>, Vec<_>) =
        snapshots_as_far(source, release, arches, profile)?.into_iter().unzip();
    abis.iter().try_for_each(Abi::require_whole)?;
    Ok(snapshots)
}

/// As [`snapshots`], but macros without a rule are left out: each ABI beside its snapshot names them.
///
/// # Errors
///
/// Those of the import.
pub fn snapshots_as_far(
    source: &Source,
    release: &catalogue::Release,
    arches: &[Arch],
    profile: Profile,
) -> Result<Vec<(Snapshot, Abi)>, Error> {
    crate::on_each(arches, |arch| with_abi(source, release, arch, profile))
}

/// The ABI on one architecture, validated, with what its record has: both from one look at the headers.
///
/// # Errors
///
/// Those of [`abi`](crate::abi()).
pub fn with_abi(
    source: &Source,
    release: &catalogue::Release,
    arch: Arch,
    profile: Profile,
) -> Result<(Snapshot, Abi), Error> {
    let mut abi = source.import(arch, profile)?;
    transform::layout(&mut abi);
    let snapshot = snapshot(&abi, release);
    transform::finish(&mut abi);
    validate::run(&mut abi);
    Ok((snapshot, abi))
}

fn snapshot(abi: &Abi, release: &catalogue::Release) -> Snapshot {
    let headers =
        abi.headers.iter().map(|name| HeaderAbi { name: name.clone(), items: items(abi, name) });
    Snapshot { release: release.clone(), arch: self::arch(abi.arch), headers: headers.collect() }
}

fn items(abi: &Abi, header: &str) -> Vec<Definition> {
    let types = abi.types.iter().filter(|(_, ty)| ty.location.header == header);
    let types = types.filter_map(|(name, ty)| {
        let item = item(abi, ty)?;
        Some((
            ty.location.line,
            Definition { name: name.clone(), line: line(ty.location.line), item },
        ))
    });
    let constants = abi.constants.iter().filter(|(_, found)| found.location.header == header);
    let constants = constants.map(|(name, found)| {
        let item = Item::Constant(constant(found));
        let at = found.location.line;
        (at, Definition { name: name.clone(), line: line(at), item })
    });
    let mut items: Vec<_> = types.chain(constants).collect();
    // Enumerators share a line: by value they are as the header has them.
    items.sort_by_key(|(line, definition)| {
        (*line, value(&definition.item), definition.name.clone())
    });
    items.into_iter().map(|(_, definition)| definition).collect()
}

fn line(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(0)
}

fn value(item: &Item) -> i128 {
    match item {
        Item::Constant(model::Constant { value: model::Value::Int { value, .. }, .. }) => *value,
        _ => i128::MIN,
    }
}

/// `None` for what C leaves without a name.
fn item(abi: &Abi, ty: &TypeDef) -> Option<Item> {
    let is_tag = ty.c_name.as_ref()?.contains(' ');
    Some(match &ty.def {
        Def::Record(record) => Item::Record(model::Record {
            kind: kind(record.kind),
            is_tag,
            size: record.size,
            align: record.align,
            members: members(abi, record, 0),
        }),
        Def::Alias(target) | Def::Newtype(target) => Item::Typedef(self::ty(abi, target, 0)),
        Def::Enum(int) | Def::Flags(int) | Def::Shared { int, .. } => {
            Item::Enum { is_tag, int: self::int(*int) }
        }
    })
}

fn members(abi: &Abi, record: &Record, base: u64) -> Vec<Member> {
    let mut out = Vec::new();
    for Field { offset, ty, kind, .. } in &record.fields {
        let offset = base + offset;
        let size = abi.size_align(ty).map_or(0, |(size, _)| size);
        let ty = self::ty(abi, ty, offset);
        let name = match kind {
            FieldKind::Padding => continue,
            FieldKind::Anonymous => None,
            FieldKind::Named(name) => Some(name.clone()),
            FieldKind::Bits(bits) => {
                out.extend(bits.iter().map(|bit| Member {
                    name: Some(bit.name.clone()),
                    offset,
                    size,
                    ty: ty.clone(),
                    bits: Some((bit.first, bit.width)),
                }));
                continue;
            }
        };
        out.push(Member { name, offset, size, ty, bits: None });
    }
    out
}

/// `ty` at `offset` of the named type it lies in.
fn ty(abi: &Abi, ty: &Type, offset: u64) -> model::Type {
    let boxed = |inner: &Type| Box::new(self::ty(abi, inner, offset));
    match ty {
        Type::Int(int) => self::int(*int),
        Type::Void => model::Type::Void,
        Type::Array(element, len) => model::Type::Array(boxed(element), *len),
        Type::Pointer(target) => model::Type::Pointer(boxed(target), abi.arch.pointer_bytes()),
        Type::Handle(target, bytes) => model::Type::Handle(boxed(target), *bytes),
        Type::Named(name) => match abi.types.get(name) {
            Some(TypeDef { def: Def::Record(record), c_name: None, .. }) => {
                model::Type::Inline(kind(record.kind), members(abi, record, offset))
            }
            _ => model::Type::Named(name.clone()),
        },
    }
}

const fn kind(kind: RecordKind) -> Kind {
    match kind {
        RecordKind::Struct => Kind::Struct,
        RecordKind::Union => Kind::Union,
    }
}

const fn int(Int { signed, bytes, align }: Int) -> model::Type {
    model::Type::Int { signed, bytes, align }
}

fn constant(constant: &Constant) -> model::Constant {
    let value = match &constant.value {
        Value::Int { value, ty } => {
            model::Value::Int { value: *value, signed: ty.signed, bytes: ty.bytes }
        }
        Value::Str(text) => model::Value::Text(text.clone()),
    };
    let origin = match constant.origin {
        Origin::Macro => model::Origin::Macro,
        Origin::Enumerator => model::Origin::Enumerator(constant.newtype.clone()),
    };
    model::Constant { value, origin, also: constant.repeated.clone() }
}
