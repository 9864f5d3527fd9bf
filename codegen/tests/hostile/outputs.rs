//! Output directories that hold what the generator must not touch.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use xen_codegen::output::{Files, differences, write};

fn files() -> Files {
    let pairs = [("arm/xen.rs", "// @generated\n"), ("mod.rs", "// @generated\n")];
    pairs.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

/// A directory, spoiled by `spoil`, is not written to.
#[track_caller]
fn untouched(spoil: impl Fn(&Path), kept: &str) {
    let dir = tempfile::tempdir().unwrap();
    spoil(dir.path());
    let error = write(dir.path(), &files()).unwrap_err().to_string();
    assert!(error.contains(kept) && error.contains("--out"), "{error}");
    assert!(dir.path().join(kept).symlink_metadata().is_ok(), "{kept} is still there");
    assert!(!dir.path().join("arm/xen.rs").exists());
    // Looking at it ends too.
    differences(dir.path(), &files()).unwrap();
}

#[test]
fn links_to_the_directory_itself() {
    untouched(
        |dir| {
            fs::create_dir(dir.join("arm")).unwrap();
            ["a", "b", "c"]
                .iter()
                .for_each(|name| symlink(".", dir.join("arm").join(name)).unwrap());
        },
        "arm/",
    );
}

#[test]
fn a_dangling_link() {
    for name in ["arm", "mod.rs"] {
        untouched(|dir| symlink("/no/such/place", dir.join(name)).unwrap(), name);
    }
}

#[test]
fn a_fifo_and_a_device() {
    let fifo = |dir: &Path| {
        assert!(Command::new("mkfifo").arg(dir.join("mod.rs")).status().unwrap().success());
    };
    untouched(fifo, "mod.rs");
    untouched(|dir| symlink("/dev/zero", dir.join("mod.rs")).unwrap(), "mod.rs");
}

/// The name of the directory of an earlier run with the same process number.
#[test]
fn what_an_earlier_run_left_is_not_published() {
    let dir = tempfile::tempdir().unwrap();
    let stale = dir.path().join(format!(".new-{}", std::process::id()));
    fs::create_dir_all(stale.join("arm")).unwrap();
    fs::write(stale.join("arm/stale.rs"), "// @generated long ago\n").unwrap();
    write(dir.path(), &files()).unwrap();
    assert!(!dir.path().join("arm/stale.rs").exists());
    assert!(stale.join("arm/stale.rs").exists(), "not ours to remove");
    assert_eq!(differences(dir.path(), &files()).unwrap(), [""; 0]);
}
