//! Header trees and their packages made up for the tests: none of Xen's text is in them.

#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod checkout;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use debian_packages::Digest;
use debian_packages::testing::{Mirror, deb, files, package_pin};
use xen_headers::{Options, Packaged, Pins, PointRelease, Release, Versions};

/// The made-up headers of a release that calls itself by `versions`.
pub(crate) fn headers(versions: Versions, mark: &str) -> BTreeMap<String, String> {
    let Versions { interface, domctl, sysctl } = versions;
    let files = [
        ("arch-x86/xen.h", format!("/* {mark} */\n")),
        ("domctl.h", format!("#define XEN_DOMCTL_INTERFACE_VERSION {domctl:#010x}\n")),
        ("grant_table.h", "/* grants */\n".to_owned()),
        ("sysctl.h", format!("#define XEN_SYSCTL_INTERFACE_VERSION {sysctl:#010x}\n")),
        ("xen-compat.h", format!("#define __XEN_LATEST_INTERFACE_VERSION__ {interface:#010x}\n")),
        ("xen.h", "/* first */\n".to_owned()),
    ];
    files.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

pub(crate) const OLD: Versions = Versions { interface: 0x10, domctl: 0x10, sysctl: 0x10 };
pub(crate) const NEW: Versions = Versions { interface: 0x30, domctl: 0x30, sysctl: 0x30 };

/// The package of a tree of headers, with neighbours that do not belong to the ABI.
pub(crate) fn headers_deb(headers: &BTreeMap<String, String>) -> Vec<u8> {
    let place = |name: &String| format!("./usr/include/xen/{name}");
    let mut data: BTreeMap<_, _> = headers.iter().map(|(k, v)| (place(k), v.clone())).collect();
    data.extend(files(&[
        ("./usr/include/xen/sys/gntdev.h", "device"),
        ("./usr/include/xen/foreign/x86_64.h", "generated"),
        ("./usr/include/xenctrl.h", "library"),
    ]));
    deb(&data)
}

/// The pin of a release whose package is `deb`.
pub(crate) fn release(
    name: &str,
    versions: Versions,
    headers: &BTreeMap<String, String>,
) -> Release {
    let deb = headers_deb(headers);
    let hashes = headers.iter().map(|(k, v)| (k.clone(), Digest::of(v.as_bytes())));
    Release {
        name: name.to_owned(),
        versions,
        package: package_pin(&format!("{name}.0-1"), &deb),
        headers: hashes.collect(),
    }
}

/// Two releases, 1.1 and 1.3.
pub(crate) fn pins() -> Pins {
    let of = |name, versions| release(name, versions, &headers(versions, name)).to_toml();
    Pins::parse(&format!("{}\n{}", of("1.1", OLD), of("1.3", NEW))).unwrap()
}

/// The same with upstream's releases 1.1.0, 1.1.2 and 1.3.0. The headers of 1.3.0 are those of the
/// package, the others are marked with their names.
pub(crate) fn pins_with_points() -> Pins {
    let point = |name: &str, versions, mark| {
        let headers = headers(versions, mark).into_iter();
        PointRelease {
            name: name.to_owned(),
            versions,
            headers: headers.map(|(name, text)| (name, Digest::of(text.as_bytes()))).collect(),
            packaged: (name == "1.3.0")
                .then(|| Packaged { release: "1.3".to_owned(), lacks: Default::default() }),
        }
    };
    let [first, second, third] =
        [point("1.1.0", OLD, "1.1.0"), point("1.1.2", OLD, "1.1.2"), point("1.3.0", NEW, "1.3")];
    let entries = [first.to_toml(None), second.to_toml(Some(&first)), third.to_toml(Some(&second))];
    pins().with_points(&entries.join("\n")).unwrap()
}

pub(crate) fn write_tree(root: &Path, headers: &BTreeMap<String, String>) {
    for (name, text) in headers {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// A mirror with the package of 1.3.
pub(crate) struct World {
    pub(crate) mirror: Mirror,
    pub(crate) pins: Pins,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self { mirror: Mirror::new(), pins: pins() };
        let package = &world.pins.default_release().package;
        world.mirror.serve(package, &headers_deb(&headers(NEW, "1.3")));
        world
    }

    pub(crate) fn options(&self) -> Options<'static> {
        self.mirror.options()
    }
}
