//! Source packages: upstream's archive and the distribution's own.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use lzma_rust2::XzReader;

use crate::deb::MEMORY_LIMIT_KIB;
use crate::{Error, Options, PackagePin, Scratch, fetch};

/// Unpacks `upstream`'s archive and the distribution's `changes` into `place`, a directory that does
/// not exist yet. The patches in `debian/patches` are not applied.
///
/// # Errors
///
/// Those of [`fetch()`], [`Error::BadPackage`] when an archive is damaged or does not hold one
/// directory, and [`Error::Cache`] when `place` cannot be written.
pub fn unpack_source(
    upstream: &PackagePin,
    changes: &PackagePin,
    place: &Path,
    options: &Options<'_>,
) -> Result<(), Error> {
    let archive = fetch(upstream, options)?.file;
    let changes = fetch(changes, options)?.file;
    (options.progress)(&format!("unpacking {}", upstream.file_name()));
    let scratch = Scratch::dir(place.parent().unwrap_or(Path::new(".")))?;
    extract(&archive, scratch.path())?;
    let tree = only_entry(scratch.path(), &archive)?;
    extract(&changes, &tree)?;
    fs::rename(&tree, place).map_err(|source| Error::cache(place, source))
}

fn extract(archive: &Path, dest: &Path) -> Result<(), Error> {
    let file = File::open(archive).map_err(|source| Error::read(archive, source))?;
    let reader = XzReader::new_mem_limit(BufReader::new(file), true, MEMORY_LIMIT_KIB);
    // The crate writes nothing outside `dest`, whatever the archive says.
    let done = tar::Archive::new(reader).unpack(dest);
    done.map_err(|error| Error::bad_package(archive, error))
}

/// The one entry of `dir`.
fn only_entry(dir: &Path, archive: &Path) -> Result<PathBuf, Error> {
    let entries = fs::read_dir(dir).map_err(|source| Error::read(dir, source))?;
    let paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    let found = <[PathBuf; 1]>::try_from(paths);
    let [path] =
        found.map_err(|all| Error::bad_package(archive, format!("{} entries", all.len())))?;
    Ok(path)
}
