//! A pinned hypervisor from a mirror on the disk into a cache.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use support::{World, ar, says, tar, xz};
use xen_headers::{Digest, Error, Hypervisor, ImagePin, Options, PackagePin};

const PLAIN: &str = "boot/xen-1.3-arm64";
const PACKED: &str = "boot/xen-1.3-amd64.gz";

/// A package that holds `content` at `path`.
fn deb(path: &str, content: &[u8]) -> Vec<u8> {
    // The archives of the support module hold text; an image is bytes.
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, format!("./{path}"), content).unwrap();
    let data = builder.into_inner().unwrap();
    let control = tar(&BTreeMap::new());
    ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", &xz(&control)),
        ("data.tar.xz", &xz(&data)),
    ])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A hypervisor whose package `world` serves and holds `content` at `path`.
fn hypervisor(world: &World, path: &str, content: &[u8], image: &[u8]) -> Hypervisor {
    let deb = deb(path, content);
    let package = PackagePin {
        name: "xen-hypervisor-1.3".to_owned(),
        pool: "pool/main/x/xen/xen-hypervisor-1.3_1.3.0-1_any.deb".to_owned(),
        ..support::package_pin("1.3.0-1", &deb)
    };
    world.serve(&package, &deb);
    let image = ImagePin { path: path.to_owned(), sha256: Digest::of(image) };
    Hypervisor { release: "1.3".to_owned(), package, image }
}

#[test]
fn an_image_is_fetched_unpacked_and_kept() {
    for (path, content) in [(PLAIN, b"image".to_vec()), (PACKED, gzip(b"image"))] {
        let world = World::new();
        let hypervisor = hypervisor(&world, path, &content, b"image");
        let image = hypervisor.obtain(&world.options()).unwrap();
        assert_eq!(fs::read(&image.path).unwrap(), b"image");
        assert_eq!((&image.package, &image.warning), (&hypervisor.package, &None));

        let silent = |line: &str| panic!("{line}");
        let offline = Options { offline: true, mirror: None, progress: &silent, ..world.options() };
        assert_eq!(hypervisor.obtain(&offline).unwrap().path, image.path, "the cache is enough");

        fs::write(&image.path, "damaged").unwrap();
        let offline = Options { offline: true, ..world.options() };
        let mended = hypervisor.obtain(&offline).unwrap();
        assert_eq!(fs::read(&mended.path).unwrap(), b"image");
    }
}

#[test]
fn an_image_other_than_pinned_is_refused() {
    let world = World::new();
    let hypervisor = hypervisor(&world, PLAIN, b"another", b"image");
    let error = hypervisor.obtain(&world.options()).unwrap_err();
    says(&error, &["1.3 amd64", PLAIN, "differs"]);
}

#[test]
fn a_package_without_the_image_is_named() {
    let world = World::new();
    let mut hypervisor = hypervisor(&world, "boot/other", b"image", b"image");
    hypervisor.image.path = PLAIN.to_owned();
    let error = hypervisor.obtain(&world.options()).unwrap_err();
    says(&error, &["xen-hypervisor-1.3", PLAIN]);
}

#[test]
fn a_damaged_archive_is_named() {
    let world = World::new();
    let packed = gzip(b"image");
    let hypervisor = hypervisor(&world, PACKED, &packed[..packed.len() - 4], b"image");
    says(&hypervisor.obtain(&world.options()).unwrap_err(), &["xen-hypervisor-1.3"]);
}

#[test]
fn a_package_that_left_a_mirror_without_another_is_named() {
    let world = World::new();
    let mut hypervisor = hypervisor(&world, PLAIN, b"image", b"image");
    hypervisor.package.pool = "pool/main/x/xen/xen-hypervisor-1.3_1.2.0-1_any.deb".to_owned();
    let error = hypervisor.obtain(&world.options()).unwrap_err();
    assert!(matches!(error, Error::PinGone { .. }), "{error}");
    says(&error, &["xen-hypervisor-1.3 1.3.0-1 has left the mirror", "nosuite"]);
}
