//! How to write into the cache while other processes do the same.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Error;
use crate::stale::{self, Lock};

/// A path in the cache that no other process uses, removed when dropped.
///
/// What is to appear in the cache is made here first and then renamed, so that a reader never
/// sees half of it and an interrupted run leaves nothing under a real name. The path lies in a
/// directory that is created exclusively: processes may share the cache from different PID
/// namespaces or machines. What a process that was killed has left is removed when the next one makes
/// a path, a day later.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    _lock: Lock,
    // Removes itself when dropped; what stays then is under a name that no one reads.
    _dir: TempDir,
}

impl Scratch {
    /// A fresh name in `cache`, which is made when absent. Nothing exists at that name yet.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`].
    pub fn new(cache: &Path) -> Result<Self, Error> {
        let failed = |source| Error::cache(cache, source);
        fs::create_dir_all(cache).map_err(failed)?;
        stale::remove(cache);
        let dir =
            tempfile::Builder::new().prefix(stale::PREFIX).tempdir_in(cache).map_err(failed)?;
        let lock = Lock::create(dir.path()).map_err(failed)?;
        Ok(Self { path: dir.path().join("content"), _lock: lock, _dir: dir })
    }

    /// A fresh, empty directory in `cache`.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`].
    pub fn dir(cache: &Path) -> Result<Self, Error> {
        let scratch = Self::new(cache)?;
        fs::create_dir(&scratch.path).map_err(|source| Error::cache(&scratch.path, source))?;
        Ok(scratch)
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
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
            match fs::rename(&self.path, place) {
                Ok(()) => return Ok(()),
                Err(source) if is_occupied(&source) => {
                    if is_good() {
                        return Ok(());
                    }
                    // Nothing can be renamed over a full directory: move that out of the way.
                    let cache = place.parent().unwrap_or(place);
                    let old = Self::new(cache)?;
                    match fs::rename(place, &old.path) {
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

fn is_occupied(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, IsADirectory, NotADirectory};
    matches!(error.kind(), AlreadyExists | DirectoryNotEmpty | IsADirectory | NotADirectory)
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

    /// Two PID namespaces that share a cache have the same process numbers.
    #[test]
    fn what_another_process_has_there_is_left_alone() {
        let cache = tempfile::tempdir().unwrap();
        let theirs: Vec<_> = (0..64)
            .map(|number| cache.path().join(format!(".tmp-{}-{number}", std::process::id())))
            .collect();
        theirs.iter().for_each(|dir| fs::create_dir(dir).unwrap());
        let ours = Scratch::dir(cache.path()).unwrap();
        assert!(!theirs.iter().any(|dir| ours.path().starts_with(dir)));
        drop(ours);
        assert!(theirs.iter().all(|dir| dir.is_dir()));
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
