//! Has rustc evaluate the proofs in generated modules, of any release and architecture, on this host.

use std::path::{Path, PathBuf};
use std::process::Command;

use devtools::Arch;

use crate::Error;

/// The features of all families of headers.
const FAMILIES: [&str; 5] = ["argo", "hvm", "io", "linux", "toolstack"];

/// The workspace's root.
#[must_use]
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Compiles the modules of `arch` in `generated` with `xen-abi`'s own support code, every family
/// included. Gives what rustc says, empty if every proof holds.
pub fn prove(generated: &Path, arch: Arch) -> Result<String, Error> {
    let dir =
        tempfile::tempdir().map_err(|source| Error::Io { path: std::env::temp_dir(), source })?;
    let root = dir.path().join("lib.rs");
    let support = workspace().join("xen-abi/src/support/mod.rs");
    let modules = generated.join(arch.name()).join("mod.rs");
    let text = format!(
        "#![no_std]\n#![allow(warnings)]\n#[path = {support:?}]\nmod support;\n\
         mod generated {{ #[path = {modules:?}] pub mod {arch}; }}\n"
    );
    std::fs::write(&root, text).map_err(|source| Error::Io { path: root.clone(), source })?;
    let program = std::env::var("RUSTC").unwrap_or_else(|_| String::from("rustc"));
    let output = Command::new(&program)
        .args(["--edition", "2024", "--crate-type", "lib", "--crate-name", "proofs"])
        .args(["--emit", "metadata"])
        .args(FAMILIES.map(|family| format!("--cfg=feature={family:?}")))
        .arg("--out-dir")
        .arg(dir.path())
        .arg(&root)
        .output()
        .map_err(|source| Error::Compiler { program, source })?;
    if output.status.success() {
        return Ok(String::new());
    }
    // A compiler that was killed may have said nothing.
    let said = String::from_utf8_lossy(&output.stderr);
    Ok(format!("{said}\nerror: rustc ended with {}\n", output.status))
}
