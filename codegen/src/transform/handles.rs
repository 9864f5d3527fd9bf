//! `XEN_GUEST_HANDLE(x)` becomes a type of its own: the address as an integer, typed by its target.

use std::collections::BTreeMap;

use super::each_type;
use crate::error::Error;
use crate::ir::{Abi, Def, Omission, Record, Type};

const PREFIX: &str = "__guest_handle_";

pub(super) fn run(abi: &mut Abi) -> Result<(), Error> {
    let mut handles = BTreeMap::new();
    for (name, ty) in &abi.types {
        if !name.starts_with(PREFIX) || ty.c_name.is_none() {
            continue;
        }
        let handle = match &ty.def {
            Def::Record(record) => target(abi, record).map(|target| (target, record.size)),
            // A guest of the oldest interface has bare pointers.
            Def::Alias(Type::Pointer(target)) => {
                Some(((**target).clone(), abi.arch.pointer_bytes()))
            }
            _ => None,
        };
        let (target, size) = handle.ok_or_else(|| Error::NotUnderstood {
            place: ty.location.to_string(),
            what: format!("the guest handle {name}"),
        })?;
        handles.insert(name.clone(), Type::Handle(Box::new(target), size));
    }
    each_type(abi, |ty| {
        if let Type::Named(name) = ty {
            if let Some(handle) = handles.get(name) {
                *ty = handle.clone();
            }
        }
    });
    for (name, _) in handles {
        let Some(ty) = abi.types.remove(&name) else { continue };
        let reason = "GuestHandle takes its place";
        abi.omitted.insert(name, Omission { location: ty.location, reason });
    }
    // The unnamed unions inside the 64-bit ones.
    abi.types.retain(|name, _| !name.starts_with(PREFIX));
    Ok(())
}

/// What the member `p` points to, which may lie in an anonymous union.
fn target(abi: &Abi, record: &Record) -> Option<Type> {
    record.fields.iter().find_map(|field| match &field.ty {
        Type::Pointer(target) => Some((**target).clone()),
        Type::Named(inner) => target(abi, abi.record(inner)?),
        _ => None,
    })
}
