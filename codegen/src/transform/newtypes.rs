//! Typedefs that are types of their own, and the members and constants that belong to them.

use crate::exceptions;
use crate::ir::{Abi, Def, Location, Type, TypeDef};

pub(super) fn run(abi: &mut Abi) {
    for (name, header) in exceptions::OWN_TYPES {
        if let (Some((rust, int)), Ok(_)) =
            (exceptions::shared(name), abi.headers.binary_search(&(*header).to_owned()))
        {
            let location = Location { header: (*header).to_owned(), line: 0 };
            let def = Def::Shared { rust, int };
            abi.types
                .insert((*name).to_owned(), TypeDef { location, c_name: None, within: None, def });
        }
    }
    for (name, ty) in &mut abi.types {
        match (&ty.def, exceptions::shared(name)) {
            (Def::Alias(_) | Def::Enum(_), Some((rust, int))) => ty.def = Def::Shared { rust, int },
            (Def::Alias(target), None) if exceptions::is_newtype(name) => {
                ty.def = Def::Newtype(target.clone());
            }
            _ => {}
        }
    }
    for (name, member, newtype) in exceptions::TYPED_MEMBERS {
        if let Some(Def::Record(record)) = abi.types.get_mut(*name).map(|ty| &mut ty.def) {
            let fields = record.fields.iter_mut().filter(|field| field.name == *member);
            fields.for_each(|field| field.ty = Type::Named((*newtype).to_owned()));
        }
    }
    for (name, constant) in &mut abi.constants {
        if let Some(newtype) = exceptions::newtype_of(name) {
            constant.newtype = Some(newtype.to_owned());
        }
    }
}
