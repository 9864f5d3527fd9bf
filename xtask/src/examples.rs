//! `cargo xtask examples`: runs every example of xen-sim; each has to succeed.

use crate::{Error, process, workspace};

/// Runs the examples one after the other and shows what they print.
pub(crate) fn run() -> Result<(), Error> {
    let directory = workspace::root()?.join("xen-sim/examples");
    let entries = directory.read_dir().map_err(Error::file(&directory))?;
    let mut names: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            is_rust.then(|| path.file_stem().map(|name| name.to_string_lossy().into_owned()))?
        })
        .collect();
    names.sort();
    for name in names {
        let mut command = workspace::cargo()?;
        command.args(["run", "--quiet", "--features", workspace::FEATURES, "--example", &name]);
        process::open(&format!("example {name}"), &mut command)?;
    }
    Ok(())
}
