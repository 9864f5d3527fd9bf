//! Source packages that are hostile.

use std::fs;
use std::path::PathBuf;

use debian_packages::testing::{Mirror, package_pin, says, xz};
use debian_packages::{Error, PackagePin, unpack_source};
use tar::EntryType::{self, Directory, Link, Regular, Symlink};

/// A compressed tar archive: each entry's kind, name, and content or target.
fn archive(entries: &[(EntryType, &str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_path(name).unwrap();
        header.set_entry_type(*kind);
        header.set_mode(0o755);
        let content = if *kind == Regular { text.as_bytes() } else { &[] };
        if matches!(*kind, Symlink | Link) {
            header.set_link_name(text).unwrap();
        }
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    xz(&builder.into_inner().unwrap())
}

struct World {
    mirror: Mirror,
    out: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { mirror: Mirror::new(), out: tempfile::tempdir().unwrap() }
    }

    fn serve(&self, name: &str, bytes: &[u8]) -> PackagePin {
        let pool = format!("pool/main/x/xen/{name}.tar.xz");
        let pin = PackagePin { pool, ..package_pin("1-1", bytes) };
        self.mirror.serve(&pin, bytes);
        pin
    }

    /// Unpacks both into the directory `sources/tree` of `out`.
    fn unpack(
        &self,
        upstream: &[(EntryType, &str, &str)],
        changes: &[(EntryType, &str, &str)],
    ) -> Result<PathBuf, Error> {
        let upstream = self.serve("xen_1.orig", &archive(upstream));
        let changes = self.serve("xen_1.debian", &archive(changes));
        let place = self.out.path().join("sources/tree");
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        unpack_source(&upstream, &changes, &place, &self.mirror.options()).map(|()| place)
    }
}

const CHANGES: &[(EntryType, &str, &str)] = &[(Regular, "debian/rules", "all:")];

#[test]
fn both_archives_make_one_tree() {
    let upstream = [
        (Directory, "xen-1/", ""),
        (Regular, "xen-1/a/file", "text"),
        (Symlink, "xen-1/b/link", "../a/file"),
    ];
    let world = World::new();
    let place = world.unpack(&upstream, CHANGES).unwrap();
    assert_eq!(fs::read_to_string(place.join("b/link")).unwrap(), "text");
    assert_eq!(fs::read_to_string(place.join("debian/rules")).unwrap(), "all:");
}

#[test]
fn nothing_is_written_through_a_link() {
    let outside = tempfile::tempdir().unwrap();
    let out = outside.path().to_str().unwrap();
    for upstream in [
        // The one entry of the archive is the link.
        &[(Symlink, "xen-1", out)][..],
        &[(Symlink, "xen-1", "..")],
        &[(Directory, "xen-1/", ""), (Symlink, "xen-1/debian", out)],
        &[(Directory, "xen-1/", ""), (Symlink, "xen-1/debian", "../..")],
        &[(Directory, "xen-1/a", ""), (Symlink, "xen-1/d", "a"), (Symlink, "xen-1/d/l", "..")],
        &[(Directory, "xen-1/a", ""), (Symlink, "xen-1/debian", "a")],
        &[(Regular, "xen-1/a", ""), (Link, "xen-1/b", "/etc/hostname")],
        &[(EntryType::Fifo, "xen-1/pipe", "")],
    ] {
        let world = World::new();
        let error = world.unpack(upstream, CHANGES).unwrap_err();
        assert!(matches!(error, Error::BadPackage { .. }), "{upstream:?}: {error}");
        says(&error, &[".tar.xz is not a usable package"]);
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "{upstream:?}");
        let left: Vec<_> = fs::read_dir(world.out.path().join("sources")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn an_upstream_archive_holds_one_directory() {
    for upstream in [&[(Regular, "file", "")][..], &[(Directory, "a", ""), (Directory, "b", "")]] {
        says(&World::new().unpack(upstream, CHANGES).unwrap_err(), &["one directory"]);
    }
}
