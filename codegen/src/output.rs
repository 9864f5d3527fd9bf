//! Generated files on disk: compared, or replaced all at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The first words of every generated file. No other file is deleted.
const MARK: &str = "// @generated";

/// Files by path relative to the output directory.
pub type Files = BTreeMap<String, String>;

/// `xen-abi/src/generated` of the workspace the current directory lies in.
pub(crate) fn workspace_directory() -> Result<PathBuf, Error> {
    let here = std::env::current_dir().map_err(|source| Error::Io {
        action: "find",
        path: ".".into(),
        source,
        hint: "; name the directory with --out",
    })?;
    let found = here.ancestors().map(|dir| dir.join("xen-abi/src")).find(|dir| dir.is_dir());
    found.map(|dir| dir.join("generated")).ok_or(Error::NoWorkspace)
}

/// What differs between `files` and the directory, a line each.
pub fn differences(out: &Path, files: &Files) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    let mut there = BTreeSet::new();
    collect(out, out, &mut there)?;
    for (name, text) in files {
        match read(&out.join(name)) {
            Ok(found) if found == *text => {}
            Ok(found) => {
                let line = found.lines().zip(text.lines()).take_while(|(a, b)| a == b).count();
                lines.push(format!("{name}: differs from line {}", line + 1));
            }
            Err(_) => lines.push(format!("{name}: missing")),
        }
    }
    // Only what is generated for the same architectures can be stale.
    let tops: BTreeSet<_> = files.keys().filter_map(|name| name.split('/').next()).collect();
    let stale = there.iter().filter(|name| !files.contains_key(*name));
    let stale = stale.filter(|name| name.split('/').next().is_some_and(|top| tops.contains(top)));
    lines.extend(stale.map(|name| format!("{name}: no longer generated")));
    Ok(lines)
}

/// Puts `files` into the directory: all are written beside it first, then moved into place.
pub fn write(out: &Path, files: &Files) -> Result<(), Error> {
    let tops: BTreeSet<_> = files.keys().filter_map(|name| name.split('/').next()).collect();
    for top in &tops {
        only_ours(&out.join(top))?;
    }
    create(out)?;
    // Created exclusively: what an earlier run or another process left is never taken for ours. It
    // is removed when dropped.
    let staging = tempfile::Builder::new().prefix(".new-").tempdir_in(out);
    let staging = staging.map_err(|source| Error::output("create", out, source))?;
    stage(staging.path(), files)?;
    let mut moved: Vec<(PathBuf, PathBuf)> = Vec::new();
    for top in &tops {
        let (new, old) = (staging.path().join(top), out.join(top));
        let aside = staging.path().join(format!("old-{top}"));
        if let Err(error) = replace(&new, &old, &aside) {
            // All or nothing: what was replaced already goes back.
            moved.iter().rev().for_each(|(old, aside)| restore(old, aside));
            return Err(error);
        }
        moved.push((old, aside));
    }
    Ok(())
}

fn stage(staging: &Path, files: &Files) -> Result<(), Error> {
    for (name, text) in files {
        let path = staging.join(name);
        create(path.parent().unwrap_or(staging))?;
        fs::write(&path, text).map_err(|source| Error::output("write", &path, source))?;
    }
    Ok(())
}

/// Moves `old`, if it is there, to `aside`, and `new` into its place.
fn replace(new: &Path, old: &Path, aside: &Path) -> Result<(), Error> {
    if fs::symlink_metadata(old).is_ok() {
        fs::rename(old, aside).map_err(|source| Error::output("replace", old, source))?;
    }
    fs::rename(new, old).map_err(|source| {
        restore(old, aside);
        Error::output("replace", old, source)
    })
}

/// Undoes [`replace`]; there is nothing more to do where that fails.
fn restore(old: &Path, aside: &Path) {
    let _ = if old.is_dir() { fs::remove_dir_all(old) } else { fs::remove_file(old) };
    let _ = fs::rename(aside, old);
}

fn create(dir: &Path) -> Result<(), Error> {
    fs::create_dir_all(dir).map_err(|source| Error::output("create", dir, source))
}

/// Fails if `path` holds a file that is not generated, so that a mistyped --out destroys nothing.
fn only_ours(path: &Path) -> Result<(), Error> {
    let mut there = BTreeSet::new();
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => collect(path, path, &mut there)?,
        Ok(_) => drop(there.insert(String::new())),
        Err(_) => {}
    }
    for name in there {
        let file = if name.is_empty() { path.to_owned() } else { path.join(name) };
        let ours = read(&file).is_ok_and(|text| text.starts_with(MARK));
        if !ours {
            return Err(Error::NotOurs { path: file });
        }
    }
    Ok(())
}

/// The text of a regular file; nothing else is opened.
fn read(path: &Path) -> std::io::Result<String> {
    if fs::symlink_metadata(path)?.is_file() {
        fs::read_to_string(path)
    } else {
        Err(std::io::Error::other("not a regular file"))
    }
}

/// Everything below `dir` but directories, relative to `root`, links not followed; a directory that is
/// not there holds nothing.
fn collect(root: &Path, dir: &Path, out: &mut BTreeSet<String>) -> Result<(), Error> {
    let failed = |source| Error::output("read", dir, source);
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if entry.file_type().map_err(failed)?.is_dir() {
            collect(root, &path, out)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            out.insert(name.to_string_lossy().into_owned());
        }
    }
    Ok(())
}
