//! Files of packages from a mirror on the disk into a cache.

use std::fs;
use std::io::Write as _;

use debian_packages::testing::{Mirror, deb_of, files, package_pin, says};
use debian_packages::{Error, Options, PackageFiles, PackagePin};
use flate2::Compression;
use flate2::write::GzEncoder;

const KERNEL: [(&str, &[u8]); 3] = [
    ("./boot/vmlinuz-9", b"kernel"),
    ("./lib/modules/9/kernel/a.ko", b"module"),
    ("./lib/modules/9/kernel/b.ko", b"another"),
];

/// A package that `mirror` serves, and files that are wanted of it.
fn part(
    mirror: &Mirror,
    name: &str,
    data: &[(&str, &[u8])],
    wanted: &[(&str, &str)],
) -> PackageFiles {
    let deb = deb_of(data.iter().copied());
    let package = PackagePin {
        name: name.to_owned(),
        pool: format!("pool/main/x/xen/{name}_1-1_amd64.deb"),
        ..package_pin("1-1", &deb)
    };
    mirror.serve(&package, &deb);
    PackageFiles { files: files(wanted), package }
}

/// Two packages that `mirror` serves, and the files that are wanted of them.
fn parts(mirror: &Mirror) -> [PackageFiles; 2] {
    let wanted = [("vmlinuz", "boot/vmlinuz-*"), ("a.ko", "lib/*/a.ko")];
    [
        part(mirror, "image-9", &KERNEL, &wanted),
        part(mirror, "shell", &[("./bin/shell", b"shell")], &[("bin/sh", "bin/shell")]),
    ]
}

#[test]
fn files_are_fetched_unpacked_and_kept() {
    let mirror = Mirror::new();
    let parts = parts(&mirror);
    let found = PackageFiles::obtain_all(&parts, &mirror.options()).unwrap();
    let content = |name| fs::read_to_string(&found.paths[name]).unwrap();
    assert_eq!((&*content("vmlinuz"), &*content("a.ko")), ("kernel", "module"));
    assert_eq!(content("bin/sh"), "shell");
    assert_eq!((found.paths.len(), found.replaced.len()), (3, 0));

    let silent = |line: &str| panic!("{line}");
    let offline = Options { offline: true, mirror: None, progress: &silent, ..mirror.options() };
    let again = PackageFiles::obtain_all(&parts, &offline).unwrap();
    assert_eq!(again.paths, found.paths, "the cache is enough");

    fs::write(&found.paths["a.ko"], "damaged").unwrap();
    let offline = Options { offline: true, ..mirror.options() };
    let mended = parts[0].obtain(&offline).unwrap();
    assert_eq!(fs::read_to_string(&mended.paths["a.ko"]).unwrap(), "module");
}

#[test]
fn other_files_of_the_same_package_are_unpacked_beside_the_first() {
    let mirror = Mirror::new();
    let [mut kernel, _] = parts(&mirror);
    let first = kernel.obtain(&mirror.options()).unwrap();
    kernel.files = files(&[("b.ko", "lib/*/b.ko")]);
    let found = kernel.obtain(&mirror.options()).unwrap();
    assert_eq!(fs::read_to_string(&found.paths["b.ko"]).unwrap(), "another");
    assert_eq!(fs::read_to_string(&first.paths["a.ko"]).unwrap(), "module", "still in use");
}

#[test]
fn a_name_stands_for_exactly_one_file() {
    for (pattern, count) in [("boot/config-*", "0 files"), ("lib/*.ko", "2 files")] {
        let mirror = Mirror::new();
        let [mut kernel, _] = parts(&mirror);
        kernel.files = files(&[("file", pattern)]);
        let error = kernel.obtain(&mirror.options()).unwrap_err();
        assert!(matches!(error, Error::BadPackage { .. }));
        says(&error, &["image-9", count, pattern]);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_compressed_file_is_decompressed() {
    let mirror = Mirror::new();
    let packed = gzip(b"image");
    let image = part(&mirror, "xen", &[("./boot/xen.gz", &packed)], &[("xen", "boot/xen.gz")]);
    let found = image.obtain(&mirror.options()).unwrap();
    assert_eq!(fs::read(&found.paths["xen"]).unwrap(), b"image");
}

/// A small file does not fill the memory.
#[test]
fn a_file_unpacks_to_128_mib_at_most() {
    // Streams follow each other.
    let mut packed = gzip(&[0; 1 << 20]).repeat(128);
    let image = |packed: &[u8]| {
        let mirror = Mirror::new();
        let image = part(&mirror, "xen", &[("./boot/xen.gz", packed)], &[("xen", "boot/xen.gz")]);
        let found = image.obtain(&mirror.options())?;
        Ok(fs::metadata(&found.paths["xen"]).unwrap().len())
    };
    assert_eq!(image(&packed).unwrap(), 128 << 20);
    packed.extend(gzip(&[0]));
    let error: Error = image(&packed).unwrap_err();
    says(&error, &["unpacks to more than 134217728 bytes"]);
}

#[test]
fn a_damaged_file_is_refused() {
    let mirror = Mirror::new();
    let packed = gzip(b"image");
    let cut = &packed[..packed.len() - 4];
    let image = part(&mirror, "xen", &[("./boot/xen.gz", cut)], &[("xen", "boot/xen.gz")]);
    says(&image.obtain(&mirror.options()).unwrap_err(), &["xen_1-1_amd64.deb"]);
}
