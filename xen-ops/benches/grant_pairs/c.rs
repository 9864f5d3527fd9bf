//! The contestants in C: compiled here, and loaded.

use std::ffi::c_uint;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt, io};

use libloading::Library;

use super::{Contestant, ENTRIES, table};

/// Why there is nothing to compare with.
pub(super) enum Error {
    NoCompiler(String, io::Error),
    NotCompiled(String),
    NotLoaded(libloading::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCompiler(program, error) => {
                write!(f, "cannot run {program}: {error}; install a C compiler or name it by CC")
            }
            Self::NotCompiled(text) => f.write_str(text),
            Self::NotLoaded(error) => write!(f, "cannot load what was compiled: {error}"),
        }
    }
}

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

fn compile(name: &str) -> Result<PathBuf, Error> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/c/{name}.c"));
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.so"));
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let output = Command::new(&compiler)
        .args(["-O2", "-std=gnu11", "-Wall", "-Wextra", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .output()
        .map_err(|error| Error::NoCompiler(compiler, error))?;
    if output.status.success() {
        Ok(library)
    } else {
        Err(Error::NotCompiled(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
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
