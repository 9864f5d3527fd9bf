//! Files out of packages, in the cache and checked.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::packed::plain;
use crate::{Digest, Error, Fetched, Options, PackagePin, Replaced, Scratch, fetch, unpack};

/// The file beside a package's files that records what they are.
const RECORD: &str = "files.toml";

/// Files that are wanted of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageFiles {
    /// Each file's name here, and its path in the package. One star in the path stands for anything,
    /// but exactly one file must have such a path. A `.gz` or `.xz` is decompressed.
    pub files: BTreeMap<String, String>,
    /// The package.
    pub package: PackagePin,
}

/// Files of packages, in the cache and checked.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// Where each file is, by its name.
    pub paths: BTreeMap<String, PathBuf>,
    /// The packages that are not the pinned ones.
    pub replaced: Vec<Replaced>,
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

impl PackageFiles {
    /// The files of several packages, each from the cache or from its package; checked each time.
    ///
    /// # Errors
    ///
    /// Those of [`fetch()`] and [`unpack`], and [`Error::BadPackage`] for a package that has not
    /// exactly one file for a name.
    pub fn obtain_all(parts: &[Self], options: &Options<'_>) -> Result<Files, Error> {
        let mut files = Files::default();
        for part in parts {
            let Files { paths, replaced } = part.obtain(options)?;
            files.paths.extend(paths);
            files.replaced.extend(replaced);
        }
        Ok(files)
    }

    /// The files, from the cache or from the package; checked each time.
    ///
    /// # Errors
    ///
    /// Those of [`obtain_all`](Self::obtain_all).
    pub fn obtain(&self, options: &Options<'_>) -> Result<Files, Error> {
        let (place, replaced) = self.directory(options)?;
        let paths = self.files.keys().map(|name| (name.clone(), place.join(name))).collect();
        Ok(Files { paths, replaced: Vec::from_iter(replaced) })
    }

    /// The directory of the files, and whether their package is another than the pinned one.
    fn directory(&self, options: &Options<'_>) -> Result<(PathBuf, Option<Replaced>), Error> {
        if let Some(place) = self.recorded(&self.package, &options.cache) {
            return Ok((place, None));
        }
        let Fetched { file, package, replaced } = fetch(&self.package, options)?;
        let place = match self.recorded(&package, &options.cache) {
            Some(place) => place,
            None => {
                (options.progress)(&format!("unpacking {}", package.file_name()));
                self.publish(&file, &package, &options.cache)?
            }
        };
        Ok((place, replaced))
    }

    /// Where the files of `package` belong. Somebody else may want other files of it at the same time.
    fn place(&self, package: &PackagePin, cache: &Path) -> PathBuf {
        let wanted: String =
            self.files.iter().map(|(name, pattern)| format!("{name}\n{pattern}\n")).collect();
        let set = Digest::of(wanted.as_bytes()).to_string();
        cache.join(format!("{}-{}", package.directory_name(), &set[..8]))
    }

    /// The directory of the files that were unpacked from `package`, when they are what was recorded
    /// beside them and what is wanted.
    fn recorded(&self, package: &PackagePin, cache: &Path) -> Option<PathBuf> {
        let place = self.place(package, cache);
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
        let text = toml::to_string(&record).expect("a record is tables of words and numbers");
        write(&files.path().join(RECORD), text.as_bytes())?;
        let place = self.place(package, cache);
        files.publish(&place, &|| self.recorded(package, cache).is_some())?;
        Ok(place)
    }
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
    fn a_star_stands_for_anything() {
        for (path, pattern) in [("a/b", "a/b"), ("a/1.2/c", "a/*/c"), ("a.1", "a.*")] {
            assert!(is_like(path, pattern), "{path} {pattern}");
        }
        for (path, pattern) in [("a/b", "a"), ("a/c", "a/*/c"), ("b.1", "a.*"), ("a", "a*a")] {
            assert!(!is_like(path, pattern), "{path} {pattern}");
        }
    }
}
