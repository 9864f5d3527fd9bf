//! The files of a header tree.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use debian_packages::Digest;

use crate::Error;

/// Directories that are installed beside the ABI but are not part of it: Linux's device headers,
/// and a generated copy of the structures of every architecture.
const NOT_ABI: [&str; 2] = ["sys", "foreign"];

/// No header tree is deeper; a link that leads back up is.
const DEEPEST: usize = 8;

/// Whether `name`, relative to the directory of `xen.h`, is a header of the ABI.
pub(crate) fn is_abi_header(name: &str) -> bool {
    let top = name.split('/').next().unwrap_or_default();
    name.ends_with(".h") && !NOT_ABI.contains(&top)
}

/// Every header of the ABI below `root`, with its hash.
pub(crate) fn hashes(root: &Path) -> Result<BTreeMap<String, Digest>, Error> {
    let mut found = BTreeMap::new();
    walk(root, "", 0, &mut found)?;
    Ok(found)
}

fn walk(
    dir: &Path,
    prefix: &str,
    depth: usize,
    found: &mut BTreeMap<String, Digest>,
) -> Result<(), Error> {
    for entry in fs::read_dir(dir).map_err(|source| Error::read(dir, source))? {
        let entry = entry.map_err(|source| Error::read(dir, source))?;
        let path = entry.path();
        // No header can include a file whose name is not text.
        let Some(name) = entry.file_name().to_str().map(|name| format!("{prefix}{name}")) else {
            continue;
        };
        if path.is_dir() {
            if depth < DEEPEST {
                walk(&path, &format!("{name}/"), depth + 1, found)?;
            }
        } else if is_abi_header(&name) {
            let bytes = fs::read(&path).map_err(|source| Error::read(&path, source))?;
            found.insert(name, Digest::of(&bytes));
        }
    }
    Ok(())
}
