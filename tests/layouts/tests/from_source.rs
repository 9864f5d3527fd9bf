//! What cannot be built is said in one line with the way out, before anything is built.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// The program, with a cache of its own.
fn from_source(place: &TempDir, release: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_from_source"));
    command.args(["--release", release]).env("CARGO_TARGET_DIR", place.path());
    command.env_remove("XEN_GIT").env_remove("XEN_TARBALLS");
    command
}

/// Expects one line with all these words, and that nothing was built.
#[track_caller]
fn refused(command: &mut Command, place: &TempDir, status: i32, words: &[&str]) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), text.lines().count()), (Some(status), 1), "{text}");
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    assert!(!place.path().join("xen-live/source").exists());
}

fn git(dir: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.current_dir(dir).args(["-c", "user.name=a", "-c", "user.email=a@b"]);
    let output = command.args(arguments).output().expect("git is installed");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_release_without_a_source() {
    let place = tempfile::tempdir().unwrap();
    let words = ["4.19 is not built", "4.17 and 4.20", "XEN_GIT", "4.21 and 4.22"];
    refused(&mut from_source(&place, "4.19"), &place, 2, &words);
    // Nothing beyond the first is built either.
    let mut two = from_source(&place, "4.17");
    refused(two.args(["--release", "4.19"]), &place, 2, &words);
    for release in ["4.21", "4.22"] {
        let words = [&format!("source of Xen {release}"), "XEN_GIT=DIR"];
        refused(&mut from_source(&place, release), &place, 2, &words);
    }
}

#[test]
fn a_clone_without_the_release() {
    let place = tempfile::tempdir().unwrap();
    let clone = tempfile::tempdir().unwrap();
    let dir = clone.path().display().to_string();
    let mut command = from_source(&place, "4.22");
    command.env("XEN_GIT", clone.path());
    refused(&mut command, &place, 1, &[&dir, "is no git repository", "name a clone"]);
    git(clone.path(), &["init", "--quiet"]);
    let fetch = format!("git -C {dir} fetch origin tag RELEASE-4.22.0");
    refused(&mut command, &place, 1, &["has no tag RELEASE-4.22.0", &fetch]);
    // Something else of that name.
    let public = clone.path().join("xen/include/public");
    std::fs::create_dir_all(&public).unwrap();
    for header in ["xen.h", "grant_table.h", "event_channel.h"] {
        std::fs::write(public.join(header), "\n").unwrap();
    }
    git(clone.path(), &["add", "--all"]);
    git(clone.path(), &["commit", "--quiet", "--message", "other"]);
    git(clone.path(), &["tag", "RELEASE-4.22.0"]);
    refused(
        &mut command,
        &place,
        1,
        &["RELEASE-4.22.0", "does not have the headers of Xen 4.22.0"],
    );
}

#[test]
fn programs_that_are_missing() {
    let place = tempfile::tempdir().unwrap();
    let nothing = tempfile::tempdir().unwrap();
    let way_out = "`cargo xtask live --from-source` installs it";
    let mut command = from_source(&place, "4.17");
    command.env("PATH", nothing.path());
    refused(&mut command, &place, 1, &["cannot run x86_64-linux-gnu-gcc", way_out]);
    let mut command = from_source(&place, "4.22");
    command.env("PATH", nothing.path()).env("XEN_GIT", nothing.path());
    refused(&mut command, &place, 1, &["cannot run git", way_out]);
}
