//! Fresh pins from package files.

mod support;

use std::fs;

use debian_packages::testing::{deb, files, says};
use support::{NEW, headers, headers_deb};
use xen_headers::{Pins, repin};

#[test]
fn a_fresh_pin_describes_the_headers() {
    let dir = tempfile::tempdir().unwrap();
    let package = dir.path().join("any-name.deb");
    let headers = headers(NEW, "");
    fs::write(&package, headers_deb(&headers)).unwrap();
    let release = repin("9.1", "trixie", &package, &dir.path().join("cache")).unwrap();
    assert_eq!(release.versions, NEW);
    assert_eq!(release.package.version, "1:9.1-1");
    assert!(release.headers.keys().eq(headers.keys()));
    let read = Pins::parse(&release.to_toml()).unwrap();
    assert_eq!(read.default_release(), &release);
    assert_eq!(fs::read_dir(dir.path().join("cache")).unwrap().count(), 0, "nothing is left");
}

#[test]
fn a_package_without_headers_has_no_pin() {
    let dir = tempfile::tempdir().unwrap();
    let package = dir.path().join("p.deb");
    fs::write(&package, deb(&files(&[("./usr/include/xenctrl.h", "")]))).unwrap();
    let error = repin("9.1", "trixie", &package, &dir.path().join("cache")).unwrap_err();
    says(&error, &["p.deb", "holds no headers in usr/include/xen"]);
}
