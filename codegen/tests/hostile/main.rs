//! Trees that no upstream would make: the generator ends soon, and its error names header and line.
//!
//! Each tree is the newest headers, spoiled in one place.
#![cfg(all(unix, feature = "headers"))]

mod bounds;
mod names;
mod outputs;
mod reports;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use xen_headers::{HeaderTree, Options, pins};

/// A copy of the newest headers that a test may spoil.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        let tree = HeaderTree::obtain(pins(), &pins().default_release().name, &Options::from_env());
        let tree = tree.expect("the headers can be obtained");
        let copy = Self(tempfile::tempdir().expect("a directory"));
        for header in &tree.headers {
            let target = copy.path().join(header);
            fs::create_dir_all(target.parent().expect("a parent")).expect("a directory");
            fs::copy(tree.root.join(header), target).expect("a copy");
        }
        copy
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Appends to sched.h, and returns the first line of what was appended.
    fn append(&self, text: &str) -> usize {
        let path = self.path().join("sched.h");
        let old = fs::read_to_string(&path).expect("the header");
        fs::write(&path, format!("{old}\n{text}\n")).expect("the header");
        old.lines().count() + 2
    }

    /// A newest tree with this text after sched.h's.
    fn with(text: &str) -> Self {
        let tree = Self::new();
        tree.append(text);
        tree
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codegen"));
        command.args(arguments).arg("--headers").arg(self.path());
        command.output().expect("it runs")
    }

    /// The export for x86_64 fails with status 1 and a line that has all these words.
    #[track_caller]
    fn refused(&self, words: &[&str]) {
        refused(&self.run(&["show"]), words);
    }

    /// What a command prints.
    #[track_caller]
    fn prints(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }
}

#[track_caller]
fn refused(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    let error: Vec<_> = said.lines().filter(|line| line.starts_with("error")).collect();
    assert_eq!((output.status.code(), error.len()), (Some(1), 1), "{said}");
    for word in words {
        assert!(error[0].contains(word), "no {word:?} in: {said}");
    }
    assert!(!error[0].contains("libclang cannot"), "{said}");
}

/// An empty directory for output.
fn out() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let out = dir.path().join("out");
    (dir, out)
}
