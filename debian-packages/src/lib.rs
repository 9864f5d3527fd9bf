//! Debian packages, fetched, checked and unpacked without root and without changing the system.
//!
//! A [`PackagePin`] names a package by version and SHA-256. [`fetch()`] gets its file from the cache or
//! from the machine's Debian mirror and checks the hash. If the pinned version has left the mirror,
//! the version that the suite has today is taken instead, checked against the suite's signed index,
//! and the result says so in a [`Replaced`].
//!
//! [`unpack`] writes chosen files of a package below a directory; [`PackageFiles`] names files of a
//! package and keeps them in the cache; [`unpack_source`] unpacks a source package, and
//! [`unpack_tarball`] files of an upstream project's archive.
//!
//! The crate prints nothing: progress goes through [`Options::progress`], everything else is an
//! [`Error`] or a [`Replaced`], each of them one line that names the thing and the way out.
//!
//! ```no_run
//! use debian_packages::{Options, PackagePin, fetch};
//!
//! let options = Options::from_env();
//! let pin = PackagePin::named("libxen-dev", "amd64", "trixie").current(&options)?;
//! println!("{}", fetch(&pin, &options)?.file.display());
//! # Ok::<(), debian_packages::Error>(())
//! ```

mod deb;
mod describe;
mod digest;
mod download;
mod error;
mod fetch;
mod files;
mod limited;
mod mirror;
mod options;
mod packed;
mod pin;
mod replaced;
mod scratch;
mod source;
mod stale;
mod suite;
mod tarball;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;

pub use deb::unpack;
pub use digest::Digest;
pub use error::Error;
pub use fetch::{Fetched, fetch};
pub use files::{Files, PackageFiles};
pub use options::{MIRROR_VARIABLE, Options, default_cache};
pub use pin::PackagePin;
pub use replaced::Replaced;
pub use scratch::Scratch;
pub use source::unpack_source;
pub use suite::Suite;
pub use tarball::unpack_tarball;
