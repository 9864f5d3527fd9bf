//! A pinned release from a mirror on the disk into a cache, and everything that can go wrong.

mod support;

use std::cell::RefCell;
use std::fs;
use std::thread;

use support::{NEW, World, headers, headers_deb, package_pin, says};
use xen_headers::{Error, HeaderTree, Options, Origin, Relation, Warning};

fn obtain(world: &World, options: &Options<'_>) -> Result<HeaderTree, Error> {
    HeaderTree::obtain(&world.pins, "1.3", options)
}

/// The names in the cache, which must have nothing unfinished among them.
fn cached(world: &World) -> Vec<String> {
    let entries = fs::read_dir(world.cache()).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(!names.iter().any(|name| name.starts_with('.')), "{names:?}");
    names
}

#[test]
fn a_release_is_fetched_checked_and_kept() {
    let world = World::new();
    let lines = RefCell::new(Vec::new());
    let progress = |line: &str| lines.borrow_mut().push(line.to_owned());
    let tree = obtain(&world, &Options { progress: &progress, ..world.options() }).unwrap();
    assert_eq!((tree.release.as_deref(), tree.label.as_str()), (Some("1.3"), "1.3"));
    assert_eq!(tree.origin, Origin::Package(world.pins.default_release().package.clone()));
    assert_eq!(tree.warnings, []);
    assert!(tree.headers.iter().eq(headers(NEW, "").keys()));
    assert!(!tree.root.join("sys").exists() && !tree.root.join("../xenctrl.h").exists());
    assert_eq!(lines.borrow().len(), 2, "{lines:?}");
    assert_eq!(cached(&world), ["libxen-dev_1.3.0-1_amd64", "libxen-dev_1.3.0-1_amd64.deb"]);

    let silent = |line: &str| panic!("{line}");
    let offline = Options { offline: true, mirror: None, progress: &silent, ..world.options() };
    assert_eq!(obtain(&world, &offline).unwrap().root, tree.root, "the cache is enough");
}

#[test]
fn a_damaged_cache_is_mended() {
    let world = World::new();
    let root = obtain(&world, &world.options()).unwrap().root;
    let offline = Options { offline: true, ..world.options() };
    let damages: [&dyn Fn(); 4] = [
        &|| fs::write(root.join("xen.h"), "damaged").unwrap(),
        &|| fs::remove_file(root.join("arch-x86/xen.h")).unwrap(),
        &|| fs::write(root.join("stray.h"), "").unwrap(),
        &|| fs::remove_dir_all(world.cache().join("libxen-dev_1.3.0-1_amd64/usr")).unwrap(),
    ];
    for damage in damages {
        damage();
        let tree = obtain(&world, &offline).unwrap();
        assert!(tree.headers.iter().eq(headers(NEW, "").keys()));
        assert_eq!(fs::read_to_string(root.join("xen.h")).unwrap(), headers(NEW, "")["xen.h"]);
        assert_eq!(cached(&world).len(), 2);
    }
    // A damaged package is no source either.
    fs::write(root.join("xen.h"), "damaged").unwrap();
    fs::write(world.cache().join("libxen-dev_1.3.0-1_amd64.deb"), "damaged").unwrap();
    says(&obtain(&world, &offline).unwrap_err(), &["is not in the header cache"]);
    obtain(&world, &world.options()).unwrap();
    obtain(&world, &offline).unwrap();
}

#[test]
fn concurrent_runs_share_a_cache() {
    let world = World::new();
    for _ in 0..4 {
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let tree = obtain(&world, &world.options()).unwrap();
                    // Whoever has a tree may read it: nobody takes it away.
                    for _ in 0..50 {
                        assert!(tree.root.join("arch-x86/xen.h").is_file());
                    }
                });
            }
        });
        assert_eq!(cached(&world).len(), 2);
        fs::remove_dir_all(world.cache()).unwrap();
    }
}

#[test]
fn an_unknown_release_is_refused_before_anything_else() {
    let world = World::new();
    let error = HeaderTree::obtain(&world.pins, "1.33", &world.options()).unwrap_err();
    says(&error, &["\"1.33\"", "did you mean 1.3?", "known are 1.1, 1.3"]);
    assert!(!world.cache().exists());
}

#[test]
fn a_wrong_hash_is_refused_and_not_kept() {
    let world = World::new();
    world.serve(&world.pins.default_release().package, b"something else");
    let error = obtain(&world, &world.options()).unwrap_err();
    let expected = world.pins.default_release().package.sha256.to_string();
    says(&error, &["libxen-dev_1.3.0-1_amd64.deb", &expected, "XEN_HEADERS_MIRROR"]);
    assert_eq!(cached(&world), [""; 0]);
}

#[test]
fn a_broken_package_with_the_right_hash_is_refused() {
    let mut world = World::new();
    let whole = headers_deb(&headers(NEW, "1.3"));
    for broken in [&b"not a package"[..], &whole[..whole.len() - 40]] {
        let mut release = world.pins.default_release().clone();
        release.package = package_pin("1.3.0-1", broken);
        world.serve(&release.package, broken);
        world.pins = xen_headers::Pins::parse(&release.to_toml()).unwrap();
        let error = obtain(&world, &world.options()).unwrap_err();
        says(&error, &["libxen-dev_1.3.0-1_amd64.deb is not a usable package"]);
        assert_eq!(cached(&world), ["libxen-dev_1.3.0-1_amd64.deb"], "nothing half-unpacked");
    }
}

#[test]
fn a_header_that_is_not_as_pinned_is_named() {
    let mut world = World::new();
    let text = world.pins.default_release().to_toml();
    let pinned = text.lines().find(|line| line.starts_with("\"grant_table.h\"")).unwrap();
    let other = format!("\"grant_table.h\" = \"{}\"", xen_headers::Digest::of(b"other"));
    world.pins = xen_headers::Pins::parse(&text.replace(pinned, &other)).unwrap();
    let error = obtain(&world, &world.options()).unwrap_err();
    says(&error, &["release 1.3", "changed: grant_table.h"]);
    assert_eq!(cached(&world), ["libxen-dev_1.3.0-1_amd64.deb"]);
}

#[test]
fn an_unwritable_cache_is_named() {
    let world = World::new();
    // Tests may run as root, whom no permission stops: a file in the way does.
    fs::write(world.cache(), "in the way").unwrap();
    says(&obtain(&world, &world.options()).unwrap_err(), &["header cache at", "CARGO_TARGET_DIR"]);
}

#[test]
fn no_network_is_one_line() {
    let world = World::new();
    for (mirror, parts) in [
        ("http://127.0.0.1:1/debian", &["http://127.0.0.1:1/debian/pool/"][..]),
        ("file:///no/such/mirror", &["/no/such/mirror/pool/", "XEN_HEADERS_MIRROR"]),
        ("gopher://x", &["\"gopher://x\" is not the address of a mirror"]),
        ("http://a.test/ [trusted=yes]", &["is not the address of a mirror"]),
    ] {
        let options = Options { mirror: Some(mirror.to_owned()), ..world.options() };
        let error = obtain(&world, &options).unwrap_err();
        says(&error, parts);
    }
    let offline = Options { offline: true, ..world.options() };
    says(
        &obtain(&world, &offline).unwrap_err(),
        &["libxen-dev 1.3.0-1 is not in", "--headers DIR"],
    );
}

#[test]
fn a_package_that_left_an_unsigned_mirror_is_not_replaced() {
    let world = World::new();
    fs::remove_file(world.serve(&world.pins.default_release().package, b"")).unwrap();
    // An index that lists another version, whole but for the signature that it lacks.
    let other = package_pin("1.3.1-1", &headers_deb(&headers(NEW, "1.3")));
    world.serve(&other, &headers_deb(&headers(NEW, "1.3")));
    let index = format!(
        "Package: libxen-dev\nVersion: {}\nArchitecture: amd64\nMaintainer: x\n\
         Description: x\nFilename: {}\nSize: {}\nSHA256: {}\n",
        other.version, other.pool, other.size, other.sha256
    );
    let dists = world.dir.path().join("mirror/dists/nosuite");
    fs::create_dir_all(dists.join("main/binary-amd64")).unwrap();
    fs::write(dists.join("main/binary-amd64/Packages"), &index).unwrap();
    let release = format!(
        "Origin: Debian\nSuite: nosuite\nCodename: nosuite\nArchitectures: amd64\n\
         Components: main\nDate: Sat, 01 Nov 2025 00:00:00 UTC\nSHA256:\n {} {} \
         main/binary-amd64/Packages\n",
        xen_headers::Digest::of(index.as_bytes()),
        index.len()
    );
    fs::write(dists.join("Release"), release).unwrap();
    let error = obtain(&world, &world.options()).unwrap_err();
    says(&error, &["libxen-dev 1.3.0-1 has left the mirror", "nosuite", "--headers DIR"]);
    assert!(matches!(error, Error::PinGone { .. }));
    assert_eq!(cached(&world), [""; 0]);
}

#[test]
fn what_was_taken_instead_is_used_with_warnings() {
    let world = World::new();
    let pinned = &world.pins.default_release().package;
    let mut changed = headers(NEW, "1.3");
    changed.insert("grant_table.h".to_owned(), "/* fixed */\n".to_owned());
    let deb = headers_deb(&changed);
    let taken = package_pin("1.3.7+2-1", &deb);
    // As an earlier run left it, when it asked the suite.
    fs::create_dir(world.cache()).unwrap();
    fs::write(world.cache().join(taken.file_name()), &deb).unwrap();
    let note = world.cache().join(format!("{}.instead.toml", pinned.file_name()));
    fs::write(&note, toml::to_string(&taken).unwrap()).unwrap();

    let offline = Options { offline: true, ..world.options() };
    for _ in 0..2 {
        let tree = obtain(&world, &offline).unwrap();
        assert_eq!((tree.release.as_deref(), tree.label.as_str()), (None, "1.3.7"));
        let [gone @ Warning::PinGone { .. }, differs] = &tree.warnings[..] else {
            panic!("{:?}", tree.warnings);
        };
        let gone = gone.to_string();
        assert!(gone.contains("libxen-dev 1.3.0-1") && gone.contains("1.3.7+2-1"), "{gone}");
        let Warning::NotPinned { relation, differences, .. } = differences_of(differs) else {
            unreachable!()
        };
        assert_eq!(*relation, Relation::Altered("1.3".to_owned()));
        assert_eq!(differences.changed, ["grant_table.h"]);
        // The second time the tree is damaged, and mended from the record.
        fs::write(tree.root.join("xen.h"), "damaged").unwrap();
    }
    // A note whose package is gone is worth nothing: the pinned one is sought again.
    fs::remove_file(world.cache().join(taken.file_name())).unwrap();
    assert_eq!(obtain(&world, &world.options()).unwrap().warnings, []);
}

#[track_caller]
fn differences_of(warning: &Warning) -> &Warning {
    assert!(matches!(warning, Warning::NotPinned { .. }), "{warning:?}");
    warning
}
