//! Storage of bit fields: one integer where the place allows it, bytes elsewhere.

use crate::ir::{Abi, Def, FieldKind, Int, Record, Type};

pub(super) fn run(abi: &mut Abi) {
    for ty in abi.types.values_mut() {
        let Def::Record(record) = &mut ty.def else { continue };
        let mut index = 0;
        for at in 0..record.fields.len() {
            let FieldKind::Bits(_) = record.fields[at].kind else { continue };
            let bytes = storage(record, at);
            let field = &mut record.fields[at];
            field.name = format!("_bits{index}");
            index += 1;
            if let Some(bytes) = bytes {
                field.ty = Type::Int(Int { signed: false, bytes, align: bytes });
            }
        }
    }
}

/// Bytes of the integer that can hold the bits. A record of nothing but bit fields is as large and
/// as aligned as their declared type, though bindgen counts only the bytes in use.
fn storage(record: &Record, at: usize) -> Option<u64> {
    let field = &record.fields[at];
    let Type::Array(_, used) = field.ty else { return None };
    let bytes = if record.fields.len() == 1 { record.size } else { used };
    let fits = matches!(bytes, 1 | 2 | 4) && field.offset % bytes == 0 && bytes <= record.align;
    fits.then_some(bytes)
}
