//! The headers of upstream's releases: from a clone of its repository, or from its archives.

use std::env;
use std::path::PathBuf;

use debian_packages::Options;

use crate::listing::hashes;
use crate::{Differences, Error, HeaderTree, Pins, PointRelease};

/// The environment variable that names a clone of upstream's repository.
pub const GIT_VARIABLE: &str = "XEN_GIT";

/// The environment variable that names a directory with upstream's archives.
pub const TARBALLS_VARIABLE: &str = "XEN_TARBALLS";

/// Where upstream's releases are on this machine. The first that has a release is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upstream {
    /// A clone of upstream's repository, with its tags.
    pub git: Option<PathBuf>,
    /// A directory with upstream's archives, such as `xen-4.20.4.tar.gz` or `4.20.4/xen-4.20.4.tar.gz`:
    /// the layout of the directory from which upstream offers them.
    pub tarballs: Option<PathBuf>,
}

impl Upstream {
    /// What [`GIT_VARIABLE`] and [`TARBALLS_VARIABLE`] say.
    #[must_use]
    pub fn from_env() -> Self {
        let named = |name| env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
        Self { git: named(GIT_VARIABLE), tarballs: named(TARBALLS_VARIABLE) }
    }

    /// Whether any place is named.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.git.is_some() || self.tarballs.is_some()
    }

    /// The headers of a release, each checked against its pin.
    pub(crate) fn obtain(
        &self,
        pins: &Pins,
        release: &PointRelease,
        options: &Options<'_>,
    ) -> Result<HeaderTree, Error> {
        let tree = match (&self.git, self.tarball(release)) {
            (None, Some(file)) => HeaderTree::from_tarball_among(pins, &file, options)?,
            (Some(dir), tarball) => {
                match (HeaderTree::from_git_among(pins, dir, &release.tag(), options), tarball) {
                    // A shallow clone, for example.
                    (Err(Error::NoRevision { .. }), Some(file)) => {
                        HeaderTree::from_tarball_among(pins, &file, options)?
                    }
                    (tree, _) => tree?,
                }
            }
            (None, None) => {
                let (name, tarball) = (release.name.clone(), release.tarball());
                return Err(Error::NoSource { name, tarball });
            }
        };
        let differences = Differences::between(&hashes(&tree.root)?, &release.headers);
        if differences.is_empty() {
            return Ok(tree);
        }
        let (name, place) = (release.name.clone(), tree.origin.place(&tree.root));
        Err(Error::NotAsPinned { name, place, differences })
    }

    /// The archive of a release, when it is there.
    fn tarball(&self, release: &PointRelease) -> Option<PathBuf> {
        let dir = self.tarballs.as_ref()?;
        let name = release.tarball();
        [dir.join(&release.name).join(&name), dir.join(&name)]
            .into_iter()
            .find(|file| file.is_file())
    }
}
