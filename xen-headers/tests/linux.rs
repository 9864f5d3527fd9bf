//! Linux's headers out of packages of a mirror on the disk into a cache.

use std::fs;

use debian_packages::testing::{Mirror, deb, files, package_pin, says};
use debian_packages::{Digest, PackagePin};
use xen_headers::{LinuxHeader, LinuxPin, LinuxTree, Options, Warning};

/// Name in the tree, path in the package, text.
type Header = (&'static str, &'static str, &'static str);

const KERNEL: [Header; 2] = [
    ("asm-generic/ioctl.h", "usr/include/asm-generic/ioctl.h", "numbers"),
    ("linux/gntdev.h", "usr/include/xen/gntdev.h", "grants"),
];
const XEN: [Header; 1] = [("linux/xenbus_dev.h", "usr/include/xen/sys/xenbus_dev.h", "store")];

/// A pin of headers whose package `mirror` serves.
fn pin(mirror: &Mirror, name: &str, version: &str, headers: &[Header]) -> LinuxPin {
    let content: Vec<_> =
        headers.iter().map(|(_, path, text)| (format!("./{path}"), *text)).collect();
    let content: Vec<_> = content.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let mut data = files(&content);
    data.extend(files(&[("./usr/include/linux/other.h", "another")]));
    let deb = deb(&data);
    let package = PackagePin {
        name: name.to_owned(),
        pool: format!("pool/main/l/linux/{name}_{version}_all.deb"),
        ..package_pin(version, &deb)
    };
    mirror.serve(&package, &deb);
    let headers = headers.iter().map(|(name, path, text)| {
        let (path, sha256) = ((*path).to_owned(), Digest::of(text.as_bytes()));
        ((*name).to_owned(), LinuxHeader { path, sha256 })
    });
    LinuxPin { package, headers: headers.collect() }
}

fn pins(mirror: &Mirror) -> [LinuxPin; 2] {
    [
        pin(mirror, "linux-libc-dev", "6.1.2-3", &KERNEL),
        pin(mirror, "libxen-dev", "4.5.6+7-g8-9", &XEN),
    ]
}

#[test]
fn headers_of_several_packages_become_one_tree() {
    let mirror = Mirror::new();
    let pins = pins(&mirror);
    let tree = LinuxTree::obtain(&pins, &mirror.options()).unwrap();
    for (name, _, text) in KERNEL.iter().chain(&XEN) {
        assert_eq!(fs::read_to_string(tree.root.join(name)).unwrap(), *text, "{name}");
    }
    let expected =
        [("linux/gntdev.h", "linux-libc-dev 6.1.2"), ("linux/xenbus_dev.h", "libxen-dev 4.5.6")];
    assert_eq!(tree.headers, files(&expected), "what is not of a device is no header of the ABI");
    assert_eq!(tree.warnings, []);

    let silent = |line: &str| panic!("{line}");
    let offline = Options { offline: true, mirror: None, progress: &silent, ..mirror.options() };
    assert_eq!(LinuxTree::obtain(&pins, &offline).unwrap().root, tree.root, "the cache is enough");

    fs::write(tree.root.join("linux/gntdev.h"), "damaged").unwrap();
    let offline = Options { offline: true, ..mirror.options() };
    let mended = LinuxTree::obtain(&pins, &offline).unwrap();
    assert_eq!(fs::read_to_string(mended.root.join("linux/gntdev.h")).unwrap(), "grants");
    assert_eq!(mirror.cached().len(), 3, "two packages and a tree");
}

#[test]
fn headers_other_than_pinned_are_refused() {
    let mirror = Mirror::new();
    let mut pins = pins(&mirror);
    let header = pins[0].headers.get_mut("linux/gntdev.h").unwrap();
    header.sha256 = Digest::of(b"other grants");
    let error = LinuxTree::obtain(&pins, &mirror.options()).unwrap_err();
    says(&error, &["linux-libc-dev_6.1.2-3_all.deb", "differ"]);
}

#[test]
fn a_header_that_is_not_in_the_package_is_named() {
    let mirror = Mirror::new();
    let mut pins = pins(&mirror);
    pins[1].headers.get_mut("linux/xenbus_dev.h").unwrap().path = "usr/include/none.h".to_owned();
    let error = LinuxTree::obtain(&pins, &mirror.options()).unwrap_err();
    says(&error, &["libxen-dev_4.5.6", "usr/include/none.h"]);
}

/// As after an earlier run that found the pinned package gone from the mirror.
fn taken_instead(mirror: &Mirror, pin: &LinuxPin, taken: &PackagePin) {
    fs::create_dir_all(mirror.cache()).unwrap();
    let deb = mirror.root().join(&taken.pool);
    fs::copy(deb, mirror.cache().join(taken.file_name())).unwrap();
    mirror.remove(&pin.package);
    let note = format!("{}.instead.toml", pin.package.file_name());
    fs::write(mirror.cache().join(note), toml::to_string(taken).unwrap()).unwrap();
}

#[test]
fn a_newer_package_is_taken_loudly_and_named_only_when_its_headers_differ() {
    for (text, label) in [("grants", "linux-libc-dev 6.1.2"), ("more", "linux-libc-dev 6.1.3")] {
        let mirror = Mirror::new();
        let pins = pins(&mirror);
        let mut headers = KERNEL;
        headers[1].2 = text;
        let newer = pin(&mirror, "linux-libc-dev", "6.1.3-1", &headers);
        taken_instead(&mirror, &pins[0], &newer.package);
        for _ in 0..2 {
            let tree = LinuxTree::obtain(&pins, &mirror.options()).unwrap();
            assert_eq!(fs::read_to_string(tree.root.join("linux/gntdev.h")).unwrap(), text);
            assert_eq!(tree.headers["linux/gntdev.h"], label);
            let [Warning::Replaced(replaced)] = &tree.warnings[..] else {
                panic!("{:?}", tree.warnings);
            };
            assert_eq!((replaced.pinned.as_str(), replaced.taken.as_str()), ("6.1.2-3", "6.1.3-1"));
        }
    }
}
