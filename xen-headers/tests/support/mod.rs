//! Packages, mirrors and header trees made up for the tests: none of Xen's text is in them.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use lzma_rust2::{XzOptions, XzWriter};
use tempfile::TempDir;
use xen_headers::{Digest, Error, Options, PackagePin, Pins, Release, Versions};

/// The made-up headers of a release that calls itself by `versions`.
pub(crate) fn headers(versions: Versions, mark: &str) -> BTreeMap<String, String> {
    let Versions { interface, domctl, sysctl } = versions;
    let files = [
        ("arch-x86/xen.h", format!("/* {mark} */\n")),
        ("domctl.h", format!("#define XEN_DOMCTL_INTERFACE_VERSION {domctl:#010x}\n")),
        ("grant_table.h", "/* grants */\n".to_owned()),
        ("sysctl.h", format!("#define XEN_SYSCTL_INTERFACE_VERSION {sysctl:#010x}\n")),
        ("xen-compat.h", format!("#define __XEN_LATEST_INTERFACE_VERSION__ {interface:#010x}\n")),
        ("xen.h", "/* first */\n".to_owned()),
    ];
    files.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

pub(crate) const OLD: Versions = Versions { interface: 0x10, domctl: 0x10, sysctl: 0x10 };
pub(crate) const NEW: Versions = Versions { interface: 0x30, domctl: 0x30, sysctl: 0x30 };

/// An `ar` archive.
pub(crate) fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
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

pub(crate) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// A tar archive of plain files. Names go in as they are, for the tests of hostile ones.
pub(crate) fn tar(files: &BTreeMap<String, String>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn files(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// A Debian package of `data`.
pub(crate) fn deb(data: &BTreeMap<String, String>) -> Vec<u8> {
    let control = "Package: libxen-dev\nSource: xen (9)\nVersion: 1:9.1-1\nArchitecture: amd64\n";
    ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", &xz(&tar(&files(&[("./control", control)])))),
        ("data.tar.xz", &xz(&tar(data))),
    ])
}

/// The package of a tree of headers, with neighbours that do not belong to the ABI.
pub(crate) fn headers_deb(headers: &BTreeMap<String, String>) -> Vec<u8> {
    let place = |name: &String| format!("./usr/include/xen/{name}");
    let mut data: BTreeMap<_, _> = headers.iter().map(|(k, v)| (place(k), v.clone())).collect();
    data.extend(files(&[
        ("./usr/include/xen/sys/gntdev.h", "device"),
        ("./usr/include/xen/foreign/x86_64.h", "generated"),
        ("./usr/include/xenctrl.h", "library"),
    ]));
    deb(&data)
}

/// The pin of a release whose package is `deb`.
pub(crate) fn release(
    name: &str,
    versions: Versions,
    headers: &BTreeMap<String, String>,
) -> Release {
    let deb = headers_deb(headers);
    let hashes = headers.iter().map(|(k, v)| (k.clone(), Digest::of(v.as_bytes())));
    Release {
        name: name.to_owned(),
        versions,
        package: package_pin(&format!("{name}.0-1"), &deb),
        headers: hashes.collect(),
    }
}

pub(crate) fn package_pin(version: &str, deb: &[u8]) -> PackagePin {
    PackagePin {
        name: "libxen-dev".to_owned(),
        meta: None,
        arch: "amd64".to_owned(),
        suite: "nosuite".to_owned(),
        version: version.to_owned(),
        pool: format!("pool/main/x/xen/libxen-dev_{version}_amd64.deb"),
        size: deb.len() as u64,
        sha256: Digest::of(deb),
    }
}

/// Two releases, 1.1 and 1.3.
pub(crate) fn pins() -> Pins {
    let of = |name, versions| release(name, versions, &headers(versions, name)).to_toml();
    Pins::parse(&format!("{}\n{}", of("1.1", OLD), of("1.3", NEW))).unwrap()
}

pub(crate) fn write_tree(root: &Path, headers: &BTreeMap<String, String>) {
    for (name, text) in headers {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// A mirror on the disk with the package of 1.3, and a cache beside it.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) pins: Pins,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap(), pins: pins() };
        let package = &world.pins.default_release().package;
        world.serve(package, &headers_deb(&headers(NEW, "1.3")));
        world
    }

    pub(crate) fn serve(&self, package: &PackagePin, deb: &[u8]) -> PathBuf {
        let path = self.dir.path().join("mirror").join(&package.pool);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, deb).unwrap();
        path
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    pub(crate) fn options(&self) -> Options<'static> {
        Options {
            cache: self.cache(),
            mirror: Some(format!("file://{}", self.dir.path().join("mirror").display())),
            offline: false,
            progress: &|_| (),
        }
    }
}

/// The error's text, which must be one line with every one of `parts` in it.
#[track_caller]
pub(crate) fn says(error: &Error, parts: &[&str]) {
    let text = error.to_string();
    assert!(!text.contains('\n'), "more than one line: {text}");
    for part in parts {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
}
