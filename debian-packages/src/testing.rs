//! Packages and mirrors made up for tests.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use lzma_rust2::{XzOptions, XzWriter};
use tempfile::TempDir;

use crate::{Digest, Options, PackagePin};

/// Files by their paths.
#[must_use]
pub fn files(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// An `ar` archive.
#[must_use]
pub fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let size = content.len();
        bytes.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 100644).bytes(),
        );
        bytes.extend(*content);
        bytes.extend(vec![b'\n'; size % 2]);
    }
    bytes
}

/// A compressed file.
///
/// # Panics
///
/// When memory cannot be written.
#[must_use]
pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).expect("a preset");
    writer.write_all(bytes).expect("memory");
    writer.finish().expect("memory")
}

/// A file compressed with gzip.
///
/// # Panics
///
/// When memory cannot be written.
#[must_use]
pub fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).expect("memory");
    writer.finish().expect("memory")
}

/// A tar archive of plain files. Names go in as they are, for the tests of hostile ones.
///
/// # Panics
///
/// When a name has more than a hundred bytes.
#[must_use]
pub fn tar<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, content).expect("memory");
    }
    builder.into_inner().expect("memory")
}

/// The Debian package libxen-dev, version 1:9.1-1, with these files.
#[must_use]
pub fn deb(files: &BTreeMap<String, String>) -> Vec<u8> {
    deb_of(files.iter().map(|(name, text)| (name.as_str(), text.as_bytes())))
}

/// The same with files that need not be text.
#[must_use]
pub fn deb_of<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let control = "Package: libxen-dev\nSource: xen (9)\nVersion: 1:9.1-1\nArchitecture: amd64\n";
    ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", &xz(&tar([("./control", control.as_bytes())]))),
        ("data.tar.xz", &xz(&tar(files))),
    ])
}

/// The pin of a version of libxen-dev whose package is `deb`.
#[must_use]
pub fn package_pin(version: &str, deb: &[u8]) -> PackagePin {
    PackagePin {
        version: version.to_owned(),
        pool: format!("pool/main/x/xen/libxen-dev_{version}_amd64.deb"),
        size: deb.len() as u64,
        sha256: Digest::of(deb),
        ..PackagePin::named("libxen-dev", "amd64", "nosuite")
    }
}

/// A mirror on the disk, and a cache beside it.
#[derive(Debug)]
pub struct Mirror {
    dir: TempDir,
}

impl Default for Mirror {
    fn default() -> Self {
        Self::new()
    }
}

impl Mirror {
    /// A mirror without packages.
    ///
    /// # Panics
    ///
    /// When the directory cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let mirror = Self { dir: tempfile::tempdir().expect("a directory") };
        fs::create_dir(mirror.root()).expect("the directory is ours");
        mirror
    }

    /// The directory that holds `pool`.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.dir.path().join("mirror")
    }

    /// Puts a package on the mirror.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn serve(&self, package: &PackagePin, deb: &[u8]) {
        let path = self.root().join(&package.pool);
        fs::create_dir_all(path.parent().expect("a pool")).expect("the directory is ours");
        fs::write(&path, deb).expect("the directory is ours");
    }

    /// Takes a package off the mirror.
    ///
    /// # Panics
    ///
    /// When it is not there.
    pub fn remove(&self, package: &PackagePin) {
        fs::remove_file(self.root().join(&package.pool)).expect("a package on the mirror");
    }

    /// The cache; it does not exist before a package is fetched.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    /// The names in the cache, sorted.
    ///
    /// # Panics
    ///
    /// When an unfinished file is among them, or there is no cache.
    #[must_use]
    pub fn cached(&self) -> Vec<String> {
        let entries = fs::read_dir(self.cache()).expect("a cache");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        assert!(!names.iter().any(|name| name.starts_with('.')), "{names:?}");
        names
    }

    /// Options that use this mirror and cache.
    #[must_use]
    pub fn options(&self) -> Options<'static> {
        Options {
            cache: self.cache(),
            mirror: Some(format!("file://{}", self.root().display())),
            offline: false,
            progress: &|_| (),
        }
    }
}

/// Checks an error's text: one line with every one of `parts` in it.
///
/// # Panics
///
/// When it is not.
#[track_caller]
pub fn says(error: &impl Display, parts: &[&str]) {
    let text = error.to_string();
    assert!(!text.contains('\n'), "more than one line: {text}");
    for part in parts {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
}
