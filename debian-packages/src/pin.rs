//! Which package, to the byte.

use serde::{Deserialize, Serialize};

use crate::Digest;

/// Everything that identifies one Debian package.
///
/// The mirror is left out: it is the machine's business, not the project's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackagePin {
    /// The package's name, for example `libxen-dev`.
    pub name: String,
    /// The package that depends on the suite's current one, where the name itself carries a version:
    /// for a kernel, `linux-image-amd64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<String>,
    /// The Debian architecture, for example `amd64`; for a package that fits all, one whose index
    /// lists it.
    pub arch: String,
    /// The Debian suite that carries it, for example `trixie`.
    pub suite: String,
    /// The package's full version.
    pub version: String,
    /// The file's path below a mirror's base address; it starts with `pool/`.
    pub pool: String,
    /// The file's size in bytes.
    pub size: u64,
    /// The file's SHA-256.
    pub sha256: Digest,
}

impl PackagePin {
    /// A package of which no version is known yet: what [`current`](Self::current) starts from.
    #[must_use]
    pub fn named(name: &str, arch: &str, suite: &str) -> Self {
        Self {
            name: name.to_owned(),
            meta: None,
            arch: arch.to_owned(),
            suite: suite.to_owned(),
            version: "any".to_owned(),
            pool: String::new(),
            size: 0,
            sha256: Digest::of(&[]),
        }
    }

    /// The file's name: the last part of its path in the pool.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.pool.rsplit('/').next().unwrap_or(&self.pool)
    }

    /// The file's name without `.deb`: the name of the directory in the cache for what is in it.
    #[must_use]
    pub fn directory_name(&self) -> &str {
        self.file_name().trim_end_matches(".deb")
    }

    /// Whether every part is fit to become part of a path, an address and a command line.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let word = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-._:~".contains(c))
        };
        let words = [&self.name, &self.arch, &self.suite, &self.version];
        words.into_iter().chain(&self.meta).all(|text| word(text))
            && self.pool.starts_with("pool/")
            && [".deb", ".tar.xz"].iter().any(|end| self.pool.ends_with(end))
            && self.pool.split('/').all(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_would_lead_elsewhere_are_not_sound() {
        let sound = PackagePin {
            pool: "pool/main/x/xen/libxen-dev_4.20-1_amd64.deb".to_owned(),
            ..PackagePin::named("libxen-dev", "amd64", "trixie")
        };
        assert!(sound.is_sound());
        assert_eq!(sound.directory_name(), "libxen-dev_4.20-1_amd64");
        for pool in ["pool/../x.deb", "main/x.deb", "pool/x", "pool/a b.deb", ""] {
            assert!(!PackagePin { pool: pool.to_owned(), ..sound.clone() }.is_sound(), "{pool}");
        }
        for suite in ["a b", "", "-o", "a/b"] {
            assert!(!PackagePin { suite: suite.to_owned(), ..sound.clone() }.is_sound(), "{suite}");
        }
    }
}
