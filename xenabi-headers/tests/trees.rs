//! Questions about header trees and revisions that no record has.
#![cfg(feature = "headers")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use xen_headers::{HeaderTree, Options, pins};

/// A copy of the newest packaged headers below `dir`, where a checkout has them.
fn headers(dir: &Path) -> PathBuf {
    let from = HeaderTree::obtain(pins(), &pins().default_release().name, &Options::from_env())
        .expect("the headers are at hand");
    let to = dir.join("xen/include/public");
    devtools::copy_directory(&from.root, &to).expect("a copy");
    to
}

fn xenabi(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xenabi-headers")).args(arguments).output().expect("it runs")
}

#[track_caller]
fn ends(output: &Output, status: i32) -> (String, String) {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert_eq!(output.status.code(), Some(status), "{out}{err}");
    (out.into_owned(), err.into_owned())
}

#[test]
fn a_tree_answers_without_what_is_not_understood() {
    let dir = tempfile::tempdir().expect("a directory");
    let sched = headers(dir.path()).join("sched.h");
    let text = fs::read_to_string(&sched).expect("the header");
    fs::write(&sched, format!("{text}\nstruct sched_odd {{ int x : 3; }};\n")).expect("written");
    let path = dir.path().to_string_lossy().into_owned();
    let layout = |ty| xenabi(&["layout", ty, "--arch", "arm", "--headers", &path]);
    let (out, err) = ends(&layout("gnttab_copy"), 0);
    assert!(out.contains("gnttab_copy"), "{out}");
    assert!(err.contains("sched.h:") && err.contains("sched_odd"), "{err}");
    let (_, err) = ends(&layout("sched_odd"), 2);
    assert!(err.contains("sched_odd"), "{err}");
}

fn git(dir: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .current_dir(dir)
        .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn revisions_are_compared() {
    let dir = tempfile::tempdir().expect("a directory");
    git(dir.path(), &["init", "--quiet", "--initial-branch=main"]);
    let sched = headers(dir.path()).join("sched.h");
    let commit = |subject| {
        git(dir.path(), &["add", "--all", "--force"]);
        git(dir.path(), &["commit", "--quiet", "--message", subject]);
    };
    commit("first");
    let text = fs::read_to_string(&sched).expect("the header");
    let changed = text.replacen("unsigned int reason;", "unsigned int reason, more;", 1);
    assert_ne!(text, changed);
    fs::write(&sched, changed).expect("written");
    commit("second");
    let path = dir.path().to_string_lossy().into_owned();

    let (out, _) = ends(&xenabi(&["diff", "--git", &path, "HEAD~1", "HEAD", "--arch", "arm"]), 1);
    assert!(out.contains("HEAD~1") && out.contains("sched_shutdown"), "{out}");
    ends(&xenabi(&["diff", "--git", &path, "HEAD", "main", "--arch", "arm"]), 0);
    let layout = ["layout", "sched_shutdown", "--arch", "arm", "--git", &path, "--rev", "HEAD"];
    let (out, _) = ends(&xenabi(&layout), 0);
    assert!(out.contains("more"), "{out}");
    let (_, err) = ends(&xenabi(&["diff", "--git", &path, "HEAD", "mein"]), 2);
    assert!(err.contains("mein") && err.contains("main"), "{err}");
}
