//! Every byte of a structure belongs to a member: what C leaves unnamed gets a name.

use crate::ir::{Abi, Def, Field, FieldKind, Int, RecordKind, Type};

pub(super) fn run(abi: &mut Abi) {
    let mut gaps = Vec::new();
    for (name, ty) in &abi.types {
        let Def::Record(record) = &ty.def else { continue };
        if record.kind == RecordKind::Union {
            continue;
        }
        let mut end = 0;
        for (index, field) in record.fields.iter().enumerate() {
            if field.offset > end {
                gaps.push((name.clone(), index, end, field.offset - end));
            }
            // The import has placed no member without a size.
            end = field.offset + abi.size_align(&field.ty).map_or(0, |(size, _)| size);
        }
        if record.size > end {
            gaps.push((name.clone(), record.fields.len(), end, record.size - end));
        }
    }
    // From the back, so that the indices hold.
    for (name, index, offset, bytes) in gaps.into_iter().rev() {
        let Some(Def::Record(record)) = abi.types.get_mut(&name).map(|ty| &mut ty.def) else {
            continue;
        };
        let byte = Type::Int(Int { signed: false, bytes: 1, align: 1 });
        let ty = Type::Array(Box::new(byte), bytes);
        let field = Field { name: String::new(), offset, ty, kind: FieldKind::Padding };
        record.fields.insert(index, field);
    }
    for ty in abi.types.values_mut() {
        let Def::Record(record) = &mut ty.def else { continue };
        let padding = record.fields.iter_mut().filter(|field| field.kind == FieldKind::Padding);
        for (index, field) in padding.enumerate() {
            field.name = format!("_padding{index}");
        }
    }
}
