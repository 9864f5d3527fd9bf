//! How packages may be fetched, and where they are kept.

use std::env;
use std::path::{Path, PathBuf};

/// The environment variable that names the Debian mirror to use.
pub const MIRROR_VARIABLE: &str = "DEBIAN_MIRROR";

/// The directory for packages in cargo's target directory.
const CACHE: &str = "debian-packages";

/// How packages may be fetched, and where they are kept.
#[derive(Clone)]
pub struct Options<'a> {
    /// The directory for packages and unpacked files; made when absent.
    pub cache: PathBuf,
    /// The Debian mirror to use: an `http`, `https` or `file` address whose `pool/` holds the
    /// packages. Without one, the machine's apt configuration is asked.
    pub mirror: Option<String>,
    /// Use the cache only.
    pub offline: bool,
    /// Is told, in one line each, what takes time.
    pub progress: &'a dyn Fn(&str),
}

impl Options<'static> {
    /// The environment's wishes: [`default_cache`], and the mirror of [`MIRROR_VARIABLE`].
    #[must_use]
    pub fn from_env() -> Self {
        let mirror = env::var(MIRROR_VARIABLE).ok().filter(|text| !text.is_empty());
        Self { cache: default_cache(), mirror, offline: false, progress: &|_| () }
    }
}

/// Where packages and their files are kept by default: `debian-packages` in cargo's target directory.
///
/// That is `CARGO_TARGET_DIR` when set, else `target` beside the nearest `Cargo.lock` at or above
/// the running package's or the current directory, else `target` in the current directory.
#[must_use]
pub fn default_cache() -> PathBuf {
    let here = env::current_dir().unwrap_or_default();
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let workspace = [package.as_deref(), Some(&here)].into_iter().flatten().find_map(|start| {
        start.ancestors().find(|dir| dir.join("Cargo.lock").is_file()).map(Path::to_owned)
    });
    let base = workspace.unwrap_or(here);
    match env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty()) {
        // A relative one is relative to the workspace, not to the test that happens to run.
        Some(dir) => base.join(dir).join(CACHE),
        None => base.join("target").join(CACHE),
    }
}
