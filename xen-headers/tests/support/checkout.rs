//! A git repository with made-up headers.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::{NEW, OLD, headers, write_tree};

/// A checkout with the headers of 1.1, tagged `v1.1`, and then those of 1.3 as its branch `main`.
pub(crate) struct Checkout {
    dir: tempfile::TempDir,
}

impl Checkout {
    pub(crate) fn new() -> Self {
        let checkout = Self { dir: tempfile::tempdir().unwrap() };
        checkout.git(&["init", "--quiet", "--initial-branch=main"]);
        checkout.commit(&headers(OLD, "1.1"), "first");
        checkout.git(&["tag", "v1.1"]);
        checkout.commit(&headers(NEW, "1.3"), "second");
        checkout
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Commits `files` as the checkout's headers.
    pub(crate) fn commit(&self, files: &BTreeMap<String, String>, subject: &str) {
        write_tree(&self.path().join("xen/include/public"), files);
        self.git(&["add", "--all", "--force"]);
        self.git(&["commit", "--quiet", "--message", subject]);
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(self.path(), arguments)
    }
}

pub(crate) fn git(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
