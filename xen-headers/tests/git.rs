//! Trees out of git repositories.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use debian_packages::Options;
use debian_packages::testing::{files, says};
use support::checkout::{Checkout, git};
use support::pins;
use tempfile::TempDir;
use xen_headers::{Error, HeaderTree, Origin, Warning, export};

/// The tree at `rev`, by way of a cache of its own.
fn read(dir: &Path, rev: &str) -> Result<(HeaderTree, TempDir), Error> {
    let cache = tempfile::tempdir().unwrap();
    let options = Options { cache: cache.path().to_owned(), ..Options::from_env() };
    let tree = HeaderTree::from_git_among(&pins(), dir, rev, &options)?;
    Ok((tree, cache))
}

/// Expects an error of these words on one line.
#[track_caller]
fn refused(dir: &Path, rev: &str, words: &[&str]) -> Error {
    let error = read(dir, rev).unwrap_err();
    says(&error, words);
    error
}

#[test]
fn tags_branches_and_commits_are_read_without_a_checkout() {
    let checkout = Checkout::new();
    let commit = checkout.git(&["rev-parse", "v1.1"]);
    // What lies in the directory does not count.
    fs::remove_dir_all(checkout.path().join("xen")).unwrap();
    for (rev, release) in [
        ("v1.1", "1.1"),
        (&commit, "1.1"),
        (&commit[..12], "1.1"),
        ("main~1", "1.1"),
        ("main", "1.3"),
    ] {
        let (tree, cache) = read(checkout.path(), rev).unwrap();
        assert_eq!(tree.release.as_deref(), Some(release), "{rev}");
        assert!(tree.root.starts_with(cache.path()));
        let read = fs::read_to_string(tree.root.join("arch-x86/xen.h")).unwrap();
        assert_eq!(read, format!("/* {release} */\n"));
        let Origin::Git { rev: of, commit: id, .. } = &tree.origin else {
            panic!("{:?}", tree.origin)
        };
        assert_eq!((of.as_str(), id.len()), (rev, 40));
        assert!(
            tree.title().starts_with(&format!("{rev} ({release}, commit ")),
            "{}",
            tree.title()
        );
        let clone = tree.clone();
        drop(tree);
        assert!(clone.root.join("xen.h").is_file(), "as long as a clone lives");
        drop(clone);
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0, "the copy is removed");
    }
}

#[test]
fn bare_and_shallow_repositories() {
    let checkout = Checkout::new();
    let dir = tempfile::tempdir().unwrap();
    let from = format!("file://{}", checkout.path().display());
    git(dir.path(), &["clone", "--quiet", "--bare", &from, "bare"]);
    git(dir.path(), &["clone", "--quiet", "--depth=1", &from, "shallow"]);
    let (bare, shallow) = (dir.path().join("bare"), dir.path().join("shallow"));
    assert_eq!(read(&bare, "v1.1").unwrap().0.label, "1.1");
    assert_eq!(read(&shallow, "HEAD").unwrap().0.label, "1.3");
    // The git directory of a checkout is a repository too.
    assert_eq!(read(&checkout.path().join(".git"), "v1.1").unwrap().0.label, "1.1");
    let error = refused(&shallow, "v1.1", &["\"v1.1\"", "is shallow", "--unshallow"]);
    assert!(matches!(error, Error::NoRevision { is_shallow: true, .. }), "{error:?}");
}

#[test]
fn any_directory_of_a_checkout_is_what_it_was() {
    let checkout = Checkout::new();
    for dir in ["", "xen", "xen/include", "xen/include/public"] {
        let (tree, _cache) = read(&checkout.path().join(dir), "v1.1").unwrap();
        assert_eq!(tree.label, "1.1", "{dir}");
    }
    let other = checkout.path().join("tools");
    fs::create_dir(&other).unwrap();
    let error = refused(&other, "v1.1", &["tools has no Xen header tree", "--rev"]);
    assert!(matches!(error, Error::NoHeadersAt { .. }), "{error:?}");
}

#[test]
fn the_makefile_names_the_release() {
    let checkout = Checkout::new();
    let makefile = "XEN_VERSION = 1\nXEN_SUBVERSION = 4\nXEN_EXTRAVERSION = -unstable\n";
    fs::write(checkout.path().join("xen/Makefile"), makefile).unwrap();
    checkout.commit(&files(&[("new.h", "/* new */\n")]), "third");
    for dir in ["xen", "xen/include", "xen/include/public"] {
        let (tree, _cache) = read(&checkout.path().join(dir), "main").unwrap();
        assert_eq!(tree.label, "1.4-unstable", "{dir}");
    }
    let (tree, _cache) = read(checkout.path(), "main").unwrap();
    assert_eq!((tree.release.as_deref(), tree.label.as_str()), (None, "1.4-unstable"));
    let [warning @ Warning::NotPinned { .. }] = &tree.warnings[..] else {
        panic!("{:?}", tree.warnings)
    };
    let place = format!("the headers in main of {} are newer", checkout.path().display());
    says(warning, &[&place, "extra: new.h"]);
}

#[test]
fn a_directory_that_is_no_repository() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for wrong in [dir.path(), &file, Path::new("/no/such/dir")] {
        let named = wrong.display().to_string();
        let error = refused(wrong, "main", &[&named, "is no git repository", "--git DIR"]);
        assert!(matches!(error, Error::NotARepository { .. }), "{error:?}");
    }
}

#[test]
fn a_revision_that_is_not_there() {
    let checkout = Checkout::new();
    checkout.git(&["tag", "RELEASE-1.1.0"]);
    for (rev, words) in [
        ("1.1.0", "did you mean RELEASE-1.1.0?"),
        ("RELEASE-1.1.1", "did you mean RELEASE-1.1.0?"),
        ("mein", "did you mean main?"),
        ("0123456789abcdef0123456789abcdef01234567", "fetch it"),
        ("", "--rev"),
        ("--help", "--rev"),
        ("a\nb", "\"a\\nb\""),
        // A file is no commit.
        ("main:xen/include/public/xen.h", "--rev"),
    ] {
        let error = refused(checkout.path(), rev, &["has no revision", words]);
        assert!(matches!(error, Error::NoRevision { is_shallow: false, .. }), "{error:?}");
    }
}

#[test]
fn a_revision_without_headers() {
    let checkout = Checkout::new();
    checkout.git(&["checkout", "--quiet", "--orphan", "empty"]);
    checkout.git(&["rm", "--quiet", "-r", "--cached", "."]);
    checkout.git(&["commit", "--quiet", "--allow-empty", "--message", "empty"]);
    let error = refused(checkout.path(), "empty", &["\"empty\"", "no Xen header tree"]);
    assert!(matches!(error, Error::NoHeadersAt { .. }), "{error:?}");
}

/// A repository's files are bounded and checked as those of a directory are.
#[test]
#[cfg(unix)]
fn files_that_no_tree_has() {
    let spoiled = |spoil: &dyn Fn(&Path), words: &[&str]| {
        let checkout = Checkout::new();
        spoil(&checkout.path().join("xen/include/public"));
        checkout.commit(&BTreeMap::new(), "spoiled");
        let error = refused(checkout.path(), "main", words);
        assert!(matches!(error, Error::Hostile { .. }), "{error:?}");
    };
    let link = |dir: &Path| std::os::unix::fs::symlink("/etc/passwd", dir.join("new.h")).unwrap();
    spoiled(&link, &["main:xen/include/public/new.h is not a regular file"]);
    let large = "\n".repeat((1 << 20) + 1);
    let large = |dir: &Path| fs::write(dir.join("large.h"), &large).unwrap();
    spoiled(&large, &["main:xen/include/public/large.h is larger"]);
    let odd = |dir: &Path| fs::write(dir.join("a b.h"), "").unwrap();
    spoiled(&odd, &["main:xen/include/public/a b.h has a name that no header has"]);
    let many = |dir: &Path| {
        (0..1001).for_each(|number| fs::write(dir.join(format!("{number}.h")), "").unwrap());
    };
    spoiled(&many, &["more headers than any tree"]);
}

#[test]
fn what_a_revision_lacks_is_named() {
    let checkout = Checkout::new();
    checkout.git(&["rm", "--quiet", "xen/include/public/arch-x86/xen.h"]);
    checkout.git(&["commit", "--quiet", "--message", "less"]);
    let (tree, _cache) = read(checkout.path(), "main").unwrap();
    let [warning] = &tree.warnings[..] else { panic!("{:?}", tree.warnings) };
    says(warning, &["main of ", "missing: arch-x86/xen.h"]);
}

#[test]
fn objects_that_are_not_there_are_not_fetched() {
    let checkout = Checkout::new();
    checkout.git(&["config", "uploadpack.allowFilter", "true"]);
    let dir = tempfile::tempdir().unwrap();
    let from = format!("file://{}", checkout.path().display());
    git(dir.path(), &["clone", "--quiet", "--bare", "--filter=blob:none", &from, "partial"]);
    let partial = dir.path().join("partial");
    let error = refused(&partial, "main", &["git cannot read", "xen/include/public/", "not there"]);
    assert!(matches!(error, Error::Git { .. }), "{error:?}");
}

/// A filter of the repository's configuration would be a program that runs.
#[test]
fn files_are_read_as_they_are_stored() {
    let checkout = Checkout::new();
    let ran = checkout.path().join("ran");
    checkout.git(&["config", "filter.f.smudge", &format!("touch {}; cat", ran.display())]);
    fs::write(checkout.path().join(".gitattributes"), "*.h filter=f ident eol=crlf\n").unwrap();
    checkout.commit(&BTreeMap::new(), "attributes");
    assert_eq!(read(checkout.path(), "main").unwrap().0.release.as_deref(), Some("1.3"));
    assert!(!ran.exists());
}

/// Neither what lies in the checkout counts, nor its filters and hooks.
#[test]
#[cfg(unix)]
fn a_source_tree_is_written_without_a_checkout() {
    use std::os::unix::fs::PermissionsExt as _;

    let checkout = Checkout::new();
    let place = |name: &str| checkout.path().join(name);
    let ran = place("ran");
    checkout.git(&["config", "filter.f.smudge", &format!("touch {}; cat", ran.display())]);
    fs::write(place(".git/hooks/post-checkout"), format!("#!/bin/sh\ntouch {}\n", ran.display()))
        .unwrap();
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(place(".git/hooks/post-checkout"), executable.clone()).unwrap();
    for name in ["Config.mk", "xen/run.sh", "xen2"] {
        fs::write(place(name), name).unwrap();
    }
    fs::set_permissions(place("xen/run.sh"), executable).unwrap();
    fs::write(place(".gitattributes"), "* filter=f\n").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", place("xen/link")).unwrap();
    checkout.commit(&BTreeMap::new(), "source");
    checkout.git(&["tag", "RELEASE-1.4.0"]);
    fs::write(place("Config.mk"), "edited").unwrap();

    let dir = tempfile::tempdir().unwrap();
    let bare = dir.path().join("bare");
    let from = format!("file://{}", checkout.path().display());
    git(dir.path(), &["clone", "--quiet", "--bare", &from, "bare"]);
    for repository in [checkout.path(), &bare, &place("xen")] {
        let to = tempfile::tempdir().unwrap();
        let commit = export(repository, "RELEASE-1.4.0", &["Config.mk", "xen"], to.path()).unwrap();
        assert_eq!(commit, checkout.git(&["rev-parse", "main"]));
        let mut names: Vec<_> =
            fs::read_dir(to.path()).unwrap().map(|n| n.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["Config.mk", "xen"], "and not xen2");
        assert_eq!(fs::read_to_string(to.path().join("Config.mk")).unwrap(), "Config.mk");
        let mode = |name: &str| fs::metadata(to.path().join(name)).unwrap().permissions().mode();
        assert_eq!((mode("xen/run.sh") & 0o111, mode("Config.mk") & 0o111), (0o111, 0));
        assert!(to.path().join("xen/include/public/xen.h").is_file());
        assert!(!to.path().join("xen/link").is_symlink(), "links are left out");
    }
    assert!(!ran.exists());
    let error = export(checkout.path(), "RELEASE-1.5.0", &["xen"], dir.path()).unwrap_err();
    says(&error, &["RELEASE-1.5.0", "did you mean RELEASE-1.4.0?"]);
}

/// The environment of a git hook names another repository.
#[test]
fn the_named_repository_is_read_whatever_the_environment_says() {
    const CHILD: &str = "XEN_HEADERS_TEST_REPOSITORY";
    if let Some(dir) = std::env::var_os(CHILD) {
        assert_eq!(read(Path::new(&dir), "v1.1").unwrap().0.label, "1.1");
        return;
    }
    let checkout = Checkout::new();
    let name = "the_named_repository_is_read_whatever_the_environment_says";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(CHILD, checkout.path())
        .env("GIT_DIR", "/no/such/repository")
        .env("GIT_OBJECT_DIRECTORY", "/no/such/objects")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
