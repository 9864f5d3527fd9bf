//! A pinned package from a mirror on the disk into a cache, and what can go wrong.

use std::cell::RefCell;
use std::fs;
use std::thread;

use debian_packages::testing::{Mirror, deb, files, package_pin, says};
use debian_packages::{Digest, Error, MIRROR_VARIABLE, Options, PackagePin, fetch};

/// A mirror with one package.
fn world() -> (Mirror, PackagePin) {
    let mirror = Mirror::new();
    let deb = deb(&files(&[("./a", "1")]));
    let pin = package_pin("1.3.0-1", &deb);
    mirror.serve(&pin, &deb);
    (mirror, pin)
}

#[test]
fn a_package_is_fetched_and_kept() {
    let (mirror, pin) = world();
    let lines = RefCell::new(Vec::new());
    let progress = |line: &str| lines.borrow_mut().push(line.to_owned());
    let fetched = fetch(&pin, &Options { progress: &progress, ..mirror.options() }).unwrap();
    assert_eq!(Digest::of(&fs::read(&fetched.file).unwrap()), pin.sha256);
    assert_eq!((&fetched.package, &fetched.replaced), (&pin, &None));
    assert_eq!(lines.borrow().len(), 1, "{lines:?}");

    let silent = |line: &str| panic!("{line}");
    let offline = Options { offline: true, mirror: None, progress: &silent, ..mirror.options() };
    assert_eq!(fetch(&pin, &offline).unwrap().file, fetched.file, "the cache is enough");
}

#[test]
fn a_damaged_package_is_fetched_anew() {
    let (mirror, pin) = world();
    let file = fetch(&pin, &mirror.options()).unwrap().file;
    fs::write(&file, "damaged").unwrap();
    let offline = Options { offline: true, ..mirror.options() };
    says(&fetch(&pin, &offline).unwrap_err(), &["is not in the package cache"]);
    fetch(&pin, &mirror.options()).unwrap();
    fetch(&pin, &offline).unwrap();
}

#[test]
fn concurrent_runs_share_a_cache() {
    let (mirror, pin) = world();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let fetched = fetch(&pin, &mirror.options()).unwrap();
                assert_eq!(Digest::of(&fs::read(&fetched.file).unwrap()), pin.sha256);
            });
        }
    });
    assert_eq!(mirror.cached(), ["libxen-dev_1.3.0-1_amd64.deb"]);
}

#[test]
fn a_malformed_pin_is_refused_before_anything_else() {
    let (mirror, pin) = world();
    let pin = PackagePin { pool: "pool/../x.deb".to_owned(), ..pin };
    says(&fetch(&pin, &mirror.options()).unwrap_err(), &["libxen-dev", "not a plain word"]);
    assert!(!mirror.cache().exists());
}

#[test]
fn a_wrong_hash_is_refused_and_not_kept() {
    let (mirror, pin) = world();
    mirror.serve(&pin, b"something else");
    let error = fetch(&pin, &mirror.options()).unwrap_err();
    let expected = pin.sha256.to_string();
    says(&error, &["libxen-dev_1.3.0-1_amd64.deb", &expected, MIRROR_VARIABLE]);
    assert_eq!(mirror.cached(), [""; 0]);
}

#[test]
fn an_unwritable_cache_is_named() {
    let (mirror, pin) = world();
    // Tests may run as root, whom no permission stops: a file in the way does.
    fs::write(mirror.cache(), "in the way").unwrap();
    let error = fetch(&pin, &mirror.options()).unwrap_err();
    says(&error, &["package cache at", "CARGO_TARGET_DIR"]);
}

#[test]
fn no_network_is_one_line() {
    let (world, pin) = world();
    for (mirror, parts) in [
        ("http://127.0.0.1:1/debian", &["http://127.0.0.1:1/debian/pool/"][..]),
        ("file:///no/such/mirror", &["/no/such/mirror/pool/", MIRROR_VARIABLE]),
        ("gopher://x", &["\"gopher://x\" is not the address of a mirror"]),
        ("http://a.test/ [trusted=yes]", &["is not the address of a mirror"]),
    ] {
        let options = Options { mirror: Some(mirror.to_owned()), ..world.options() };
        says(&fetch(&pin, &options).unwrap_err(), parts);
    }
    let offline = Options { offline: true, ..world.options() };
    says(&fetch(&pin, &offline).unwrap_err(), &["libxen-dev 1.3.0-1 is not in"]);
}

#[test]
fn a_package_that_left_an_unsigned_mirror_is_not_replaced() {
    let (mirror, pin) = world();
    mirror.remove(&pin);
    // An index that lists another version, whole but for the signature that it lacks.
    let deb = deb(&files(&[("./a", "2")]));
    let other = package_pin("1.3.1-1", &deb);
    mirror.serve(&other, &deb);
    let index = format!(
        "Package: libxen-dev\nVersion: {}\nArchitecture: amd64\nMaintainer: x\n\
         Description: x\nFilename: {}\nSize: {}\nSHA256: {}\n",
        other.version, other.pool, other.size, other.sha256
    );
    let dists = mirror.root().join("dists/nosuite");
    fs::create_dir_all(dists.join("main/binary-amd64")).unwrap();
    fs::write(dists.join("main/binary-amd64/Packages"), &index).unwrap();
    let release = format!(
        "Origin: Debian\nSuite: nosuite\nCodename: nosuite\nArchitectures: amd64\n\
         Components: main\nDate: Sat, 01 Nov 2025 00:00:00 UTC\nSHA256:\n {} {} \
         main/binary-amd64/Packages\n",
        Digest::of(index.as_bytes()),
        index.len()
    );
    fs::write(dists.join("Release"), release).unwrap();
    let error = fetch(&pin, &mirror.options()).unwrap_err();
    says(&error, &["libxen-dev 1.3.0-1 has left the mirror", "nosuite"]);
    assert!(matches!(error, Error::PinGone { .. }));
    assert_eq!(mirror.cached(), [""; 0]);
}

#[test]
fn what_was_taken_instead_is_used_and_named() {
    let (mirror, pin) = world();
    let deb = deb(&files(&[("./a", "2")]));
    let taken = package_pin("1.3.7+2-1", &deb);
    // As an earlier run left it, when it asked the suite.
    fs::create_dir(mirror.cache()).unwrap();
    fs::write(mirror.cache().join(taken.file_name()), &deb).unwrap();
    let note = mirror.cache().join(format!("{}.instead.toml", pin.file_name()));
    fs::write(&note, toml::to_string(&taken).unwrap()).unwrap();

    let fetched = fetch(&pin, &Options { offline: true, ..mirror.options() }).unwrap();
    assert_eq!(fetched.package, taken);
    says(&fetched.replaced.unwrap(), &["libxen-dev 1.3.0-1", "1.3.7+2-1", "nosuite"]);
    // A note whose package is gone is worth nothing: the pinned one is looked up again.
    fs::remove_file(mirror.cache().join(taken.file_name())).unwrap();
    assert_eq!(fetch(&pin, &mirror.options()).unwrap().replaced, None);
}
