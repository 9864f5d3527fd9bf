//! A pin from a package file.

use std::path::Path;

use crate::{Digest, Error, PackagePin, deb};

impl PackagePin {
    /// Describes the package file `deb` by its own control fields, as a package of `suite`.
    ///
    /// # Errors
    ///
    /// [`Error::BadPackage`] when the file is no package; [`Error::Read`] when it cannot be read.
    pub fn of_file(suite: &str, deb: &Path) -> Result<Self, Error> {
        let control = deb::control(deb)?;
        let field = |name: &str| {
            let value = control.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.map(|text| text.trim().to_owned())
        };
        let needed =
            |name| field(name).ok_or_else(|| Error::bad_package(deb, format!("no {name}")));
        let (name, arch, version) =
            (needed("Package")?, needed("Architecture")?, needed("Version")?);
        // "Source: xen (4.17.5-1)"; absent when it is the package's own name.
        let source = field("Source").unwrap_or_else(|| name.clone());
        let source = source.split_whitespace().next().unwrap_or(&name);
        let letters = if source.starts_with("lib") { 4 } else { 1 };
        let shelf: String = source.chars().take(letters).collect();
        let plain = version.split_once(':').map_or(version.as_str(), |(_, rest)| rest);
        let pool = format!("pool/main/{shelf}/{source}/{name}_{plain}_{arch}.deb");
        let (sha256, size) = Digest::of_file(deb).map_err(|source| Error::read(deb, source))?;
        let suite = suite.to_owned();
        Ok(Self { name, meta: None, arch, suite, version, pool, size, sha256 })
    }
}
