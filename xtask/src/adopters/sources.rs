//! Crates from crates.io, as sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use devtools::copy_directory;
use serde::Deserialize;

use crate::{Error, process, workspace};

/// What `cargo metadata` prints, as far as it is read.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
}

/// Has cargo fetch the crates, each in the one version, and returns their directories in its registry.
pub(super) fn obtain(
    scratch: &Path,
    pins: &[(&str, &str)],
) -> Result<BTreeMap<String, PathBuf>, Error> {
    let project = scratch.join("fetch");
    let source = project.join("src");
    fs::create_dir_all(&source).map_err(Error::file(&source))?;
    let lines: String =
        pins.iter().map(|(name, version)| format!("{name} = \"={version}\"\n")).collect();
    let manifest = format!(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\n{lines}"
    );
    for (file, text) in [("Cargo.toml", manifest.as_str()), ("src/lib.rs", "")] {
        let file = project.join(file);
        fs::write(&file, text).map_err(Error::file(&file))?;
    }
    let mut command = workspace::cargo()?;
    command.args(["metadata", "--format-version", "1"]).current_dir(&project);
    let text = process::output("crates of others", &mut command)?;
    let metadata: Metadata = serde_json::from_str(&text)
        .map_err(|error| Error::Unexpected(format!("`cargo metadata`: {error}")))?;
    let directory =
        |package: Package| Some((package.name, package.manifest_path.parent()?.to_owned()));
    let found: BTreeMap<_, _> = metadata.packages.into_iter().filter_map(directory).collect();
    match pins.iter().find(|(name, _)| !found.contains_key(*name)) {
        Some((name, _)) => Err(Error::Unexpected(format!("`cargo metadata` does not name {name}"))),
        None => Ok(found),
    }
}

/// Copies a directory to one that is made anew.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    workspace::remove(to)?;
    copy_directory(from, to).map_err(Error::file(to))
}
