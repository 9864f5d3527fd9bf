//! The IR as Rust source: one kind of output a file.

mod constants;
mod links;
mod module_path;
mod module_tree;
mod modules;
mod proofs;
mod release;
mod since;
mod text;
mod types;
mod upstream;
mod writer;

use std::collections::BTreeMap;

use xen_records::view::history::History;

pub use module_path::module_path;
pub use release::{Difference, Part, releases};

use crate::docs::Docs;
use crate::error::Error;
use crate::ir::Abi;
use since::Since;

/// The files of several architectures, by path: a directory each, and the module over them.
///
/// # Errors
///
/// A macro without a rule, and two headers that would be one module.
pub fn tree(abis: &[Abi], docs: &Docs) -> Result<BTreeMap<String, String>, Error> {
    let mut out = BTreeMap::new();
    for abi in abis {
        abi.require_whole()?;
        modules::check(abi)?;
        let files = modules::files(abi, docs).into_iter();
        out.extend(files.map(|(name, text)| (format!("{}/{name}", abi.arch), text)));
    }
    out.insert(String::from("mod.rs"), modules::root(abis));
    Ok(out)
}

/// The history of what `abi` has, if the records have its release.
fn since(abi: &Abi, docs: &Docs) -> Since {
    let records = docs.records();
    let catalogue = &records.catalogue;
    match (catalogue.release(&abi.release), catalogue.arch(abi.arch.name())) {
        (Some(release), Some(arch)) => Since::new(History::of(records, release, arch), catalogue),
        _ => Since::default(),
    }
}

/// How many things of each kind one architecture's modules state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Structures, unions, enumerations and typedefs.
    pub types: usize,
    /// Members, bit fields counted singly, padding not.
    pub fields: usize,
    /// Macros and enumerators.
    pub constants: usize,
    /// Assertions on sizes, alignments, offsets and bits.
    pub proofs: usize,
}

/// Counts what [`tree`] emits.
#[must_use]
pub fn counts(abi: &Abi) -> Counts {
    use crate::ir::{Def, FieldKind};
    let mut counts = Counts { constants: abi.constants.len(), ..Counts::default() };
    for (name, ty) in &abi.types {
        counts.types += 1;
        counts.proofs += proofs::count(abi, name);
        let Def::Record(record) = &ty.def else { continue };
        for field in &record.fields {
            counts.fields += match &field.kind {
                FieldKind::Named(_) => 1,
                FieldKind::Bits(bits) => bits.len(),
                FieldKind::Anonymous | FieldKind::Padding => 0,
            };
        }
    }
    counts
}
