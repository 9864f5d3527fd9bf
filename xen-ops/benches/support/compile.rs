//! Contestants in C: compiled here.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt, io};

/// Why there is nothing to compare with.
pub(crate) enum Error {
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

/// Compiles `benches/c/NAME.c` to a library with `-O2`.
pub(crate) fn compile(name: &str) -> Result<PathBuf, Error> {
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
