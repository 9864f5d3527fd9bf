//! Which code is changed, and which packages' tests must notice.

use std::path::Path;

use crate::{Error, workspace};

/// Code that the same tests check.
#[derive(Debug)]
pub(super) struct Area {
    pub(super) name: &'static str,
    /// Files and directories, from the root.
    paths: &'static [&'static str],
    /// Packages whose tests are run.
    pub(super) tested_by: &'static [&'static str],
    /// Features without which some of the code is not compiled.
    pub(super) features: &'static [&'static str],
    /// Parts of the names of tests that are left out.
    pub(super) without: &'static [&'static str],
}

/// It compiles programs against the crate, which takes longer than all other tests, and notices a change of
/// a signature only.
const COMPILE_FAIL: &str = "misuse_does_not_compile";

pub(super) const AREAS: &[Area] = &[
    Area {
        name: "xen-ops",
        paths: &["xen-ops/src/gnttab", "xen-ops/src/memory", "xen-ops/src/events"],
        tested_by: &["xen-ops", "xen-sim"],
        features: &[],
        without: &[COMPILE_FAIL],
    },
    Area {
        name: "xen-sim",
        paths: &["xen-sim/src/grant_table", "xen-sim/src/state/grant_table.rs"],
        tested_by: &["xen-sim", "xen-ops"],
        features: &[],
        without: &[COMPILE_FAIL],
    },
    Area {
        name: "xen-linux",
        paths: &["xen-linux/src"],
        tested_by: &["xen-linux", "xen-devices"],
        features: &["xen-linux/full"],
        without: &[],
    },
    Area {
        name: "xen-abi-derive",
        paths: &["xen-abi-derive/src"],
        tested_by: &["xen-abi-derive", "xen-ops"],
        features: &[],
        without: &[],
    },
];

/// The areas that the paths are in, each with the globs of its files. Without paths: all of all areas.
pub(super) fn choose(paths: &[String]) -> Result<Vec<(&'static Area, Vec<String>)>, Error> {
    let root = workspace::root()?;
    for path in paths {
        if !AREAS.iter().any(|area| area.has(path)) {
            let all: Vec<_> = AREAS.iter().flat_map(|area| area.paths).copied().collect();
            return Err(Error::Usage(format!(
                "{path} is not in {}; give a path from the root",
                all.join(", ")
            )));
        }
        if !root.join(path).exists() {
            return Err(Error::Usage(format!("{path} does not exist; give a path from the root")));
        }
    }
    let of = |area: &'static Area| -> Vec<String> {
        if paths.is_empty() {
            return area.paths.iter().map(|path| glob(&root, path)).collect();
        }
        paths.iter().filter(|path| area.has(path)).map(|path| glob(&root, path)).collect()
    };
    let all = AREAS.iter().map(|area| (area, of(area)));
    Ok(all.filter(|(_, globs)| !globs.is_empty()).collect())
}

impl Area {
    fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|own| Path::new(path).starts_with(own))
    }
}

/// What matches a file, or all files of a directory.
fn glob(root: &Path, path: &str) -> String {
    let path = path.trim_end_matches('/');
    if root.join(path).is_dir() { format!("{path}/**/*.rs") } else { path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(paths: &[&str]) -> Result<Vec<(&'static str, Vec<String>)>, Error> {
        let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
        Ok(choose(&paths)?.into_iter().map(|(area, globs)| (area.name, globs)).collect())
    }

    #[test]
    fn paths_choose_areas_and_files() {
        let swap = "xen-ops/src/gnttab/swap.rs";
        assert_eq!(
            chosen(&[swap, "xen-linux/src/gntdev/"]).unwrap(),
            [
                ("xen-ops", vec![swap.to_owned()]),
                ("xen-linux", vec!["xen-linux/src/gntdev/**/*.rs".to_owned()])
            ]
        );
        assert_eq!(chosen(&[]).unwrap().len(), AREAS.len());
        for wrong in ["xen-abi/src/lib.rs", "xen-ops/src/gnttab/no_such.rs", "xen-ops/src/gnttab2"]
        {
            assert!(matches!(chosen(&[wrong]), Err(Error::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn every_area_is_there() {
        let root = workspace::root().unwrap();
        for area in AREAS {
            area.paths.iter().for_each(|path| assert!(root.join(path).exists(), "{path}"));
        }
    }
}
