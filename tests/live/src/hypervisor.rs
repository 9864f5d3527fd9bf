//! The hypervisors themselves, as `hypervisors.toml` lists them, fetched and checked as headers are.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::cache::Scratch;
use crate::mirror::mirrors;
use crate::packed::plain;
use crate::source::SourcePackage;
use crate::{Digest, Error, Fetched, Options, PackagePin, Warning, fetch, suite, unpack};

/// The image in the cache.
const IMAGE: &str = "xen";

/// The file beside the image that says which package it came from.
const RECORD: &str = "pin.toml";

/// A hypervisor as a distribution ships it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hypervisor {
    /// The release of Xen, for example `4.20`.
    pub release: String,
    /// The package that holds it; its `arch` is the machine the hypervisor runs on.
    pub package: PackagePin,
    /// The image in the package.
    pub image: ImagePin,
}

/// A boot image in a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagePin {
    /// Its path in the package, without a leading slash; a `.gz` is unpacked.
    pub path: String,
    /// The SHA-256 of the image, unpacked.
    pub sha256: Digest,
}

/// An image in the cache, checked.
#[derive(Clone, Debug)]
pub struct Image {
    /// The file: what a boot loader loads, not compressed.
    pub path: PathBuf,
    /// The package it came from: the pin, or what was taken instead.
    pub package: PackagePin,
    /// Says so when it is not the pinned one.
    pub warning: Option<Warning>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    #[serde(rename = "hypervisor")]
    hypervisors: Vec<Hypervisor>,
    #[serde(default)]
    symbols: Vec<Hypervisor>,
    #[serde(default, rename = "source")]
    pub(crate) sources: Vec<SourcePackage>,
}

pub(crate) static LIST: LazyLock<List> = LazyLock::new(|| {
    let text = include_str!("../hypervisors.toml");
    toml::from_str(text).expect("the crate's own hypervisors.toml is tested")
});

/// The hypervisors this crate knows, by release and then by architecture.
#[must_use]
pub fn hypervisors() -> &'static [Hypervisor] {
    &LIST.hypervisors
}

/// The same hypervisors as the linker made them, with debug information of the structures that they
/// were compiled with; where the distribution has that.
#[must_use]
pub fn symbols() -> &'static [Hypervisor] {
    &LIST.symbols
}

impl Hypervisor {
    /// The pinned hypervisor of a release for a Debian architecture, for example `4.20`, `arm64`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownHypervisor`] lists the known ones.
    pub fn known(release: &str, arch: &str) -> Result<&'static Self, Error> {
        let found = |known: &&Self| known.release == release && known.package.arch == arch;
        hypervisors().iter().find(found).ok_or_else(|| {
            let known = hypervisors().iter().map(Self::label).collect();
            Error::UnknownHypervisor { wanted: format!("{release} {arch}"), known }
        })
    }

    /// The hypervisor that `suite` has today on the machine's Debian mirror: a fresh pin.
    ///
    /// # Errors
    ///
    /// Those of [`fetch()`], and [`Error::BadPackage`] when no image is in the package.
    pub fn current(
        release: &str,
        suite: &str,
        arch: &str,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let model = PackagePin {
            name: format!("xen-hypervisor-{release}-{arch}"),
            meta: None,
            arch: arch.to_owned(),
            suite: suite.to_owned(),
            version: "any".to_owned(),
            pool: String::new(),
            size: 0,
            sha256: Digest::of(&[]),
        };
        let mirrors = mirrors(&model, options)?;
        let base =
            mirrors.first().ok_or_else(|| Error::NoMirror { package: model.name.clone() })?;
        let package = suite::current(&model, base, &options.cache)?;
        let Fetched { deb, package, .. } = fetch(&package, options)?;
        let image = format!("boot/xen-{release}-{arch}");
        let packed = format!("{image}.gz");
        let scratch = Scratch::dir(&options.cache)?;
        let found = unpack(&deb, scratch.path(), &|path| path == image || path == packed)?;
        let [path] = <[String; 1]>::try_from(found)
            .map_err(|found| Error::bad_package(&deb, format!("{} images in it", found.len())))?;
        let sha256 = Digest::of(&plain(&scratch.path().join(&path), &deb)?);
        Ok(Self { release: release.to_owned(), package, image: ImagePin { path, sha256 } })
    }

    /// The image, from the cache or from its package; checked each time.
    ///
    /// # Errors
    ///
    /// Those of [`fetch()`] and [`unpack`].
    pub fn obtain(&self, options: &Options<'_>) -> Result<Image, Error> {
        if let Some(path) = self.cached(&options.cache) {
            return Ok(Image { path, package: self.package.clone(), warning: None });
        }
        let Fetched { deb, package, warning } = fetch(&self.package, options)?;
        let taken = recorded(&place(&package, &options.cache)).filter(|_| warning.is_some());
        let path = match taken {
            Some(path) => path,
            None => {
                (options.progress)(&format!("unpacking {}", package.file_name()));
                self.publish(&deb, &package, &options.cache)?
            }
        };
        Ok(Image { path, package, warning })
    }

    /// The pinned image, when the cache has it.
    fn cached(&self, cache: &Path) -> Option<PathBuf> {
        let path = place(&self.package, cache).join(IMAGE);
        let (found, _) = Digest::of_file(&path).ok()?;
        (found == self.image.sha256).then_some(path)
    }

    /// Unpacks the image of `package`, the pinned one or another, into the cache.
    fn publish(&self, deb: &Path, package: &PackagePin, cache: &Path) -> Result<PathBuf, Error> {
        let scratch = Scratch::dir(cache)?;
        let path = &self.image.path;
        if unpack(deb, scratch.path(), &|name| name == path)?.is_empty() {
            return Err(Error::bad_package(deb, format!("it holds no {path}")));
        }
        let bytes = plain(&scratch.path().join(path), deb)?;
        let sha256 = Digest::of(&bytes);
        if *package == self.package && sha256 != self.image.sha256 {
            let (label, file) = (self.label(), package.file_name());
            return Err(Error::bad_pins(format!("hypervisor {label}: {path} in {file} differs")));
        }
        let record = Self {
            release: self.release.clone(),
            package: package.clone(),
            image: ImagePin { path: path.clone(), sha256 },
        };
        let image = Scratch::dir(cache)?;
        let text = toml::to_string(&record).map_err(Error::bad_pins)?;
        for (name, content) in [(IMAGE, &bytes[..]), (RECORD, text.as_bytes())] {
            let file = image.path().join(name);
            fs::write(&file, content).map_err(|source| Error::cache(&file, source))?;
        }
        let place = place(package, cache);
        image.publish(&place, &|| recorded(&place).is_some())?;
        Ok(place.join(IMAGE))
    }

    fn label(&self) -> String {
        format!("{} {}", self.release, self.package.arch)
    }

    /// The hypervisor as an entry of `hypervisors.toml`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let Self { release, package, image } = self;
        let PackagePin { name, arch, suite, version, pool, size, sha256, .. } = package;
        format!(
            "[[hypervisor]]\nrelease = \"{release}\"\n\n\
             [hypervisor.package]\nname = \"{name}\"\narch = \"{arch}\"\nsuite = \"{suite}\"\n\
             version = \"{version}\"\npool = \"{pool}\"\nsize = {size}\nsha256 = \"{sha256}\"\n\n\
             [hypervisor.image]\npath = \"{}\"\nsha256 = \"{}\"\n",
            image.path, image.sha256
        )
    }
}

/// The directory in the cache for the image of a package.
fn place(package: &PackagePin, cache: &Path) -> PathBuf {
    cache.join(package.file_name().trim_end_matches(".deb"))
}

/// The image in `dir`, when it is what was recorded beside it.
fn recorded(dir: &Path) -> Option<PathBuf> {
    let record = fs::read_to_string(dir.join(RECORD)).ok()?;
    let record = toml::from_str::<Hypervisor>(&record).ok()?;
    let path = dir.join(IMAGE);
    let (found, _) = Digest::of_file(&path).ok()?;
    (found == record.image.sha256).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hypervisors_of_the_crate_are_whole() {
        let labels: Vec<_> = hypervisors().iter().map(Hypervisor::label).collect();
        assert_eq!(
            labels,
            [
                "4.14 amd64",
                "4.14 arm64",
                "4.17 amd64",
                "4.17 arm64",
                "4.17 armhf",
                "4.20 amd64",
                "4.20 arm64"
            ]
        );
        let symbols = symbols().iter();
        assert!(symbols.clone().all(|known| known.image.path.contains("xen-syms")));
        for known in hypervisors().iter().chain(symbols) {
            assert!(known.package.is_sound(), "{}", known.label());
            assert!(known.image.path.contains("boot/xen-"), "{}", known.label());
            let again: List = toml::from_str(&known.to_toml()).unwrap();
            assert_eq!(again.hypervisors, std::slice::from_ref(known));
        }
    }

    #[test]
    fn an_unknown_hypervisor_lists_the_known_ones() {
        let text = Hypervisor::known("4.20", "armhf").unwrap_err().to_string();
        assert!(text.contains("4.20 armhf") && text.contains("4.17 armhf"), "{text}");
        assert_eq!(Hypervisor::known("4.17", "armhf").unwrap().release, "4.17");
    }
}
