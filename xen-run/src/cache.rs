//! Where images are kept.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// The directory in the user's cache directory.
const NAME: &str = "xen-run";

/// Where images are kept unless a boot says otherwise: `xen-run` in the user's cache directory, which is
/// `$XDG_CACHE_HOME`, or `.cache` in `$HOME`. Without either it is in the system's directory for temporary
/// files.
///
/// Upstream: the XDG Base Directory Specification, which has relative paths ignored.
#[must_use]
pub fn default_cache() -> PathBuf {
    of(env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")).unwrap_or_else(env::temp_dir).join(NAME)
}

fn of(cache: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    cache.and_then(absolute).or_else(|| Some(home.and_then(absolute)?.join(".cache")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_decides() {
        let some = |text: &str| Some(OsString::from(text));
        assert_eq!(of(some("/c"), some("/h")), Some("/c".into()));
        assert_eq!(of(None, some("/h")), Some("/h/.cache".into()));
        for ignored in ["", "relative"] {
            assert_eq!(of(some(ignored), some("/h")), Some("/h/.cache".into()));
            assert_eq!(of(some(ignored), some(ignored)), None);
        }
    }
}
