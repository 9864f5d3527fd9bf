//! C pointers: a program's private state is left out, an address that crosses the ABI is a handle.

use super::each_type;
use crate::exceptions;
use crate::ir::{Abi, Def, Omission, Type};

/// Leaves out what is private.
pub(super) fn omit_private(abi: &mut Abi) {
    let private: Vec<_> = abi
        .types
        .iter()
        .filter_map(|(name, ty)| {
            let owner = match &ty.def {
                Def::Alias(Type::Named(target)) => target,
                _ => name,
            };
            Some((name.clone(), exceptions::private_type(owner)?))
        })
        .collect();
    for (name, reason) in private {
        if let Some(ty) = abi.types.remove(&name) {
            abi.omitted.insert(name, Omission { location: ty.location, reason });
        }
    }
}

/// Makes handles of the pointers that are left.
pub(super) fn run(abi: &mut Abi) {
    let bytes = abi.arch.pointer_bytes();
    each_type(abi, |ty| {
        if let Type::Pointer(target) = ty {
            *ty = Type::Handle(target.clone(), bytes);
        }
    });
}
