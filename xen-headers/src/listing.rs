//! The files of a header tree.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use debian_packages::Digest;

use crate::Error;

/// Directories that are installed beside the ABI but are not part of it: Linux's device headers,
/// and a generated copy of the structures of every architecture.
const NOT_ABI: [&str; 2] = ["sys", "foreign"];

/// Bounds on a tree, each many times what upstream's trees have, so that a directory that is no
/// tree is refused at once.
const MAX_DEPTH: usize = 8;
const MAX_ENTRIES: usize = 10_000;
pub(crate) const MAX_HEADERS: usize = 1_000;
pub(crate) const MAX_HEADER_BYTES: u64 = 1 << 20;
const MAX_TREE_BYTES: u64 = 8 << 20;

/// Whether `name`, relative to the directory of `xen.h`, is a header of the ABI.
pub(crate) fn is_abi_header(name: &str) -> bool {
    let top = name.split('/').next().unwrap_or_default();
    name.ends_with(".h") && !NOT_ABI.contains(&top)
}

/// Every header of the ABI below `root`, with its hash. Only regular files are read.
pub(crate) fn hashes(root: &Path) -> Result<BTreeMap<String, Digest>, Error> {
    let mut walk = Walk::default();
    walk.directory(root, "", 0)?;
    Ok(walk.found)
}

#[derive(Default)]
struct Walk {
    found: BTreeMap<String, Digest>,
    entries: usize,
    bytes: u64,
}

impl Walk {
    fn directory(&mut self, dir: &Path, prefix: &str, depth: usize) -> Result<(), Error> {
        let failed = |source| Error::read(dir, source);
        if depth > MAX_DEPTH {
            return Err(Error::hostile(dir, "is more levels deep than any header tree"));
        }
        for entry in fs::read_dir(dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(Error::hostile(dir, "has more files than any header tree"));
            }
            let kind = entry.file_type().map_err(|source| Error::read(&path, source))?;
            let file_name = entry.file_name();
            let is_header = file_name.as_encoded_bytes().ends_with(b".h");
            // Not ours to judge: what lies beside the headers.
            let beside = depth == 0 && NOT_ABI.iter().any(|name| file_name == *name);
            if beside || !(is_header || kind.is_dir() || kind.is_symlink() && path.is_dir()) {
                continue;
            }
            if kind.is_symlink() {
                let what = "is a link, and only what lies inside a header tree is read";
                return Err(Error::hostile(&path, what));
            }
            let name = plain(&file_name)
                .ok_or_else(|| Error::hostile(&path, "has a name that no header has"))?;
            let name = format!("{prefix}{name}");
            if kind.is_dir() {
                self.directory(&path, &format!("{name}/"), depth + 1)?;
            } else if kind.is_file() {
                self.header(&path, name)?;
            } else {
                return Err(Error::hostile(&path, "is not a regular file"));
            }
        }
        Ok(())
    }

    fn header(&mut self, path: &Path, name: String) -> Result<(), Error> {
        let bytes = read(path, MAX_HEADER_BYTES).map_err(|source| Error::read(path, source))?;
        let Some(bytes) = bytes else {
            return Err(Error::hostile(path, "is larger than any header (1 MiB)"));
        };
        self.bytes += bytes.len() as u64;
        self.found.insert(name, Digest::of(&bytes));
        if self.found.len() > MAX_HEADERS || self.bytes > MAX_TREE_BYTES {
            let what = "makes the headers more than any tree has (1000 files, 8 MiB)";
            return Err(Error::hostile(path, what));
        }
        Ok(())
    }
}

/// A file's content, or `None` if it has more than `limit` bytes.
fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// A name as text, if it is one that a header or a directory of headers may have: it stands in
/// `#include` lines and becomes the name of a module.
fn plain(name: &OsStr) -> Option<&str> {
    let name = name.to_str()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '.');
    (name.chars().all(plain) && !name.starts_with(['.', '-', '+'])).then_some(name)
}
