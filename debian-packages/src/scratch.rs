//! How to write into the cache while other processes do the same.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Error;

/// A path in the cache that no other process uses, removed when dropped.
///
/// What is to appear in the cache is made here first and then renamed, so that a reader never
/// sees half of it and an interrupted run leaves nothing under a real name.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A fresh name in `cache`, which is made when absent. Nothing exists at that name yet.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`].
    pub fn new(cache: &Path) -> Result<Self, Error> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        fs::create_dir_all(cache).map_err(|source| Error::cache(cache, source))?;
        let path = cache.join(format!(".tmp-{}-{number}", process::id()));
        // A killed run with the same process number may have left something.
        remove(&path).map_err(|source| Error::cache(&path, source))?;
        Ok(Self(path))
    }

    /// A fresh, empty directory in `cache`.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`].
    pub fn dir(cache: &Path) -> Result<Self, Error> {
        let scratch = Self::new(cache)?;
        fs::create_dir(&scratch.0).map_err(|source| Error::cache(&scratch.0, source))?;
        Ok(scratch)
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Renames this to `place`. A directory that is there already and `is_good` stays: another
    /// process was faster, and may be reading it.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`].
    pub fn publish(self, place: &Path, is_good: &dyn Fn() -> bool) -> Result<(), Error> {
        let failed = |source| Error::cache(place, source);
        for _ in 0..8 {
            match fs::rename(&self.0, place) {
                Ok(()) => return Ok(()),
                Err(source) if is_occupied(&source) => {
                    if is_good() {
                        return Ok(());
                    }
                    // Nothing can be renamed over a full directory: move that out of the way.
                    let cache = place.parent().unwrap_or(place);
                    let old = Self::new(cache)?;
                    match fs::rename(place, &old.0) {
                        Err(source) if source.kind() != io::ErrorKind::NotFound => {
                            return Err(failed(source));
                        }
                        _ => {}
                    }
                }
                Err(source) => return Err(failed(source)),
            }
        }
        Err(failed(io::Error::other("other processes keep replacing it")))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Best effort: what stays is under a name that no one reads.
        let _ = remove(&self.0);
    }
}

fn is_occupied(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, IsADirectory, NotADirectory};
    matches!(error.kind(), AlreadyExists | DirectoryNotEmpty | IsADirectory | NotADirectory)
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    removed.or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_directory_replaces_the_old_one() {
        let cache = tempfile::tempdir().unwrap();
        let place = cache.path().join("tree");
        for text in ["first", "second"] {
            let scratch = Scratch::dir(cache.path()).unwrap();
            fs::write(scratch.path().join("file"), text).unwrap();
            scratch.publish(&place, &|| false).unwrap();
            assert_eq!(fs::read_to_string(place.join("file")).unwrap(), text);
        }
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_good_directory_stays() {
        let cache = tempfile::tempdir().unwrap();
        let place = cache.path().join("tree");
        fs::create_dir(&place).unwrap();
        fs::write(place.join("file"), "good").unwrap();
        Scratch::dir(cache.path()).unwrap().publish(&place, &|| true).unwrap();
        assert_eq!(fs::read_to_string(place.join("file")).unwrap(), "good");
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_is_not_published_disappears() {
        let cache = tempfile::tempdir().unwrap();
        drop(Scratch::dir(cache.path()).unwrap());
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_cache_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Scratch::new(&file.join("cache")).err().unwrap().to_string();
        assert!(error.contains("file/cache") && error.contains("CARGO_TARGET_DIR"), "{error}");
    }
}
