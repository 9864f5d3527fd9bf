//! Hypervisors that were built from source.

use std::fs;
use std::path::{Path, PathBuf};

use debian_packages::default_cache;

use crate::Arch;

/// The hypervisor of a release that `cargo xtask live --from-source` has built, if it has.
#[must_use]
pub fn built_hypervisor(release: &str, arch: Arch) -> Option<PathBuf> {
    built_in(&default_cache().with_file_name("xen-live").join("source"), release, arch)
}

/// The same below the directory `place`.
fn built_in(place: &Path, release: &str, arch: Arch) -> Option<PathBuf> {
    let trees = fs::read_dir(place).ok()?.filter_map(|tree| Some(tree.ok()?.path()));
    let is_wanted = |tree: &PathBuf| {
        let name = tree.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&format!("xen_{release}.")) && name.ends_with(&format!("-{arch}"))
    };
    // Only a build that was finished has the linked hypervisor there.
    let is_whole = |tree: &PathBuf| tree.join("xen-syms").is_file();
    let mut images = trees.filter(is_wanted).filter(is_whole).map(|tree| tree.join("xen/xen"));
    images.find(|image| image.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_build_of_the_release_is_found() {
        let place = tempfile::tempdir().unwrap();
        let build = |tree: &str, files: &[&str]| {
            fs::create_dir_all(place.path().join(tree).join("xen")).unwrap();
            for file in files {
                fs::write(place.path().join(tree).join(file), "").unwrap();
            }
        };
        build("xen_4.20.3+127-gc42374a105-0+deb13u1-aarch64", &["xen-syms", "xen/xen"]);
        build("xen_4.22.0-x86_64", &["xen-syms", "xen/xen"]);
        build("xen_4.21.2-x86_64", &["xen/xen"]);
        let found = |release, arch| built_in(place.path(), release, arch);
        let image = place.path().join("xen_4.22.0-x86_64/xen/xen");
        assert_eq!(found("4.22", Arch::X86_64), Some(image));
        assert!(found("4.20", Arch::Aarch64).is_some());
        assert_eq!(found("4.20", Arch::X86_64), None, "another architecture");
        assert_eq!(found("4.2", Arch::X86_64), None, "another release");
        assert_eq!(found("4.21", Arch::X86_64), None, "it was interrupted");
    }
}
