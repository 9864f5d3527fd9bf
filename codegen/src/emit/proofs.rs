//! Proofs: every size, alignment and offset as an assertion the compiler evaluates.

use std::collections::BTreeSet;

use super::writer::Writer;
use crate::ir::{Abi, Def, FieldKind, Record, RecordKind};
use crate::layout::{Depth, Leaf, leaves};

pub(super) fn proofs(out: &mut Writer<'_>, name: &str) {
    let Some(Def::Record(record)) = out.abi.types.get(name).map(|ty| &ty.def) else { return };
    out.imports.insert(String::from("crate::support::proof::layout"));
    let (size, align) = (record.size, record.align);
    match record.kind {
        RecordKind::Union => out.proof(format_args!("layout! {{ union {name}: {size}, {align} }}")),
        RecordKind::Struct => {
            out.proof(format_args!("layout! {{ struct {name}: {size}, {align};"));
            let mut types = BTreeSet::new();
            for field in &record.fields {
                let ty = out.ty(&field.ty);
                let (field, offset) = (&field.name, field.offset);
                out.proof(format_args!("    {field}: {ty} = {offset}, \"{name}.{field}\";"));
                types.insert(ty);
            }
            let types: Vec<_> = types.iter().map(|ty| format!("({ty})")).collect();
            out.proof(format_args!("    [{}]\n}}", types.join(" ")));
        }
    }
    let deep = deep_leaves(out.abi, name, record);
    if deep.is_empty() {
        return;
    }
    out.imports.insert(String::from("crate::support::proof::leaves"));
    out.proof(format_args!("leaves! {{"));
    for leaf in deep {
        let steps: Vec<_> = leaf
            .steps
            .iter()
            .filter(|(_, members)| !members.is_empty())
            .map(|(ty, members)| format!("({ty}, {})", members.join(".")))
            .collect();
        let (path, offset, steps) = (&leaf.path, leaf.offset, steps.join(" "));
        out.proof(format_args!("    {offset}, \"{name}.{path}\": {steps};"));
    }
    out.proof(format_args!("}}"));
}

/// The leaves that lie deeper than a member of their own, inside members without a name in C.
fn deep_leaves(abi: &Abi, name: &str, record: &Record) -> Vec<Leaf> {
    if record.kind == RecordKind::Union || abi.types.get(name).is_none_or(|ty| ty.c_name.is_none())
    {
        return Vec::new();
    }
    let deep = |leaf: &Leaf| {
        leaf.steps.len() > 1 || leaf.steps.iter().any(|(_, members)| members.len() > 1)
    };
    leaves(abi, name, Depth::Unnamed).into_iter().filter(deep).collect()
}

/// How many assertions the module states about `name`.
pub(super) fn count(abi: &Abi, name: &str) -> usize {
    let Some(Def::Record(record)) = abi.types.get(name).map(|ty| &ty.def) else { return 0 };
    let members = match record.kind {
        // Each member is proven to fit, in size and in alignment.
        RecordKind::Union => 2 * record.fields.len(),
        RecordKind::Struct => {
            let bits = record.fields.iter().map(|field| match &field.kind {
                FieldKind::Bits(bits) => bits.len(),
                _ => 0,
            });
            record.fields.len() + bits.sum::<usize>()
        }
    };
    2 + members + deep_leaves(abi, name, record).len()
}
