//! The last look before anything is emitted: the IR must add up by itself.

use crate::exceptions;
use crate::families::Family;
use crate::ir::{
    Abi, Constant, Def, Field, FieldKind, Location, Record, RecordKind, Type, TypeDef, Value,
};

/// Checks that members lie where Rust's `repr(C)` will put them, that every name resolves, that
/// features suffice for the types they use, and that constants fit their types. What does not hold is
/// left out, with what holds it.
pub fn run(abi: &mut Abi) {
    // A type that is left out may be what another one names.
    while let Some((name, location, what)) = first_problem(abi) {
        abi.leave_out(&name, location, &what);
    }
    let odd: Vec<_> = abi
        .constants
        .iter()
        .filter(|(name, constant)| !fits(abi, name, constant))
        .map(|(name, _)| name.clone())
        .collect();
    for name in odd {
        if let Some(constant) = abi.constants.remove(&name) {
            let what = format!("{name}, whose value does not fit its type");
            abi.unknown.insert(name, (constant.location, what));
        }
    }
}

fn first_problem(abi: &Abi) -> Option<(String, Location, String)> {
    abi.types.iter().find_map(|(name, ty)| {
        let problem = match &ty.def {
            Def::Record(record) => check_record(abi, record),
            _ => None,
        };
        let what = problem.or_else(|| check_references(abi, ty))?;
        Some((name.clone(), ty.location.clone(), what))
    })
}

fn fits(abi: &Abi, name: &str, constant: &Constant) -> bool {
    let Value::Int { value, ty } = &constant.value else { return true };
    let ty = match &constant.newtype {
        Some(newtype) => abi.types.get(newtype).and_then(|ty| match &ty.def {
            Def::Shared { int, .. } | Def::Enum(int) | Def::Flags(int) => Some(*int),
            _ => None,
        }),
        None => Some(exceptions::sized_constant(name).unwrap_or(*ty)),
    };
    ty.is_some_and(|ty| {
        let bits = u32::try_from(ty.bytes * 8).unwrap_or(0);
        let (low, high) = if ty.signed {
            (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)
        } else {
            (0, (1i128 << bits) - 1)
        };
        (low..=high).contains(value)
    })
}

/// What is wrong with the layout, if anything.
fn check_record(abi: &Abi, record: &Record) -> Option<String> {
    let is_bits = |field: &&Field| matches!(field.kind, FieldKind::Bits(_));
    let units = record.fields.iter().filter(is_bits).count();
    // The accessors stand for one storage unit of a structure.
    if units > 1 || (units == 1 && record.kind == RecordKind::Union) {
        return Some(String::from("bit fields in a union, or in two places"));
    }
    if record.kind == RecordKind::Union && !matches!(record.align, 1 | 2 | 4 | 8) {
        return Some(format!("a union aligned to {} bytes", record.align));
    }
    let mut end = 0u64;
    let mut align = 1;
    for field in &record.fields {
        let (size, own) = match abi.size_align(&field.ty) {
            Some(layout) => layout,
            None => return Some(format!("the type of {} is not known", field.name)),
        };
        let own = record.packed.map_or(own, |packed| own.min(packed));
        align = align.max(own);
        let expected = match record.kind {
            RecordKind::Union => 0,
            RecordKind::Struct => end.next_multiple_of(own),
        };
        if field.offset != expected || (record.kind == RecordKind::Struct && expected != end) {
            return Some(format!("{} is at {}, not at {expected}", field.name, field.offset));
        }
        if let FieldKind::Bits(bits) = &field.kind {
            if bits.is_empty() {
                return Some(String::from("bit fields without a name"));
            }
            if let Some(bit) = bits.iter().find(|bit| u64::from(bit.first + bit.width) > size * 8) {
                return Some(format!("the bits of {} lie outside their storage", bit.name));
            }
        }
        end = end.max(field.offset + size);
    }
    // A union is words of its alignment, so that only a structure's comes from its members.
    if record.kind == RecordKind::Struct && (end != record.size || align != record.align) {
        return Some(format!(
            "its members make {end} bytes aligned to {align}, C says {} and {}",
            record.size, record.align
        ));
    }
    if record.size % record.align != 0 {
        return Some(String::from("its size is no multiple of its alignment"));
    }
    None
}

/// The first name in `ty` that leads nowhere, or where its feature does not reach.
fn check_references(abi: &Abi, ty: &TypeDef) -> Option<String> {
    let types: Vec<&Type> = match &ty.def {
        Def::Record(record) => record.fields.iter().map(|field| &field.ty).collect(),
        Def::Alias(target) | Def::Newtype(target) => vec![target],
        Def::Enum(_) | Def::Flags(_) | Def::Shared { .. } => Vec::new(),
    };
    types.into_iter().find_map(|used| check_reference(abi, &ty.location.header, used))
}

fn check_reference(abi: &Abi, header: &str, used: &Type) -> Option<String> {
    match used {
        Type::Named(name) => {
            let Some(target) = abi.types.get(name) else {
                return Some(format!("{name} is not known"));
            };
            let (here, there) = (Family::of(header), Family::of(&target.location.header));
            (!here.may_use(there))
                .then(|| format!("{name} of {} needs another feature", target.location.header))
        }
        // What is left out may still be pointed to.
        Type::Handle(inner, _) if is_left_out(abi, inner) => None,
        Type::Array(inner, _) | Type::Handle(inner, _) => check_reference(abi, header, inner),
        Type::Pointer(_) => Some(String::from("a raw pointer is left")),
        Type::Int(_) | Type::Void => None,
    }
}

fn is_left_out(abi: &Abi, ty: &Type) -> bool {
    matches!(ty, Type::Named(name) if abi.unknown.contains_key(name))
}
