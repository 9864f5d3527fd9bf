//! Where Xen's public headers come from, and how they are checked.
//!
//! Nothing of the headers' text is kept in this repository. `pins.toml` names, for each known
//! release, the distribution package that carries its headers and the SHA-256 of the package and
//! of every header in it. From that, [`HeaderTree::obtain`] gets a verified tree without root and
//! without touching the system. [`HeaderTree::open`] takes any directory that the user names and
//! [`HeaderTree::from_git`] any revision in a git repository; both say how it stands to the known
//! releases.
//!
//! [`pins()`] is the workspace's one list of releases: code that concerns every release with a package iterates
//! [`Pins::releases`], code that concerns all of them [`Pins::points`].
//!
//! Linux's headers for programs that use Xen's devices are pinned in `linux.toml` and obtained in the
//! same way: [`LinuxTree::obtain`]. Packages are fetched and unpacked by [`debian_packages`].
//!
//! The crate prints nothing: progress goes through [`Options::progress`], everything else is an
//! [`Error`] or a [`Warning`], each of them one line that names the thing and the way out.
//!
//! ```no_run
//! use xen_headers::{HeaderTree, Options, pins};
//!
//! let newest = &pins().default_release().name;
//! let tree = HeaderTree::obtain(pins(), newest, &Options::from_env())?;
//! for warning in &tree.warnings {
//!     eprintln!("warning: {warning}");
//! }
//! println!("{} headers of {} in {}", tree.headers.len(), tree.label, tree.root.display());
//! # Ok::<(), xen_headers::Error>(())
//! ```

mod error;
mod git;
mod linux;
mod listing;
mod obtain;
mod package;
mod pins;
mod points;
mod relation;
mod repin;
mod repository;
mod tarball;
mod text;
mod tree;
mod upstream;
mod versions;
mod warning;

pub use debian_packages::Options;
pub use error::Error;
pub use git::export;
pub use linux::{LinuxHeader, LinuxPin, LinuxTree, linux_pins};
pub use pins::{Pins, Release, pins};
pub use points::{Packaged, PointRelease};
pub use relation::{Differences, Relation};
pub use repin::{repin, repin_current, repin_points};
pub use tree::{HeaderTree, Origin};
pub use upstream::{GIT_VARIABLE, TARBALLS_VARIABLE, Upstream};
pub use versions::Versions;
pub use warning::Warning;
