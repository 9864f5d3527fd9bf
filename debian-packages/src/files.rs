//! What a Linux dom0 is made of: files of several packages, as `dom0.toml` lists them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::cache::Scratch;
use crate::mirror::mirrors;
use crate::packed::plain;
use crate::suite::Suite;
use crate::{Digest, Error, Fetched, Options, PackagePin, Warning, fetch, unpack};

/// The file beside a package's files that says what they are.
const RECORD: &str = "files.toml";

/// Files out of several packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collection {
    /// The release of Xen that they go with, for example `4.20`.
    pub release: String,
    /// The Debian architecture, for example `amd64`.
    pub arch: String,
    /// The packages.
    #[serde(rename = "part")]
    pub parts: Vec<Part>,
}

/// One of the packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What is wanted of it: each file's name here, and its path in the package. One star in the path
    /// stands for anything, but exactly one file must have such a path. A `.gz` or `.xz` is unpacked.
    pub files: BTreeMap<String, String>,
    /// The package.
    pub package: PackagePin,
}

/// The files of a collection, in the cache and checked.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// Where each one is, by its name.
    pub paths: BTreeMap<String, PathBuf>,
    /// Says of each package that is not the pinned one that it is not.
    pub warnings: Vec<Warning>,
}

/// What lies beside the files in the cache.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// The paths in the package that were wanted, by the files' names.
    wanted: BTreeMap<String, String>,
    found: BTreeMap<String, Digest>,
    package: PackagePin,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct List {
    linux: Vec<Collection>,
    toolstack: Vec<Collection>,
}

static LIST: LazyLock<List> = LazyLock::new(|| {
    let text = include_str!("../dom0.toml");
    toml::from_str(text).expect("the crate's own dom0.toml is tested")
});

impl Collection {
    /// Debian's Linux that goes with a release of Xen: `vmlinuz`, the modules of `/dev/xen`, and a
    /// shell. All but `vmlinuz` are named by where they belong in a root file system.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownCollection`] lists what is pinned.
    pub fn linux(release: &str, arch: &str) -> Result<&'static Self, Error> {
        find(&LIST.linux, "Linux", release, arch)
    }

    /// The programs that start domains, of the same release as the hypervisor, with their libraries.
    /// They are named by where they belong in a root file system.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownCollection`] lists what is pinned.
    pub fn toolstack(release: &str, arch: &str) -> Result<&'static Self, Error> {
        find(&LIST.toolstack, "toolstack", release, arch)
    }

    /// The same files for `release`, from what `suite` has today on the machine's Debian mirror: a
    /// fresh pin. Where names and paths hold the old release's number, they get the new one's.
    ///
    /// # Errors
    ///
    /// Those of [`fetch()`].
    pub fn current(
        &self,
        release: &str,
        suite: &str,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let renamed = |text: &String| text.replace(&self.release, release);
        let models: Vec<Part> = self
            .parts
            .iter()
            .map(|Part { files, package }| {
                let (name, suite) = (renamed(&package.name), suite.to_owned());
                Part {
                    files: files
                        .iter()
                        .map(|(name, path)| (renamed(name), renamed(path)))
                        .collect(),
                    package: PackagePin { name, suite, ..package.clone() },
                }
            })
            .collect();
        let mut parts = Vec::new();
        if let Some(first) = models.first() {
            let mirrors = mirrors(&first.package, options)?;
            let none = || Error::NoMirror { package: first.package.name.clone() };
            let base = mirrors.first().ok_or_else(none)?;
            let index = Suite::open(&first.package, base, &options.cache)?;
            for Part { files, package } in models {
                let package = index.current(&package)?;
                (options.progress)(&format!("{} {}", package.name, package.version));
                parts.push(Part { files, package });
            }
        }
        Ok(Self { release: release.to_owned(), arch: self.arch.clone(), parts })
    }

    /// The files, from the cache or from their packages; checked each time.
    ///
    /// # Errors
    ///
    /// Those of [`fetch()`] and [`unpack`], and [`Error::BadPackage`] for a package that has not
    /// exactly one file for a name.
    pub fn obtain(&self, options: &Options<'_>) -> Result<Files, Error> {
        let mut files = Files::default();
        for part in &self.parts {
            let (place, warning) = part.obtain(options)?;
            let named = part.files.keys().map(|name| (name.clone(), place.join(name)));
            files.paths.extend(named);
            files.warnings.extend(warning);
        }
        Ok(files)
    }
}

impl Part {
    /// The directory of the files, and what is to be said about their package.
    fn obtain(&self, options: &Options<'_>) -> Result<(PathBuf, Option<Warning>), Error> {
        if let Some(place) = self.recorded(&self.package, &options.cache) {
            return Ok((place, None));
        }
        let Fetched { deb, package, warning } = fetch(&self.package, options)?;
        let place = match self.recorded(&package, &options.cache) {
            Some(place) => place,
            None => {
                (options.progress)(&format!("unpacking {}", package.file_name()));
                self.publish(&deb, &package, &options.cache)?
            }
        };
        Ok((place, warning))
    }

    /// The directory of the files that were unpacked from `package`, when they are what was recorded
    /// beside them and what is wanted.
    fn recorded(&self, package: &PackagePin, cache: &Path) -> Option<PathBuf> {
        let place = place(package, cache);
        let text = fs::read_to_string(place.join(RECORD)).ok()?;
        let record = toml::from_str::<Record>(&text).ok()?;
        let is_good = |(name, sha256): (&String, &Digest)| {
            Digest::of_file(&place.join(name)).is_ok_and(|(found, _)| found == *sha256)
        };
        let wanted = record.package == *package
            && record.wanted == self.files
            && record.found.keys().eq(self.files.keys());
        (wanted && record.found.iter().all(is_good)).then_some(place)
    }

    /// Unpacks the files out of `deb` into the cache.
    fn publish(&self, deb: &Path, package: &PackagePin, cache: &Path) -> Result<PathBuf, Error> {
        let scratch = Scratch::dir(cache)?;
        let is_wanted = |path: &str| self.files.values().any(|pattern| is_like(path, pattern));
        let found = unpack(deb, scratch.path(), &is_wanted)?;
        let files = Scratch::dir(cache)?;
        let mut digests = BTreeMap::new();
        for (name, pattern) in &self.files {
            let like: Vec<_> = found.iter().filter(|path| is_like(path, pattern)).collect();
            let [path] = like[..] else {
                let detail = format!("{} files in it are like {pattern}, not one", like.len());
                return Err(Error::bad_package(deb, detail));
            };
            let bytes = plain(&scratch.path().join(path), deb)?;
            write(&files.path().join(name), &bytes)?;
            digests.insert(name.clone(), Digest::of(&bytes));
        }
        let record =
            Record { wanted: self.files.clone(), found: digests, package: package.clone() };
        let text = toml::to_string(&record).map_err(Error::bad_pins)?;
        write(&files.path().join(RECORD), text.as_bytes())?;
        let place = place(package, cache);
        files.publish(&place, &|| self.recorded(package, cache).is_some())?;
        Ok(place)
    }
}

fn find(
    list: &'static [Collection],
    what: &str,
    release: &str,
    arch: &str,
) -> Result<&'static Collection, Error> {
    let found = |known: &&Collection| known.release == release && known.arch == arch;
    list.iter().find(found).ok_or_else(|| {
        let known = list.iter().map(|known| format!("{} {}", known.release, known.arch));
        Error::UnknownCollection {
            wanted: format!("{what} for {release} {arch}"),
            known: known.collect(),
        }
    })
}

/// The directory in the cache for the files of a package.
fn place(package: &PackagePin, cache: &Path) -> PathBuf {
    cache.join(package.file_name().trim_end_matches(".deb"))
}

/// Whether a path is a pattern, in which one star stands for anything.
fn is_like(path: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => path.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
        None => path == pattern,
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::cache(path, source);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    fs::write(path, bytes).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_collections_of_the_crate_are_whole() {
        let labels = |list: &[Collection]| -> Vec<String> {
            list.iter().map(|known| format!("{} {}", known.release, known.arch)).collect()
        };
        assert_eq!(labels(&LIST.linux), ["4.17 amd64", "4.20 amd64", "4.20 arm64"]);
        assert_eq!(labels(&LIST.toolstack), ["4.17 amd64", "4.20 amd64"]);
        for collection in LIST.linux.iter().chain(&LIST.toolstack) {
            let mut names: Vec<_> = collection.parts.iter().flat_map(|p| p.files.keys()).collect();
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "a name twice in {}", collection.release);
            for Part { files, package } in &collection.parts {
                assert!(package.is_sound(), "{}", package.name);
                assert_eq!(package.arch, collection.arch);
                assert_eq!(package.meta.is_some(), package.name.starts_with("linux-image"));
                let odd = |name: &&String| name.starts_with('/') || name.contains("..");
                assert_eq!(files.keys().find(odd), None);
            }
        }
        let again: List = toml::from_str(&toml::to_string(&*LIST).unwrap()).unwrap();
        assert_eq!((&again.linux, &again.toolstack), (&LIST.linux, &LIST.toolstack));
    }

    #[test]
    fn what_is_not_pinned_is_named() {
        let text = Collection::linux("4.14", "amd64").unwrap_err().to_string();
        assert!(text.contains("Linux for 4.14 amd64") && text.contains("4.20 arm64"), "{text}");
        assert_eq!(Collection::toolstack("4.20", "amd64").unwrap().release, "4.20");
        assert!(Collection::toolstack("4.20", "arm64").is_err());
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (path, pattern) in [("a/b", "a/b"), ("a/1.2/c", "a/*/c"), ("a.1", "a.*")] {
            assert!(is_like(path, pattern), "{path} {pattern}");
        }
        for (path, pattern) in [("a/b", "a"), ("a/c", "a/*/c"), ("b.1", "a.*"), ("a", "a*a")] {
            assert!(!is_like(path, pattern), "{path} {pattern}");
        }
    }
}
