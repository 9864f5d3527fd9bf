//! Trees that hold what no header tree does: each is refused at once, with its name.
#![cfg(unix)]

mod support;

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use debian_packages::testing::says;
use support::{NEW, headers, pins, write_tree};
use xen_headers::{Error, HeaderTree};

/// A sound tree, spoiled by `spoil`, is refused with these words.
#[track_caller]
fn refused(spoil: impl Fn(&Path), words: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    write_tree(dir.path(), &headers(NEW, "1.3"));
    HeaderTree::open_among(&pins(), dir.path()).expect("sound before it is spoiled");
    spoil(dir.path());
    let error = HeaderTree::open_among(&pins(), dir.path()).unwrap_err();
    assert!(matches!(error, Error::Hostile { .. }), "{error}");
    says(&error, words);
    says(&error, &["--headers DIR"]);
}

/// Three links to the directory itself made the walk exponential in its depth.
#[test]
fn links_in_a_circle() {
    refused(
        |dir| ["a", "b", "c"].iter().for_each(|name| symlink(".", dir.join(name)).unwrap()),
        &["is a link"],
    );
    refused(|dir| symlink("..", dir.join("arch-x86/up")).unwrap(), &["arch-x86/up is a link"]);
}

#[test]
fn links_that_lead_out() {
    refused(|dir| symlink("/etc", dir.join("io")).unwrap(), &["io is a link"]);
    for target in ["/dev/zero", "/etc/passwd", "/no/such/file", "xen.h"] {
        refused(|dir| symlink(target, dir.join("new.h")).unwrap(), &["new.h is a link"]);
    }
}

#[test]
fn headers_that_are_no_files() {
    let fifo = |dir: &Path| {
        let made = Command::new("mkfifo").arg(dir.join("pipe.h")).status().unwrap();
        assert!(made.success());
    };
    refused(fifo, &["pipe.h is not a regular file"]);
    refused(
        |dir| drop(std::os::unix::net::UnixListener::bind(dir.join("socket.h")).unwrap()),
        &["socket.h is not a regular file"],
    );
}

#[test]
fn names_that_no_header_has() {
    for name in ["..h", ".h", "a b.h", "a\nb.h", "-I.h", "\u{fc}.h", "a\"b.h", "a\\b.h"] {
        refused(|dir| fs::write(dir.join(name), "").unwrap(), &["has a name that no header has"]);
    }
    let bytes = std::ffi::OsStr::from_bytes(b"\xff.h");
    refused(|dir| fs::write(dir.join(bytes), "").unwrap(), &["has a name that no header has"]);
    refused(|dir| fs::create_dir(dir.join("a b")).unwrap(), &["a b has a name"]);
}

#[test]
fn more_than_any_tree_has() {
    let large = "\n".repeat((1 << 20) + 1);
    refused(|dir| fs::write(dir.join("large.h"), &large).unwrap(), &["large.h is larger"]);
    let deep = ["d"; 9].join("/");
    refused(|dir| fs::create_dir_all(dir.join(&deep)).unwrap(), &[&deep, "levels deep"]);
    let many = |dir: &Path| {
        (0..1001).for_each(|number| fs::write(dir.join(format!("{number}.h")), "").unwrap());
    };
    refused(many, &["more than any tree has"]);
    let entries = |dir: &Path| {
        (0..10_001).for_each(|number| fs::write(dir.join(number.to_string()), "").unwrap());
    };
    refused(entries, &["more files than any header tree"]);
}

/// What lies beside the headers of an installed tree is not looked at.
#[test]
fn other_files_do_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    write_tree(dir.path(), &headers(NEW, "1.3"));
    symlink("/etc/passwd", dir.path().join("COPYING")).unwrap();
    symlink(".", dir.path().join("sys")).unwrap();
    fs::write(dir.path().join("a b"), "").unwrap();
    assert!(HeaderTree::open_among(&pins(), dir.path()).is_ok());
}
