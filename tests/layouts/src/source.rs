//! Where the source of a hypervisor is: in a distribution's package, or at a tag of upstream's repository.

use std::path::{Path, PathBuf};

use debian_packages::text::shown;
use devtools::Arch;
use xen_codegen::import::Source;
use xen_headers::{
    Error as HeadersError, HeaderTree, LinuxTree, Options, Origin, PointRelease, Upstream, export,
    linux_pins, pins,
};

use crate::pins::{SourcePackage, sources};
use crate::{Error, release};

/// What a hypervisor is built from, without the tools.
const NEEDED: [&str; 3] = ["Config.mk", "config", "xen"];

/// The source of a hypervisor that is to be built.
#[derive(Debug)]
pub enum HypervisorSource {
    /// A distribution's.
    Package(&'static SourcePackage),
    /// Upstream's, of a release that no distribution's package has.
    Tag(Box<Tag>),
}

/// A tag of upstream's repository.
#[derive(Debug)]
pub struct Tag {
    release: &'static PointRelease,
    repository: PathBuf,
    commit: String,
    headers: HeaderTree,
}

impl HypervisorSource {
    /// The sources of `releases`, or of all that can be built if none is named. Those at tags are read from
    /// `repository`, a clone of upstream's; their headers are compared with what is pinned.
    pub fn wanted(releases: &[String], repository: Option<&Path>) -> Result<Vec<Self>, Error> {
        let is_named = |release: &str| releases.iter().any(|named| named == release);
        let is_wanted = |release: &str| releases.is_empty() || is_named(release);
        let points = pins().newer_points();
        let is_package = |name: &String| sources().iter().any(|known| known.release == *name);
        let is_point = |name: &String| points.iter().any(|point| point.series() == name);
        if let Some(name) = releases.iter().find(|name| !is_package(name) && !is_point(name)) {
            let packages = sources().iter().map(|known| known.release.as_str()).collect();
            let tags = points.iter().map(|point| point.series()).collect();
            return Err(Error::NotBuilt { name: name.clone(), packages, tags });
        }
        let mut all: Vec<_> =
            sources().iter().filter(|known| is_wanted(&known.release)).map(Self::Package).collect();
        for point in points.into_iter().filter(|point| is_wanted(point.series())) {
            match repository {
                Some(repository) => all.push(Self::Tag(Box::new(Tag::open(point, repository)?))),
                None if is_named(point.series()) => {
                    return Err(Error::NoClone { release: point.series() });
                }
                None => {}
            }
        }
        Ok(all)
    }

    /// The release of Xen, for example `4.20`.
    #[must_use]
    pub fn release(&self) -> &'static str {
        match self {
            Self::Package(package) => &package.release,
            Self::Tag(tag) => tag.release.series(),
        }
    }

    /// The architecture to build it for.
    #[must_use]
    pub fn arch(&self) -> Arch {
        match self {
            Self::Package(package) => package.arch,
            Self::Tag(_) => Arch::X86_64,
        }
    }

    /// What exactly is built: of a tag, which can be moved, its commit.
    #[must_use]
    pub fn version(&self) -> &str {
        match self {
            Self::Package(package) => &package.changes.version,
            Self::Tag(tag) => &tag.commit,
        }
    }

    /// The name of the directory that it is built in.
    #[must_use]
    pub fn directory_name(&self) -> String {
        let stem = match self {
            Self::Package(package) => {
                package.changes.file_name().trim_end_matches(".debian.tar.xz").to_owned()
            }
            Self::Tag(tag) => format!("xen_{}", tag.release.name),
        };
        format!("{stem}-{}", self.arch())
    }

    /// The headers that our layouts are generated from.
    pub fn headers(&self) -> Result<Source, Error> {
        match self {
            Self::Package(package) => release(&package.release),
            Self::Tag(tag) => {
                let linux = LinuxTree::obtain(linux_pins(), &Options::from_env())?;
                Ok(Source::new(tag.headers.clone(), Some(linux))?)
            }
        }
    }

    /// Writes the source to `place`, a directory that does not exist yet.
    pub fn unpack(&self, place: &Path, options: &Options<'_>) -> Result<(), Error> {
        match self {
            Self::Package(package) => package.unpack(place, options),
            Self::Tag(tag) => {
                export(&tag.repository, &tag.commit, &NEEDED, place)?;
                Ok(())
            }
        }
    }
}

impl Tag {
    fn open(release: &'static PointRelease, repository: &Path) -> Result<Self, Error> {
        let upstream = Upstream { git: Some(repository.to_owned()), tarballs: None };
        let tree = HeaderTree::obtain_from(pins(), &release.name, &upstream, &Options::from_env());
        let headers = tree.map_err(|error| refused(error, repository))?;
        let commit = match &headers.origin {
            Origin::Git { commit, .. } => commit.clone(),
            _ => unreachable!("a clone is the only place that was named"),
        };
        Ok(Self { release, repository: repository.to_owned(), commit, headers })
    }
}

/// The error about a clone in the words of the variable that names it.
fn refused(error: HeadersError, repository: &Path) -> Error {
    let what = match error {
        HeadersError::NoGit { source } => {
            return Error::Builder { program: "git".to_owned(), source };
        }
        HeadersError::NotARepository { detail, .. } => {
            format!("is no git repository: {detail}; name a clone of upstream's repository")
        }
        HeadersError::NoRevision { rev, .. } => {
            let shown = shown(repository);
            format!("has no tag {rev}; fetch it: git -C {shown} fetch origin tag {rev}")
        }
        other => return other.into(),
    };
    Error::Clone { dir: repository.to_owned(), what }
}
