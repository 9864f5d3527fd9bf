//! How packages may be fetched, and where they are kept.

use std::env;
use std::path::PathBuf;

use crate::default_cache;

/// The environment variable that names the Debian mirror to use.
pub const MIRROR_VARIABLE: &str = "XEN_HEADERS_MIRROR";

/// How packages may be fetched, and where they are kept.
#[derive(Clone)]
pub struct Options<'a> {
    /// The directory for packages and unpacked trees; made when absent.
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
