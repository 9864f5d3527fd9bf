//! Xen's public headers to Rust.
//!
//! Headers come from [`xen_headers`]; [`import`] runs bindgen over them and builds the [`ir`];
//! [`transform`] applies one rule a file; [`validate`] checks the result; [`emit`] prints
//! `xen-abi`'s modules, and [`record`] makes what records have.

pub mod cli;
pub mod docs;
pub mod emit;
pub mod error;
mod exceptions;
pub use exceptions::NOT_TAKEN;
pub mod families;
mod flags;
mod functions;
pub mod import;
pub mod ir;
mod keywords;
pub mod layout;
pub mod output;
pub mod record;
pub mod releases;
pub mod transform;
pub mod tree;
pub mod validate;

use devtools::Arch;
use error::Error;
use import::Source;
use ir::{Abi, Profile};

/// The ABI of `source` on one architecture, transformed and validated.
///
/// What the generator has no rule for is left out and noted in [`Abi::unknown`], with every type that
/// holds it; [`Abi::require_whole`] makes an error of it.
pub fn abi(source: &Source, arch: Arch, profile: Profile) -> Result<Abi, Error> {
    let mut abi = source.import(arch, profile)?;
    transform::run(&mut abi);
    validate::run(&mut abi);
    Ok(abi)
}

/// The ABI on several architectures, as many at a time as the machine has cores.
pub fn abis(source: &Source, arches: &[Arch], profile: Profile) -> Result<Vec<Abi>, Error> {
    on_each(arches, |arch| abi(source, arch, profile))
}

/// What `made` is on each architecture, as many at a time as the machine has cores.
pub(crate) fn on_each<T: Send>(
    arches: &[Arch],
    made: impl Fn(Arch) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut out = Vec::new();
    for group in arches.chunks(cores) {
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = group.iter().map(|arch| scope.spawn(|| made(*arch))).collect();
            threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
        });
        for result in results {
            // A panic in a thread is a bug; it goes on in this one.
            out.push(result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
    }
    Ok(out)
}
