//! What a package must hold: licences, first page, and what crates.io and docs.rs read in its manifest.

use std::fs;
use std::path::Path;

use crate::Error;

/// Files without which a package is incomplete.
const FILES: [&str; 3] = ["LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// Keys of `[package]`.
const KEYS: [&str; 8] = [
    "authors",
    "categories",
    "description",
    "documentation",
    "keywords",
    "license",
    "readme",
    "rust-version",
];

/// An error that names everything that a package lacks.
pub(super) fn check(name: &str, directory: &Path) -> Result<(), Error> {
    let file = directory.join("Cargo.toml");
    let text = fs::read_to_string(&file).map_err(Error::file(&file))?;
    let manifest: toml::Table = toml::from_str(&text)
        .map_err(|error| Error::Unexpected(format!("{}: {error}", file.display())))?;
    let mut missing = missing_keys(&manifest);
    // Empty: a checkout that has no symbolic links has a file of one line in their place.
    let is_text = |file: &&str| fs::read(directory.join(file)).is_ok_and(|text| text.len() > 200);
    missing.extend(FILES.into_iter().filter(|file| !is_text(file)).map(str::to_owned));
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    Err(Error::Unexpected(format!("the package of {name} lacks {missing}; see {name}/Cargo.toml")))
}

fn missing_keys(manifest: &toml::Table) -> Vec<String> {
    let Some(package) = manifest.get("package").and_then(toml::Value::as_table) else {
        return vec!["[package]".to_owned()];
    };
    let is_empty = |value: &toml::Value| match value {
        toml::Value::String(text) => text.is_empty(),
        toml::Value::Array(values) => values.is_empty(),
        _ => true,
    };
    let mut missing: Vec<_> = KEYS
        .into_iter()
        .filter(|key| package.get(*key).is_none_or(is_empty))
        .map(|key| format!("package.{key}"))
        .collect();
    let docs = package.get("metadata").and_then(|metadata| metadata.get("docs")?.get("rs"));
    // A macro crate has neither features nor targets.
    if docs.is_none() && manifest.get("lib").is_none_or(|lib| lib.get("proc-macro").is_none()) {
        missing.push("package.metadata.docs.rs".to_owned());
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let manifest = "[package]\nauthors = []\nlicense = \"MIT\"\ndescription = \"\"";
        let missing = missing_keys(&toml::from_str(manifest).unwrap());
        assert!(missing.iter().any(|key| key == "package.authors"), "{missing:?}");
        assert!(missing.iter().any(|key| key == "package.description"), "{missing:?}");
        assert!(missing.iter().any(|key| key == "package.metadata.docs.rs"), "{missing:?}");
        assert!(!missing.iter().any(|key| key == "package.license"), "{missing:?}");
    }

    #[test]
    fn a_package_without_files_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("Cargo.toml"), "[package]").unwrap();
        let error = check("made-up", directory.path()).unwrap_err().to_string();
        assert!(error.contains("LICENSE-MIT") && error.contains("made-up"), "{error}");
    }
}
