//! Files of several packages from a mirror on the disk into a cache.

mod support;

use std::fs;

use support::{World, deb, files, says};
use xen_headers::{Collection, Error, Options, PackagePin, Part};

/// Two packages that `world` serves, and the files that are wanted of them.
fn collection(world: &World) -> Collection {
    let kernel = [
        ("./boot/vmlinuz-9", "kernel"),
        ("./lib/modules/9/kernel/a.ko", "module"),
        ("./lib/modules/9/kernel/b.ko", "another"),
    ];
    let parts = [
        part(world, "image-9", &kernel, &[("vmlinuz", "boot/vmlinuz-*"), ("a.ko", "lib/*/a.ko")]),
        part(world, "shell", &[("./bin/shell", "shell")], &[("bin/sh", "bin/shell")]),
    ];
    Collection { release: "1.3".to_owned(), arch: "amd64".to_owned(), parts: parts.into() }
}

fn part(world: &World, name: &str, data: &[(&str, &str)], wanted: &[(&str, &str)]) -> Part {
    let deb = deb(&files(data));
    let package = PackagePin {
        name: name.to_owned(),
        pool: format!("pool/main/x/xen/{name}_1-1_amd64.deb"),
        ..support::package_pin("1-1", &deb)
    };
    world.serve(&package, &deb);
    Part { files: files(wanted), package }
}

#[test]
fn files_are_fetched_unpacked_and_kept() {
    let world = World::new();
    let collection = collection(&world);
    let found = collection.obtain(&world.options()).unwrap();
    let content = |name| fs::read_to_string(&found.paths[name]).unwrap();
    assert_eq!((&*content("vmlinuz"), &*content("a.ko")), ("kernel", "module"));
    assert_eq!(content("bin/sh"), "shell");
    assert_eq!((found.paths.len(), found.warnings.len()), (3, 0));

    let silent = |line: &str| panic!("{line}");
    let offline = Options { offline: true, mirror: None, progress: &silent, ..world.options() };
    assert_eq!(collection.obtain(&offline).unwrap().paths, found.paths, "the cache is enough");

    fs::write(&found.paths["a.ko"], "damaged").unwrap();
    let offline = Options { offline: true, ..world.options() };
    let mended = collection.obtain(&offline).unwrap();
    assert_eq!(fs::read_to_string(&mended.paths["a.ko"]).unwrap(), "module");
}

#[test]
fn another_wish_is_unpacked_anew() {
    let world = World::new();
    let mut collection = collection(&world);
    collection.obtain(&world.options()).unwrap();
    collection.parts[0].files = files(&[("b.ko", "lib/*/b.ko")]);
    let found = collection.obtain(&world.options()).unwrap();
    assert_eq!(fs::read_to_string(&found.paths["b.ko"]).unwrap(), "another");
}

#[test]
fn a_name_stands_for_exactly_one_file() {
    for (pattern, count) in [("boot/config-*", "0 files"), ("lib/*.ko", "2 files")] {
        let world = World::new();
        let mut collection = collection(&world);
        collection.parts[0].files = files(&[("file", pattern)]);
        let error = collection.obtain(&world.options()).unwrap_err();
        assert!(matches!(error, Error::BadPackage { .. }));
        says(&error, &["image-9", count, pattern]);
    }
}
