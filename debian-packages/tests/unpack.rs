//! Packages that are damaged, hostile or not packages at all.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use debian_packages::testing::{ar, deb, files, says, tar, xz};
use debian_packages::{Error, PackagePin, unpack};

/// A package with some files.
fn whole() -> Vec<u8> {
    let names: Vec<_> = (0..9).map(|n| format!("./usr/include/xen/{n}.h")).collect();
    let texts: Vec<_> = (0..9).map(|n| format!("#define NUMBER_{n} {n}\n")).collect();
    let pairs: Vec<_> =
        names.iter().zip(&texts).map(|(name, text)| (&name[..], &text[..])).collect();
    deb(&files(&pairs))
}

fn all(_: &str) -> bool {
    true
}

fn unpack_bytes(bytes: &[u8], dest: &Path) -> Result<Vec<String>, Error> {
    let package = dest.with_extension("deb");
    fs::write(&package, bytes).unwrap();
    unpack(&package, dest, &all)
}

/// Unpacks where nothing may be written, and returns the error.
#[track_caller]
fn refused(bytes: &[u8]) -> Error {
    let dir = tempfile::tempdir().unwrap();
    let error = unpack_bytes(bytes, &dir.path().join("dest")).unwrap_err();
    says(&error, &["dest.deb is not a usable package: ", "; delete it"]);
    error
}

#[test]
fn only_wanted_files_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let package = dir.path().join("p.deb");
    let content = [("./a/one", "1"), ("b/two", "2"), ("./three", "3")];
    fs::write(&package, deb(&files(&content))).unwrap();
    let dest = dir.path().join("dest");
    let written = unpack(&package, &dest, &|name| name != "b/two").unwrap();
    assert_eq!(written, ["a/one", "three"]);
    assert_eq!(fs::read_to_string(dest.join("a/one")).unwrap(), "1");
    assert!(!dest.join("b").exists());
}

/// Members of an archive start at even offsets.
#[test]
fn members_may_have_odd_sizes() {
    let data = tar([("a", &b"1"[..])]);
    for first in [&b"even"[..], b"odd"] {
        let dir = tempfile::tempdir().unwrap();
        let bytes = ar(&[("debian-binary", b"2.0\n"), ("control.tar", first), ("data.tar", &data)]);
        assert_eq!(unpack_bytes(&bytes, &dir.path().join("dest")).unwrap(), ["a"]);
    }
}

#[test]
fn what_is_no_package_is_refused() {
    says(&refused(b"<html>not found</html>"), &["it is not an ar archive"]);
    refused(b"");
    says(&refused(&ar(&[("debian-binary", b"2.0\n")])), &["it has no data.tar"]);
    says(&refused(&ar(&[("data.tar.zst", b"x")])), &["data.tar.zst is compressed in a way"]);
    refused(&ar(&[("data.tar.xz", b"not xz at all")]));
    refused(&ar(&[("data.tar", &[b'x'; 1024])]));
    let mut bytes = ar(&[("data.tar", b"")]);
    bytes[8 + 50] = b'-';
    says(&refused(&bytes), &["malformed ar header"]);
}

#[test]
fn a_package_cut_anywhere_is_refused() {
    let whole = whole();
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(unpack_bytes(&whole, &dir.path().join("dest")).unwrap().len(), 9);
    for length in (0..whole.len() - 1).step_by(7) {
        refused(&whole[..length]);
    }
}

#[test]
fn a_flipped_bit_is_refused_or_harmless() {
    let whole = whole();
    let data = whole.len() - xz(&tar([])).len();
    let dir = tempfile::tempdir().unwrap();
    for place in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        // An archive's header has fields that are not read; the compressed data has a check sum.
        let _ = unpack_bytes(&bytes, &dir.path().join("dest"));
    }
    let mut bytes = whole;
    bytes[data] ^= 0x10;
    refused(&bytes);
}

#[test]
fn nothing_is_written_outside() {
    for name in ["../out.h", "./a/../../out.h", "/tmp/xen-headers-out.h", ".."] {
        let error = refused(&deb(&files(&[(name, "hostile")])));
        says(&error, &["leads outside the package"]);
    }
}

#[test]
fn a_link_in_place_of_a_header_is_refused() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "usr/include/xen/xen.h", "/etc/passwd").unwrap();
    let tar = builder.into_inner().unwrap();
    says(
        &refused(&ar(&[("data.tar", &tar)])),
        &["usr/include/xen/xen.h in it is not a plain file"],
    );
}

#[test]
fn an_entry_that_lies_about_its_size_is_refused() {
    let mut tar = tar([("a", &b"short"[..])]);
    let mut header = tar::Header::from_byte_slice(&tar[..512]).clone();
    header.set_size(1 << 40);
    header.set_cksum();
    tar[..512].copy_from_slice(header.as_bytes());
    refused(&ar(&[("data.tar", &tar)]));
}

/// A tar archive of one file that is nothing but zeros: compressed, it is a ten-thousandth.
fn zeros(name: &str, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).unwrap();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header, std::io::repeat(0).take(size)).unwrap();
    builder.into_inner().unwrap()
}

#[test]
fn a_file_larger_than_any_is_refused() {
    let large = xz(&zeros("usr/include/xen/xen.h", (128 << 20) + 1));
    assert!(large.len() < 100_000);
    says(
        &refused(&ar(&[("data.tar.xz", &large)])),
        &["usr/include/xen/xen.h unpacks to more than 134217728 bytes"],
    );
}

#[test]
fn a_control_file_larger_than_any_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let package = dir.path().join("p.deb");
    fs::write(&package, ar(&[("control.tar", &zeros("control", (1 << 20) + 1))])).unwrap();
    let error = PackagePin::of_file("trixie", &package).unwrap_err();
    says(&error, &["p.deb", "control unpacks to more than 1048576 bytes"]);
}

#[test]
fn a_long_name_is_read_and_bounded() {
    let dir = tempfile::tempdir().unwrap();
    for (length, fine) in [(120, true), (4097, false)] {
        let name = ["d/"; 4].concat() + &"n/".repeat(length / 2);
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(name.len() as u64);
        header.set_cksum();
        let mut builder = tar::Builder::new(Vec::new());
        builder.append(&header, name.as_bytes()).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_path("short").unwrap();
        header.set_size(0);
        header.set_cksum();
        builder.append(&header, &b""[..]).unwrap();
        let bytes = ar(&[("data.tar", &builder.into_inner().unwrap())]);
        if fine {
            let found = unpack_bytes(&bytes, &dir.path().join("dest")).unwrap();
            assert_eq!(found, [name.trim_end_matches('/')]);
        } else {
            says(&refused(&bytes), &["a name unpacks to more than 4096 bytes"]);
        }
    }
}

#[test]
fn a_file_is_not_written_twice() {
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("dest");
    let twice = ar(&[("data.tar", &tar([("a", &b"1"[..]), ("a", &b"2"[..])]))]);
    let error = unpack_bytes(&twice, &dest).unwrap_err();
    assert!(matches!(error, Error::Cache { .. }), "{error}");
    assert_eq!(fs::read(dest.join("a")).unwrap(), b"1");
}

#[test]
fn a_package_describes_itself() {
    let dir = tempfile::tempdir().unwrap();
    let package = dir.path().join("any-name.deb");
    fs::write(&package, whole()).unwrap();
    let pin = PackagePin::of_file("trixie", &package).unwrap();
    assert_eq!((pin.name.as_str(), pin.version.as_str()), ("libxen-dev", "1:9.1-1"));
    assert_eq!((pin.arch.as_str(), pin.suite.as_str()), ("amd64", "trixie"));
    assert_eq!(pin.pool, "pool/main/x/xen/libxen-dev_9.1-1_amd64.deb");
    assert_eq!(pin.size, fs::metadata(&package).unwrap().len());
    assert!(pin.is_sound());
}
