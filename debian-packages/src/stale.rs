//! Directories in the cache that a process has left when it was killed.
//!
//! Each directory holds a file that its process keeps locked. The system unlocks it when the process
//! ends, in whatever way, so that what can be locked is in no use. Age alone says too little: a tree of
//! headers may be read for days.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What the names of the directories begin with.
pub(crate) const PREFIX: &str = ".tmp-";

/// The file that is locked.
const LOCK: &str = "lock";

/// How old a directory must be: one that was just made may not be locked yet.
const AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Says that a directory is in use, while this lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Locks the directory `dir`, which was just made.
    pub(crate) fn create(dir: &Path) -> io::Result<Self> {
        let file = File::create_new(dir.join(LOCK))?;
        // A file system that knows no locks has none to look at either.
        let _ = try_lock(&file);
        Ok(Self { _file: file })
    }
}

/// Removes the directories in `cache` that are old and in no use. What cannot be removed stays.
pub(crate) fn remove(cache: &Path) {
    let Ok(entries) = fs::read_dir(cache) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes());
        // Not what a link leads to.
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_ours && is_dir && is_old(&entry.path()) && is_unused(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_old(dir: &Path) -> bool {
    let changed = fs::symlink_metadata(dir).and_then(|found| found.modified());
    changed
        .is_ok_and(|changed| SystemTime::now().duration_since(changed).is_ok_and(|age| age > AGE))
}

/// Whether no process has locked `dir`. One without a lock is of a process that ended before it made
/// one.
fn is_unused(dir: &Path) -> bool {
    match OpenOptions::new().read(true).write(true).open(dir.join(LOCK)) {
        Ok(file) => try_lock(&file).unwrap_or(false),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Locks a file, or says that another process has.
#[cfg(unix)]
fn try_lock(file: &File) -> io::Result<bool> {
    use rustix::fs::{FlockOperation, flock};
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Without locks nothing is known to be unused.
#[cfg(not(unix))]
fn try_lock(_: &File) -> io::Result<bool> {
    Ok(false)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::Scratch;

    fn age(dir: &Path, age: Duration) {
        let then = SystemTime::now() - age;
        File::open(dir).unwrap().set_modified(then).unwrap();
    }

    const OLD: Duration = Duration::from_secs(25 * 60 * 60);

    /// A directory as a process leaves it that is killed.
    fn left(cache: &Path, name: &str, with_lock: bool) -> std::path::PathBuf {
        let dir = cache.join(name);
        fs::create_dir_all(dir.join("content/tree")).unwrap();
        fs::write(dir.join("content/tree/xen.h"), "").unwrap();
        if with_lock {
            drop(Lock::create(&dir).unwrap());
        }
        dir
    }

    #[test]
    fn what_a_killed_process_left_is_removed_a_day_later() {
        let cache = tempfile::tempdir().unwrap();
        let stale = [(".tmp-a", true), (".tmp-b", false)];
        let stale = stale.map(|(name, with_lock)| left(cache.path(), name, with_lock));
        let young = left(cache.path(), ".tmp-c", true);
        let other = left(cache.path(), "libxen-dev_1_amd64", true);
        [&stale[0], &stale[1], &other].into_iter().for_each(|dir| age(dir, OLD));
        drop(Scratch::dir(cache.path()).unwrap());
        assert!(stale.iter().all(|dir| !dir.exists()));
        assert!(young.exists() && other.exists());
    }

    /// However long it takes.
    #[test]
    fn what_is_in_use_stays() {
        let cache = tempfile::tempdir().unwrap();
        let scratch = Scratch::dir(cache.path()).unwrap();
        let dir = scratch.path().parent().unwrap().to_owned();
        age(&dir, OLD);
        drop(Scratch::dir(cache.path()).unwrap());
        assert!(dir.exists());
        // What is not dropped, as when the process is killed, is unlocked all the same.
        let kept = left(cache.path(), ".tmp-kept", false);
        let lock = Lock::create(&kept).unwrap();
        age(&kept, OLD);
        remove(cache.path());
        assert!(kept.exists());
        drop(lock);
        remove(cache.path());
        assert!(!kept.exists());
    }

    #[test]
    fn links_and_files_stay() {
        let (cache, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(elsewhere.path().join("mine"), "").unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), cache.path().join(".tmp-link")).unwrap();
        fs::write(cache.path().join(".tmp-file"), "").unwrap();
        age(elsewhere.path(), OLD);
        age(&cache.path().join(".tmp-file"), OLD);
        remove(cache.path());
        assert!(elsewhere.path().join("mine").exists());
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 2);
    }
}
