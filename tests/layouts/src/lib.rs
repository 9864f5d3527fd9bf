//! What the tests of layouts share: headers of each release, C compilers, debug information, and the C
//! oracle.

pub mod build;
pub mod compilers;
pub mod dwarf;
pub mod hypervisor;
pub mod modules;
pub mod oracle;
pub mod pins;
pub mod prove;
pub mod records;
pub mod shipped;
pub mod source;

use std::path::{Path, PathBuf};
use std::thread;

use debian_packages::text::shown;
use devtools::Arch;
use xen_codegen::import::Source;
use xen_headers::{GIT_VARIABLE, HeaderTree, LinuxTree, Options, linux_pins, pins};

/// The headers of a pinned release and Linux's, from the cache or the mirror.
pub fn release(name: &str) -> Result<Source, Error> {
    let options = Options::from_env();
    let linux = LinuxTree::obtain(linux_pins(), &options)?;
    Ok(Source::new(HeaderTree::obtain(pins(), name, &options)?, Some(linux))?)
}

/// The headers of the newest release that has a package.
pub fn newest() -> Result<Source, Error> {
    release(&pins().default_release().name)
}

/// Checks every pinned release, all at the same time.
///
/// # Panics
///
/// When a check does, or headers cannot be obtained.
pub fn each_release(check: impl Fn(&Source) + Sync) {
    thread::scope(|scope| {
        for pin in pins().releases() {
            let check = &check;
            scope.spawn(move || {
                check(&release(&pin.name).unwrap_or_else(|error| panic!("{}: {error}", pin.name)));
            });
        }
    });
}

/// What can go wrong beneath a check.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The headers could not be obtained.
    #[error(transparent)]
    Headers(#[from] xen_headers::Error),
    /// A hypervisor's package could not be obtained.
    #[error(transparent)]
    Package(#[from] debian_packages::Error),
    /// The records are not as they were written.
    #[error(transparent)]
    Records(#[from] xen_records::Error),
    /// A release has no record.
    #[error(
        "{release} is not recorded on this architecture; make its record with `codegen record`"
    )]
    NotRecorded {
        /// The release.
        release: String,
    },
    /// The generator failed.
    #[error(transparent)]
    Codegen(Box<xen_codegen::error::Error>),
    /// An architecture has no C compiler here.
    #[error("no C compiler for {arch}; install one with `cargo xtask setup`")]
    NoCompiler {
        /// The architecture.
        arch: Arch,
    },
    /// A compiler could not be started.
    #[error("cannot run {program}: {source}; install it with `cargo xtask setup`")]
    Compiler {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// What builds hypervisors could not be started.
    #[error(
        "cannot run {program}: {source}; `cargo xtask live --from-source` installs it or names its package"
    )]
    Builder {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// The source of a release is not known.
    #[error(
        "Xen {name} is not built from source; Debian's packages have that of {}, and a clone of upstream's repository \
         that {GIT_VARIABLE} names that of {}",
        packages.join(" and "),
        tags.join(" and ")
    )]
    NotBuilt {
        /// The release that was named.
        name: String,
        /// Those with a package.
        packages: Vec<&'static str>,
        /// Those with a tag.
        tags: Vec<&'static str>,
    },
    /// The source of a release is in no package, and no repository is named.
    #[error(
        "no Debian package has the source of Xen {release}; name a clone of upstream's repository with {GIT_VARIABLE}=DIR"
    )]
    NoClone {
        /// The release.
        release: &'static str,
    },
    /// The repository that is named does not have the source.
    #[error("{GIT_VARIABLE}={} {what}", shown(dir))]
    Clone {
        /// The repository.
        dir: PathBuf,
        /// What is wrong, and the way out.
        what: String,
    },
    /// A hypervisor could not be built.
    #[error("{program} failed; what it said is in {}", log.display())]
    Build {
        /// The program.
        program: String,
        /// Its output.
        log: PathBuf,
    },
    /// A file of ours could not be used.
    #[error("cannot use {}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The compiler made something that is no object file.
    #[error("the compiler's object file cannot be read: {0}")]
    Object(#[from] object::Error),
    /// The compiler's debug information is no DWARF that is understood.
    #[error("the compiler's debug information cannot be read: {0}")]
    Dwarf(#[from] gimli::Error),
}

impl From<xen_codegen::error::Error> for Error {
    fn from(error: xen_codegen::error::Error) -> Self {
        Self::Codegen(Box::new(error))
    }
}

impl Error {
    /// For `map_err`: a file or directory refused.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}
