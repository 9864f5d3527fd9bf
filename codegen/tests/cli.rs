//! Mistakes at the command line: one line that names the thing and the way out.
#![cfg(feature = "headers")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use xen_codegen::releases::ROOT;
use xen_headers::{HeaderTree, Options, pins};

fn codegen(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codegen"));
    command.args(arguments);
    command
}

/// Runs it; expects this status and just one line, which contains all of `words`.
#[track_caller]
fn refused(command: &mut Command, status: i32, words: &[&str]) {
    let Output { status: found, stdout, stderr } = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&stderr);
    assert_eq!(found.code(), Some(status), "{said}");
    assert!(stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    if status == 1 {
        // Beside the error there may be the warning about a tree and the news of a download.
        let news = ["warning", "fetching", "unpacking"];
        let is_news = |line: &&str| news.iter().any(|word| line.starts_with(word));
        let lines: Vec<_> = said.lines().filter(|line| !is_news(line)).collect();
        assert_eq!(lines.len(), 1, "{said}");
    }
    for word in words {
        assert!(said.contains(word), "no {word:?} in: {said}");
    }
}

/// The newest release that a package has.
fn newest() -> &'static str {
    &pins().default_release().name
}

/// A copy of the newest headers that a test may spoil.
fn copied_headers(dir: &Path) -> PathBuf {
    let tree = HeaderTree::obtain(pins(), newest(), &Options::from_env());
    let tree = tree.expect("the headers can be obtained");
    for header in &tree.headers {
        let target = dir.join(header);
        fs::create_dir_all(target.parent().expect("a parent")).expect("a directory");
        fs::copy(tree.root.join(header), target).expect("a copy");
    }
    dir.to_owned()
}

fn append(file: &Path, text: &str) {
    let old = fs::read_to_string(file).expect("the header");
    fs::write(file, format!("{old}\n{text}\n")).expect("the header");
}

#[test]
fn unknown_names_get_the_nearest() {
    refused(&mut codegen(&["show", "--release", "4.71"]), 1, &["4.71", "4.17"]);
    refused(
        &mut codegen(&["show", "--arch", "aarch46"]),
        2,
        &["aarch46", "did you mean", "aarch64"],
    );
    refused(&mut codegen(&["recrod"]), 2, &["recrod", "record"]);
    refused(&mut codegen(&["show", "--interface-version", "new"]), 2, &["0x00030201"]);
}

/// A tree may be named in any way a shell allows.
#[test]
fn trees_named_from_where_one_stands() {
    let dir = tempfile::tempdir().expect("a directory");
    let headers = copied_headers(&dir.path().join("xen"));
    for (here, name) in [(headers.as_path(), "."), (dir.path(), "./xen"), (&headers, "../xen")] {
        let arguments = ["show", "--headers", name, "--arch", "arm"];
        let output = codegen(&arguments).current_dir(here).output().expect("it runs");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A release is read together with Linux's headers, a tree that the user names is read alone.
#[test]
fn releases_are_read_with_linux() {
    let show = ["show", "--arch", "arm"];
    let released = [&show[..], &["--release", newest()]].concat();
    let output = codegen(&released).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("struct gntdev_grant_copy_segment"), "{said}");
    let output =
        codegen(&["omitted", "--arch", "arm", "--release", newest()]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("__LINUX_PUBLIC_GNTDEV_H__ (linux/gntdev.h:"), "{said}");
    let dir = tempfile::tempdir().expect("a directory");
    let path = copied_headers(dir.path()).to_string_lossy().into_owned();
    let alone = [&show[..], &["--headers", &path]].concat();
    let output = codegen(&alone).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("struct gnttab_copy") && !said.contains("gntdev"), "{said}");
}

#[test]
fn the_environment_changes_nothing_unseen() {
    let mut command = codegen(&["show", "--release", newest()]);
    command.env("BINDGEN_EXTRA_CLANG_ARGS", "-m32");
    refused(&mut command, 1, &["BINDGEN_EXTRA_CLANG_ARGS", "unset"]);
}

#[test]
fn trees_that_are_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().to_string_lossy().into_owned();
    refused(&mut codegen(&["show", "--headers", &path]), 1, &[&path, "not a Xen header tree"]);
    let file = dir.path().join("xen-4.20.4.tar.gz");
    fs::write(&file, "no archive").expect("a file");
    let path = file.to_string_lossy().into_owned();
    refused(&mut codegen(&["show", "--headers", &path]), 1, &[&path, "not a usable package"]);
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

/// Two commits, of which the second changes a structure of the stable ABI.
fn repository(dir: &Path) {
    git(dir, &["init", "--quiet", "--initial-branch=main"]);
    let headers = copied_headers(&dir.join("xen/include/public"));
    let commit = |subject| {
        git(dir, &["add", "--all", "--force"]);
        git(dir, &["commit", "--quiet", "--message", subject]);
    };
    commit("first");
    let sched = headers.join("sched.h");
    let text = fs::read_to_string(&sched).expect("the header");
    let changed = text.replacen("unsigned int reason;", "unsigned int reason, more;", 1);
    assert_ne!(text, changed);
    fs::write(&sched, changed).expect("the header");
    commit("second");
}

#[test]
fn revisions_are_read_and_compared() {
    let dir = tempfile::tempdir().expect("a directory");
    repository(dir.path());
    let path = dir.path().to_string_lossy().into_owned();
    let said = |rev| {
        let arguments = ["show", "--arch", "arm", "--git", &path, "--rev", rev];
        let output = codegen(&arguments).output().expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let (old, new) = (said("HEAD~1"), said("main"));
    assert!(old != new && new == said("HEAD"));

    refused(&mut codegen(&["show", "--git", &path, "--rev", "mein"]), 1, &["mein", "main"]);
    refused(&mut codegen(&["gen", "--git", &path, "--rev", "main"]), 1, &["--out"]);
    refused(&mut codegen(&["show", "--git", &path]), 2, &["--rev"]);
    refused(&mut codegen(&["show", "--rev", "main"]), 2, &["--git"]);
}

#[test]
fn constructs_without_a_rule_name_their_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let headers = copied_headers(dir.path());
    let path = headers.to_string_lossy().into_owned();
    let sched = headers.join("sched.h");
    let clean = fs::read_to_string(&sched).expect("the header");
    let last = clean.lines().count() + 2;
    let place = format!("sched.h:{last}");

    append(&sched, "#define SCHEDOP_odd { 1, 2 }");
    refused(&mut codegen(&["show", "--headers", &path]), 1, &[&place, "SCHEDOP_odd"]);
    fs::write(&sched, &clean).expect("the header");
    append(&sched, "#define SCHEDOP_float 1.5");
    refused(&mut codegen(&["show", "--headers", &path]), 1, &[&place, "SCHEDOP_float"]);
    fs::write(&sched, &clean).expect("the header");
    append(&sched, "#define SCHEDOP_twice(x) ((x) * 2)");
    refused(&mut codegen(&["show", "--headers", &path]), 1, &[&place, "SCHEDOP_twice"]);
    fs::write(&sched, &clean).expect("the header");
    append(&sched, "struct sched_odd { uint8_t x; } __attribute__((aligned(64)));");
    refused(&mut codegen(&["show", "--headers", &path]), 1, &[&place, "sched_odd"]);
    fs::write(&sched, &clean).expect("the header");
    append(&sched, "struct sched_signed { int x : 3; };");
    refused(&mut codegen(&["show", "--headers", &path]), 1, &["sched_signed", "sign"]);
    fs::write(&sched, &clean).expect("the header");
    append(&sched, "union sched_bits { uint32_t a : 3; uint32_t b; };");
    refused(&mut codegen(&["show", "--headers", &path]), 1, &[&place, "sched_bits"]);
    fs::write(&sched, &clean).expect("the header");
    append(&sched, "struct sched_call { void (*f)(int); };");
    refused(&mut codegen(&["show", "--headers", &path]), 1, &["sched_call"]);
    fs::write(&sched, &clean).expect("the header");
    append(&sched, "struct sched_broken { uint8_t x }");
    refused(&mut codegen(&["show", "--headers", &path]), 1, &["sched.h", "expected ';'"]);
}

/// What a later release may well add needs no change of ours.
#[test]
fn additions_of_known_kinds_are_taken() {
    let dir = tempfile::tempdir().expect("a directory");
    let headers = copied_headers(dir.path());
    append(
        &headers.join("sched.h"),
        "#define SCHEDOP_new 99\nstruct sched_new { uint64_t a; union { uint8_t b; uint32_t c; } u; };",
    );
    let output = codegen(&["show", "--headers", &headers.to_string_lossy()]).output();
    let output = output.expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("#define SCHEDOP_new = 99 i32") && text.contains("struct sched_new"));
    let warning = String::from_utf8_lossy(&output.stderr);
    assert!(warning.contains("warning") && warning.contains("sched.h"), "{warning}");
}

#[test]
fn libclang_missing() {
    let dir = tempfile::tempdir().expect("a directory");
    // A directory without one is searched alone only if nothing else is found, so that the name of
    // a file that is no library says more.
    let fake = dir.path().join("libclang.so");
    fs::write(&fake, "no library").expect("a file");
    let mut command = codegen(&["show", "--release", "4.20"]);
    command.env("LIBCLANG_PATH", &fake);
    refused(&mut command, 1, &["libclang", "LIBCLANG_PATH"]);
}

#[test]
fn outputs_that_cannot_be() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("file");
    fs::write(&file, "mine").expect("a file");
    let out = file.to_string_lossy().into_owned();
    let command = &mut codegen(&["gen", "--release", "4.17", "--out", &out]);
    refused(command, 1, &["file", "--out"]);
    assert_eq!(fs::read_to_string(&file).expect("still there"), "mine");
    // A directory with files of another origin is left as it is.
    let theirs = dir.path().join("theirs");
    fs::create_dir_all(theirs.join("arm")).expect("a directory");
    fs::write(theirs.join("arm/notes.txt"), "mine").expect("a file");
    let out = theirs.to_string_lossy().into_owned();
    refused(&mut codegen(&["gen", "--release", "4.17", "--out", &out]), 1, &["notes.txt"]);
    let left: Vec<_> = fs::read_dir(&theirs).expect("there").collect();
    assert_eq!(left.len(), 1, "nothing half-written");
    // The repository's modules are of one release, which no package has.
    refused(&mut codegen(&["gen", "--release", "4.17"]), 1, &[ROOT, "--out"]);
    let mut command = codegen(&["gen", "--check"]);
    command.env_remove("XEN_GIT").env_remove("XEN_TARBALLS");
    refused(&mut command, 1, &[ROOT, "XEN_GIT"]);
}

#[test]
fn drift_is_found() {
    let dir = tempfile::tempdir().expect("a directory");
    let out = dir.path().join("out");
    let path = out.to_string_lossy().into_owned();
    let arguments = ["gen", "--release", newest(), "--arch", "arm", "--out", &path];
    let written = codegen(&arguments).output().expect("it runs");
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let check = [&arguments[..], &["--check"]].concat();
    assert!(codegen(&check).status().expect("it runs").success());
    append(&out.join("arm/sched.rs"), "// drift");
    fs::write(out.join("arm/stale.rs"), "// @generated long ago").expect("a file");
    fs::remove_file(out.join("arm/xen.rs")).expect("removed");
    let output = codegen(&check).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    for line in ["arm/sched.rs: differs", "arm/stale.rs: no longer", "arm/xen.rs: missing"] {
        assert!(said.contains(line), "{said}");
    }
}
