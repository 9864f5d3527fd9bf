//! Where Xen's public headers come from, and how they are checked.
//!
//! Nothing of the headers' text is kept in this repository. `pins.toml` names, for each known
//! release, the distribution package that carries its headers and the SHA-256 of the package and
//! of every header in it. From that, [`HeaderTree::obtain`] gets a verified tree without root and
//! without touching the system, and [`HeaderTree::open`] takes any tree the user names and says
//! how it stands to the known releases.
//!
//! Linux's headers for programs that use Xen's devices are pinned in `linux.toml` and had in the
//! same way: [`LinuxTree::obtain`].
//!
//! The hypervisors that the tests boot are pinned in `hypervisors.toml` and had in the same way:
//! [`Hypervisor::obtain`]. So is the Linux that some of them start, in `dom0.toml`:
//! [`Collection::obtain`].
//!
//! The crate prints nothing: progress goes through [`Options::progress`], everything else comes
//! back as [`Error`] or [`Warning`], each of them one line that names the thing and the way out.
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

mod cache;
mod deb;
mod digest;
mod dom0;
mod download;
mod error;
mod fetch;
mod hypervisor;
mod linux;
mod listing;
mod mirror;
mod obtain;
mod options;
mod packed;
mod pins;
mod relation;
mod repin;
mod source;
mod suite;
mod text;
mod tree;
mod versions;
mod warning;

pub use cache::default_cache;
pub use deb::unpack;
pub use digest::Digest;
pub use dom0::{Collection, Files, Part};
pub use error::Error;
pub use fetch::{Fetched, fetch};
pub use hypervisor::{Hypervisor, Image, ImagePin, hypervisors, symbols};
pub use linux::{LinuxHeader, LinuxPin, LinuxTree, linux_pins};
pub use options::{MIRROR_VARIABLE, Options};
pub use pins::{PackagePin, Pins, Release, pins};
pub use relation::{Differences, Relation};
pub use repin::{repin, repin_current};
pub use source::{SourcePackage, sources};
pub use tree::{HeaderTree, Origin};
pub use versions::Versions;
pub use warning::Warning;
