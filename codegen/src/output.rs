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
        match fs::read_to_string(out.join(name)) {
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
    let staging = out.join(format!(".new-{}", std::process::id()));
    let result = stage(&staging, files).and_then(|()| {
        let mut moved: Vec<(PathBuf, PathBuf)> = Vec::new();
        for top in &tops {
            let (new, old) = (staging.join(top), out.join(top));
            let aside = staging.join(format!("old-{top}"));
            if let Err(error) = replace(&new, &old, &aside) {
                // All or nothing: what was replaced already goes back.
                moved.iter().rev().for_each(|(old, aside)| restore(old, aside));
                return Err(error);
            }
            moved.push((old, aside));
        }
        Ok(())
    });
    // Whatever happened, nothing of ours is left beside the result.
    let _ = fs::remove_dir_all(&staging);
    result
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
    if old.exists() {
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
    if path.is_file() {
        there.insert(String::new());
    } else {
        collect(path, path, &mut there)?;
    }
    for name in there {
        let file = if name.is_empty() { path.to_owned() } else { path.join(name) };
        let ours = fs::read_to_string(&file).is_ok_and(|text| text.starts_with(MARK));
        if !ours {
            return Err(Error::NotOurs { path: file });
        }
    }
    Ok(())
}

/// Every file below `dir`, relative to `root`; a directory that is not there holds none.
fn collect(root: &Path, dir: &Path, out: &mut BTreeSet<String>) -> Result<(), Error> {
    if !dir.exists() {
        return Ok(());
    }
    let failed = |source| Error::output("read", dir, source);
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            collect(root, &path, out)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            out.insert(name.to_string_lossy().into_owned());
        }
    }
    Ok(())
}
