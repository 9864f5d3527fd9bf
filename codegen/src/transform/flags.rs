//! Constants that are flags of one set, and the members that hold it: a type of its own for each set.

use crate::flags::{FlagSet, SETS};
use crate::ir::{Abi, Def, Field, Int, Location, Type, TypeDef};

pub(super) fn run(abi: &mut Abi) {
    for set in SETS {
        // Trees differ in what they have: without the member there is no set.
        if let Some(int) = integer(abi, set) {
            add(abi, set, int);
        }
    }
}

/// The integer that C has for the set, if both its header and its first member are there.
fn integer(abi: &Abi, set: &FlagSet) -> Option<Int> {
    abi.headers.binary_search_by(|header| header.as_str().cmp(set.header)).ok()?;
    let (record, member) = set.members.first()?;
    let field = abi.record(record)?.fields.iter().find(|field| field.name == *member)?;
    match field.ty {
        // Wider integers may be wrappers, which have no operators.
        Type::Int(int) if int.bytes <= 4 => Some(int),
        _ => None,
    }
}

fn add(abi: &mut Abi, set: &FlagSet, int: Int) {
    let location = Location { header: set.header.to_owned(), line: 0 };
    let def = Def::Flags(int);
    abi.types.insert(set.name.to_owned(), TypeDef { location, c_name: None, within: None, def });
    for (record, member) in set.members {
        let Some(ty) = abi.types.get_mut(*record) else { continue };
        let Def::Record(record) = &mut ty.def else { continue };
        let holds = |field: &&mut Field| field.name == *member && field.ty == Type::Int(int);
        for field in record.fields.iter_mut().filter(holds) {
            field.ty = Type::Named(set.name.to_owned());
        }
    }
    for (name, constant) in &mut abi.constants {
        if constant.is_in(set.header) && set.has(name) {
            constant.newtype = Some(set.name.to_owned());
        }
    }
}
