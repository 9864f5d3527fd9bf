//! The contestants in C, compiled and loaded.

use std::ffi::c_uint;

use libloading::Library;

use super::compile::{Error, compile};
use super::{Contestant, ENTRIES, table};

/// The functions of one contestant. The library stays loaded.
struct Functions {
    pairs: unsafe extern "C" fn(usize),
    batches: unsafe extern "C" fn(usize),
    bytes_per_reference: unsafe extern "C" fn() -> f64,
}

/// Compiles `benches/c/NAME.c` and gives it a table.
pub(super) fn load(name: &str) -> Result<Box<dyn Contestant>, Error> {
    let library = compile(name)?;
    let symbol = |what: &str| format!("{name}_{what}");
    // SAFETY: the library is ours, it does nothing when it is loaded, its functions have the types
    // given here, and it is never unloaded.
    let functions = unsafe {
        let library = Box::leak(Box::new(Library::new(library).map_err(Error::NotLoaded)?));
        let start = library
            .get::<unsafe extern "C" fn(*mut u64, c_uint)>(symbol("start").as_bytes())
            .map_err(Error::NotLoaded)?;
        start(table(), ENTRIES as c_uint);
        Functions {
            pairs: *library.get(symbol("pairs").as_bytes()).map_err(Error::NotLoaded)?,
            batches: *library.get(symbol("batches").as_bytes()).map_err(Error::NotLoaded)?,
            bytes_per_reference: *library
                .get(symbol("bytes_per_reference").as_bytes())
                .map_err(Error::NotLoaded)?,
        }
    };
    Ok(Box::new(functions))
}

impl Contestant for Functions {
    fn pairs(&self, _: usize, pairs: usize) {
        // SAFETY: it was started. Only the one that has a lock is used by several threads.
        unsafe { (self.pairs)(pairs) }
    }

    fn batches(&self, _: usize, batches: usize) {
        // SAFETY: as above.
        unsafe { (self.batches)(batches) }
    }

    fn bytes_per_reference(&self) -> f64 {
        // SAFETY: returns a number.
        unsafe { (self.bytes_per_reference)() }
    }
}
