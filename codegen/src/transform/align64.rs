//! `uint64_aligned_t` is a macro, so bindgen shows a plain 64-bit integer in a record that is aligned
//! more than its members. The members at multiples of eight are the aligned ones.

use crate::ir::{Abi, Def, Record, Type};

pub(super) fn run(abi: &mut Abi) {
    if abi.arch.u64_align() == 8 {
        return;
    }
    let wanting: Vec<_> = abi
        .types
        .iter()
        .filter_map(|(name, ty)| match &ty.def {
            Def::Record(record) if record.align > natural(abi, record) => Some(name.clone()),
            _ => None,
        })
        .collect();
    for name in wanting {
        let Some(ty) = abi.types.get_mut(&name) else { continue };
        let location = ty.location.clone();
        let Def::Record(record) = &mut ty.def else { continue };
        let aligned = record
            .fields
            .iter_mut()
            .filter(|field| field.offset % 8 == 0)
            .filter_map(|field| integer64(&mut field.ty));
        let promoted = aligned.map(|int| int.align = 8).count();
        if promoted == 0 {
            abi.leave_out(&name, location, "aligned more than its members");
        }
    }
}

fn natural(abi: &Abi, record: &Record) -> u64 {
    let aligns = record.fields.iter().filter_map(|field| abi.size_align(&field.ty));
    aligns.map(|(_, align)| align).max().unwrap_or(1)
}

fn integer64(ty: &mut Type) -> Option<&mut crate::ir::Int> {
    match ty {
        Type::Int(int) if int.bytes == 8 => Some(int),
        Type::Array(element, _) => integer64(element),
        _ => None,
    }
}
