//! A pinned release from a mirror on the disk into a cache, and everything that can go wrong.

mod support;

use std::cell::RefCell;
use std::fs;
use std::thread;

use debian_packages::Digest;
use debian_packages::testing::{package_pin, says};
use support::{NEW, World, headers, headers_deb};
use xen_headers::{Error, HeaderTree, Options, Origin, Pins, Relation, Warning};

fn obtain(world: &World, options: &Options<'_>) -> Result<HeaderTree, Error> {
    HeaderTree::obtain(&world.pins, "1.3", options)
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
    assert_eq!(world.mirror.cached(), ["libxen-dev_1.3.0-1_amd64", "libxen-dev_1.3.0-1_amd64.deb"]);

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
        &|| fs::remove_dir_all(world.mirror.cache().join("libxen-dev_1.3.0-1_amd64/usr")).unwrap(),
    ];
    for damage in damages {
        damage();
        let tree = obtain(&world, &offline).unwrap();
        assert!(tree.headers.iter().eq(headers(NEW, "").keys()));
        assert_eq!(fs::read_to_string(root.join("xen.h")).unwrap(), headers(NEW, "")["xen.h"]);
        assert_eq!(world.mirror.cached().len(), 2);
    }
}

#[test]
fn concurrent_runs_share_a_cache() {
    let world = World::new();
    for _ in 0..4 {
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let tree = obtain(&world, &world.options()).unwrap();
                    // A tree that was handed out stays.
                    for _ in 0..50 {
                        assert!(tree.root.join("arch-x86/xen.h").is_file());
                    }
                });
            }
        });
        assert_eq!(world.mirror.cached().len(), 2);
        fs::remove_dir_all(world.mirror.cache()).unwrap();
    }
}

#[test]
fn an_unknown_release_is_refused_before_anything_else() {
    let world = World::new();
    let error = HeaderTree::obtain(&world.pins, "1.33", &world.options()).unwrap_err();
    says(&error, &["\"1.33\"", "did you mean 1.3?", "known are 1.1, 1.3"]);
    assert!(!world.mirror.cache().exists());
}

#[test]
fn a_broken_package_with_the_right_hash_is_refused() {
    let mut world = World::new();
    let whole = headers_deb(&headers(NEW, "1.3"));
    for broken in [&b"not a package"[..], &whole[..whole.len() - 40]] {
        let mut release = world.pins.default_release().clone();
        release.package = package_pin("1.3.0-1", broken);
        world.mirror.serve(&release.package, broken);
        world.pins = Pins::parse(&release.to_toml()).unwrap();
        let error = obtain(&world, &world.options()).unwrap_err();
        says(&error, &["libxen-dev_1.3.0-1_amd64.deb is not a usable package"]);
        assert_eq!(
            world.mirror.cached(),
            ["libxen-dev_1.3.0-1_amd64.deb"],
            "nothing half-unpacked"
        );
    }
}

/// A package that cannot be fetched is not the only way to headers.
#[test]
fn the_other_way_to_headers_is_named() {
    let world = World::new();
    let error = obtain(&world, &Options { offline: true, ..world.options() }).unwrap_err();
    assert!(matches!(error, Error::Package(debian_packages::Error::Offline { .. })), "{error}");
    says(&error, &["libxen-dev 1.3.0-1 is not in the package cache", "--headers DIR"]);
}

#[test]
fn a_header_that_is_not_as_pinned_is_named() {
    let mut world = World::new();
    let text = world.pins.default_release().to_toml();
    let pinned = text.lines().find(|line| line.starts_with("\"grant_table.h\"")).unwrap();
    let other = format!("\"grant_table.h\" = \"{}\"", Digest::of(b"other"));
    world.pins = Pins::parse(&text.replace(pinned, &other)).unwrap();
    let error = obtain(&world, &world.options()).unwrap_err();
    says(&error, &["release 1.3", "changed: grant_table.h"]);
    assert_eq!(world.mirror.cached(), ["libxen-dev_1.3.0-1_amd64.deb"]);
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
    fs::create_dir(world.mirror.cache()).unwrap();
    fs::write(world.mirror.cache().join(taken.file_name()), &deb).unwrap();
    let note = world.mirror.cache().join(format!("{}.instead.toml", pinned.file_name()));
    fs::write(&note, toml::to_string(&taken).unwrap()).unwrap();

    let offline = Options { offline: true, ..world.options() };
    for _ in 0..2 {
        let tree = obtain(&world, &offline).unwrap();
        assert_eq!((tree.release.as_deref(), tree.label.as_str()), (None, "1.3.7"));
        let [gone @ Warning::Replaced(_), differs] = &tree.warnings[..] else {
            panic!("{:?}", tree.warnings);
        };
        let gone = gone.to_string();
        assert!(gone.contains("libxen-dev 1.3.0-1") && gone.contains("1.3.7+2-1"), "{gone}");
        let Warning::NotPinned { relation, differences, .. } = differences_of(differs) else {
            unreachable!()
        };
        assert_eq!(*relation, Relation::Altered("1.3".to_owned()));
        assert_eq!(differences.changed, ["grant_table.h"]);
        assert_eq!(fs::read_to_string(tree.root.join("xen.h")).unwrap(), changed["xen.h"]);
        // The second time the tree is damaged, and mended from the record.
        fs::write(tree.root.join("xen.h"), "damaged").unwrap();
    }
    // A note whose package is gone is worth nothing: the pinned one is sought again.
    fs::remove_file(world.mirror.cache().join(taken.file_name())).unwrap();
    assert_eq!(obtain(&world, &world.options()).unwrap().warnings, []);
}

#[track_caller]
fn differences_of(warning: &Warning) -> &Warning {
    assert!(matches!(warning, Warning::NotPinned { .. }), "{warning:?}");
    warning
}
