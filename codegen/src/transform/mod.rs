//! From what bindgen saw to what `xen-abi` says: one rule a file, applied in this order.

mod align64;
mod bits;
mod flags;
mod names;
mod newtypes;
mod padding;
mod pointers;

use crate::ir::{Abi, Def, Type};

/// Applies every rule.
pub fn run(abi: &mut Abi) {
    layout(abi);
    finish(abi);
}

/// Applies the rules after [`layout`]'s: what the Rust of xen-abi has beyond C.
pub(crate) fn finish(abi: &mut Abi) {
    pointers::run(abi);
    padding::run(abi);
    newtypes::run(abi);
    flags::run(abi);
}

/// Applies the rules after which names, types and places are C's: what a record has.
pub fn layout(abi: &mut Abi) {
    pointers::omit_private(abi);
    names::run(abi);
    bits::run(abi);
    align64::run(abi);
}

/// Shows `visit` every type that a member or typedef is written with, innermost last.
fn each_type(abi: &mut Abi, mut visit: impl FnMut(&mut Type)) {
    for ty in abi.types.values_mut() {
        match &mut ty.def {
            Def::Record(record) => {
                record.fields.iter_mut().for_each(|field| nested(&mut field.ty, &mut visit));
            }
            Def::Alias(ty) | Def::Newtype(ty) => nested(ty, &mut visit),
            Def::Enum(_) | Def::Flags(_) | Def::Shared { .. } => {}
        }
    }
}

fn nested(ty: &mut Type, visit: &mut impl FnMut(&mut Type)) {
    visit(ty);
    match ty {
        Type::Array(inner, _) | Type::Pointer(inner) | Type::Handle(inner, _) => {
            nested(inner, visit);
        }
        Type::Int(_) | Type::Void | Type::Named(_) => {}
    }
}
