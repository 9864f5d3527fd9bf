//! Source packages: upstream's archive and the distribution's own.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Component, Path, PathBuf};

use lzma_rust2::XzReader;

use crate::deb::{MEMORY_LIMIT_KIB, inside};
use crate::limited::{self, Limited};
use crate::{Error, Options, PackagePin, Scratch, fetch};

/// Unpacks `upstream`'s archive and the distribution's `changes` into `place`, a directory that does
/// not exist yet. The patches in `debian/patches` are not applied.
///
/// # Errors
///
/// Those of [`fetch()`], [`Error::BadPackage`] when an archive is damaged, unpacks to more than 2 GiB,
/// has a link that leads out of it, or anything but files, directories and symbolic links, or when
/// `upstream`'s does not hold one directory, and [`Error::Cache`] when `place` cannot be written.
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
    let mut reader = Limited::new(reader, limited::ARCHIVE);
    let bad = |error: io::Error| Error::bad_package(archive, error);
    let mut tar = tar::Archive::new(&mut reader);
    for (index, entry) in tar.entries().map_err(bad)?.enumerate() {
        let mut entry = entry.map_err(bad)?;
        let kind = entry.header().entry_type();
        if index >= limited::ENTRIES {
            return Err(Error::bad_package(archive, format!("it has more than {index} entries")));
        }
        if kind.is_pax_global_extensions() {
            continue;
        }
        let path = inside(&entry.path().map_err(bad)?).map_err(bad)?;
        let link = entry.link_name().map_err(bad)?;
        let stays = match (kind, &link) {
            (tar::EntryType::Regular | tar::EntryType::Directory, _) => true,
            (tar::EntryType::Symlink, Some(target)) => link_stays_inside(&path, target),
            _ => false,
        };
        if !stays || below_a_link(dest, &path) {
            let detail = format!(
                "{} in it is a link that leads out, lies below a link, or is no file",
                path.display()
            );
            return Err(Error::bad_package(archive, detail));
        }
        entry.unpack_in(dest).map_err(bad)?;
    }
    // The compressed stream's own check comes after the last entry.
    io::copy(&mut reader, &mut io::sink()).map_err(bad)?;
    Ok(())
}

/// Whether a link at `path` with this `target` stays in the directory that `path` is relative to. A
/// `..` after a name is refused, since that name may be a link itself.
fn link_stays_inside(path: &Path, target: &Path) -> bool {
    let mut up = 0;
    let mut named = false;
    for part in target.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if !named => up += 1,
            Component::Normal(_) => named = true,
            _ => return false,
        }
    }
    up < path.components().count()
}

/// Whether a directory on the way from `dest` to `path` is a link.
fn below_a_link(dest: &Path, path: &Path) -> bool {
    let above = path.ancestors().skip(1).filter(|part| !part.as_os_str().is_empty());
    above.into_iter().any(|part| dest.join(part).is_symlink())
}

/// The one entry of `dir`, a directory.
fn only_entry(dir: &Path, archive: &Path) -> Result<PathBuf, Error> {
    let entries = fs::read_dir(dir).map_err(|source| Error::read(dir, source))?;
    let paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    match &paths[..] {
        [path] if path.is_dir() && !path.is_symlink() => Ok(path.clone()),
        _ => Err(Error::bad_package(archive, "it does not hold one directory and nothing else")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_stay_and_links_that_lead_out() {
        let stays =
            |path: &str, target: &str| link_stays_inside(Path::new(path), Path::new(target));
        assert!(stays("a/b/link", "../../c") && stays("a/link", "b") && stays("link", "./b"));
        assert!(!stays("a/b/link", "../../../c") && !stays("link", ".."));
        assert!(!stays("link", "/etc/passwd") && !stays("a/link", "b/../c"));
    }
}
