//! Trees that a user names: what is one, and how it stands to the pinned releases.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use debian_packages::testing::{files, says};
use support::{NEW, OLD, headers, pins, write_tree};
use xen_headers::{HeaderTree, Origin, Relation, Versions, Warning};

fn open(dir: &Path) -> HeaderTree {
    HeaderTree::open_among(&pins(), dir).unwrap()
}

/// The one warning of a tree that is not pinned, with its text checked to be one line.
fn warning(tree: &HeaderTree) -> (Relation, String, String) {
    let [warning @ Warning::NotPinned { relation, baseline, .. }] = &tree.warnings[..] else {
        panic!("{:?}", tree.warnings);
    };
    let text = warning.to_string();
    assert!(!text.contains('\n'), "{text}");
    (relation.clone(), baseline.clone(), text)
}

#[test]
fn a_tree_is_found_at_every_place_a_user_may_name() {
    let places =
        ["", "xen/include/public", "include/public", "usr/include/xen", "include/xen", "xen"];
    // Where other projects have their copies.
    let copies = [
        "include/xen/interface",
        "sys/contrib/xen",
        "include/xen/public",
        "include/zephyr/xen/public",
        "plat/xen/include/xen",
        "OvmfPkg/Include/IndustryStandard/Xen",
    ];
    for place in places.into_iter().chain(copies) {
        let dir = tempfile::tempdir().unwrap();
        let root = if place.is_empty() { dir.path().into() } else { dir.path().join(place) };
        write_tree(&root, &headers(NEW, "1.3"));
        write_tree(&root, &files(&[("sys/gntdev.h", ""), ("foreign/x.h", "")]));
        let tree = open(dir.path());
        assert_eq!(tree.root, root);
        assert_eq!(tree.release.as_deref(), Some("1.3"));
        assert_eq!(tree.label, "1.3");
        assert_eq!(tree.versions, NEW);
        assert_eq!(tree.origin, Origin::Directory);
        assert_eq!(tree.warnings, []);
        let names: Vec<_> = headers(NEW, "").into_keys().collect();
        assert_eq!(tree.headers, names, "sorted, without sys and foreign");
    }
}

#[test]
fn what_is_not_a_tree_is_named() {
    let dir = tempfile::tempdir().unwrap();
    // The x86 directory of a tree has a xen.h too.
    write_tree(dir.path(), &files(&[("xen.h", ""), ("cpuid.h", "")]));
    let file = dir.path().join("xen.h");
    for wrong in [dir.path(), &file, Path::new("/no/such/dir")] {
        let error = HeaderTree::open_among(&pins(), wrong).unwrap_err();
        let ways = ["checkout", "xen/include/public", "usr/include/xen"];
        says(&error, &[&wrong.display().to_string(), "is not a Xen header tree"]);
        says(&error, &ways);
    }
}

/// Copies in other projects hold what these use.
#[test]
fn what_a_tree_lacks_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut some = headers(NEW, "1.3");
    some.remove("arch-x86/xen.h");
    some.remove("grant_table.h");
    write_tree(dir.path(), &some);
    let (relation, _, text) = warning(&open(dir.path()));
    assert_eq!(relation, Relation::Altered("1.3".to_owned()));
    assert!(
        text.contains("1.3, comments included, missing: arch-x86/xen.h, grant_table.h;"),
        "{text}"
    );

    let dir = tempfile::tempdir().unwrap();
    let linux = dir.path().join("include/xen/interface");
    write_tree(&linux, &files_of(NEW, &["xen.h", "grant_table.h", "arch-x86/xen.h"]));
    // The kernel's own headers are beside them.
    write_tree(&dir.path().join("include/xen"), &files(&[("xen.h", ""), ("grant_table.h", "")]));
    let tree = open(dir.path());
    assert_eq!((tree.root.as_path(), tree.label.as_str()), (linux.as_path(), "part-near-1.3"));
    assert_eq!(tree.versions, Versions { interface: 0, domctl: 0, sysctl: 0 });
    let (relation, _, text) = warning(&tree);
    assert_eq!(relation, Relation::Partial("1.3".to_owned()));
    assert!(text.contains("missing: domctl.h, sysctl.h, xen-compat.h;"), "{text}");
}

/// Those of the headers of 1.3 that are named.
fn files_of(versions: Versions, names: &[&str]) -> BTreeMap<String, String> {
    let mut files = headers(versions, "1.3");
    files.retain(|name, _| names.contains(&name.as_str()));
    files
}

/// What every known release has may be younger than the tree.
#[test]
fn a_tree_older_than_all_releases_may_lack_headers() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = headers(Versions { domctl: 1, ..OLD }, "");
    files.remove("grant_table.h");
    write_tree(dir.path(), &files);
    let tree = open(dir.path());
    let (relation, _, text) = warning(&tree);
    assert_eq!(relation, Relation::Older("1.1".to_owned()));
    assert!(text.contains("missing: grant_table.h"), "{text}");
}

#[test]
fn a_number_that_is_not_there_is_0() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = headers(NEW, "");
    files.insert("sysctl.h".to_owned(), "#define XEN_SYSCTL_INTERFACE_VERSION yes\n".to_owned());
    write_tree(dir.path(), &files);
    let tree = open(dir.path());
    assert_eq!(tree.versions, Versions { sysctl: 0, ..NEW });
    assert!(warning(&tree).2.contains("changed: arch-x86/xen.h, sysctl.h"), "{:?}", tree.warnings);
}

#[test]
fn an_altered_tree_names_every_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = headers(NEW, "another mark");
    files.insert("grant_table.h".to_owned(), "/* other grants */\n".to_owned());
    files.insert("io/new.h".to_owned(), String::new());
    write_tree(dir.path(), &files);
    let tree = open(dir.path());
    assert_eq!((tree.release.as_deref(), tree.label.as_str()), (None, "1.3-altered"));
    let (relation, baseline, text) = warning(&tree);
    assert_eq!((relation, baseline.as_str()), (Relation::Altered("1.3".to_owned()), "1.3"));
    assert!(text.contains("changed: arch-x86/xen.h, grant_table.h; extra: io/new.h;"), "{text}");
}

#[test]
fn a_file_that_only_one_release_has_may_be_missing() {
    let mut files = headers(NEW, "1.3");
    files.insert("only_here.h".to_owned(), String::new());
    let with = support::release("1.3", NEW, &files);
    let without = support::release("1.1", OLD, &headers(OLD, "1.1"));
    let pins = xen_headers::Pins::parse(&(without.to_toml() + "\n" + &with.to_toml())).unwrap();
    files.remove("only_here.h");
    let dir = tempfile::tempdir().unwrap();
    write_tree(dir.path(), &files);
    let tree = HeaderTree::open_among(&pins, dir.path()).unwrap();
    assert!(warning(&tree).2.contains("missing: only_here.h;"));
}

#[test]
fn numbers_place_a_tree_among_the_releases() {
    let newer = Versions { sysctl: 0x31, ..NEW };
    let older = Versions { domctl: 0x0f, ..OLD };
    let between = Versions { sysctl: 0x20, ..OLD };
    for (versions, relation, label) in [
        (newer, Relation::Newer("1.3".to_owned()), "newer-than-1.3"),
        (older, Relation::Older("1.1".to_owned()), "older-than-1.1"),
        (between, Relation::Between, "near-1.1"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        write_tree(dir.path(), &headers(versions, "1.1"));
        let tree = open(dir.path());
        assert_eq!((tree.release.as_deref(), tree.label.as_str()), (None, label));
        assert_eq!(warning(&tree).0, relation);
    }
}

#[test]
fn a_checkout_says_what_it_is() {
    for (makefile, relation, label) in [
        ("4", Relation::Newer("1.3".to_owned()), "1.4-unstable"),
        ("3", Relation::Altered("1.3".to_owned()), "1.3-unstable"),
        ("2", Relation::Between, "1.2-unstable"),
        ("0", Relation::Older("1.1".to_owned()), "1.0-unstable"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        // The numbers alone would say 1.3 every time.
        write_tree(&dir.path().join("xen/include/public"), &headers(NEW, "changed"));
        let text = format!(
            "export XEN_VERSION       = 1\nexport XEN_SUBVERSION    = {makefile}\n\
             export XEN_EXTRAVERSION ?= -unstable$(XEN_VENDORVERSION)\n"
        );
        fs::write(dir.path().join("xen/Makefile"), text).unwrap();
        let tree = open(dir.path());
        assert_eq!(tree.label, label);
        assert_eq!(warning(&tree).0, relation);
    }
}
