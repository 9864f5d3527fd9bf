//! vm-memory over xen-abi, and xen-linux over both: no package depends on itself.
//!
//! Cargo refuses a cycle when it resolves, so nothing is compiled here.

use std::fs;
use std::path::Path;

use crate::{Error, process, workspace};

/// Resolves a user of xen-linux's feature `vm-memory` with the vm-memory below `scratch` that was edited to
/// depend on xen-abi.
pub(super) fn check(root: &Path, scratch: &Path) -> Result<(), Error> {
    let project = scratch.join("cycle");
    let source = project.join("src");
    fs::create_dir_all(&source).map_err(Error::file(&source))?;
    let manifest = format!(
        "[package]\nname = \"user\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\nxen-linux = {{ path = '{}', features = [\"vm-memory\"] }}\n\n\
         [patch.crates-io]\nvm-memory = {{ path = '{}' }}\n",
        root.join("xen-linux").display(),
        scratch.join("src/vm-memory").display()
    );
    for (file, text) in [("Cargo.toml", manifest.as_str()), ("src/lib.rs", "")] {
        let file = project.join(file);
        fs::write(&file, text).map_err(Error::file(&file))?;
    }
    let mut command = workspace::cargo()?;
    command.arg("generate-lockfile").current_dir(&project);
    process::captured("xen-linux over a vm-memory that depends on xen-abi", &mut command).map(drop)
}
