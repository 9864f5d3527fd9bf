//! Linux's headers for programs that use Xen's devices, as `linux.toml` lists them, fetched and
//! checked as Xen's are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use debian_packages::Error as PackageError;
use debian_packages::{Digest, Fetched, Options, PackagePin, Scratch, fetch, unpack};

use crate::tree::upstream_version;
use crate::{Error, Warning};

/// A package, and the headers that are taken from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinuxPin {
    /// The package.
    pub package: PackagePin,
    /// The headers, by their paths in the [`LinuxTree`].
    pub headers: BTreeMap<String, LinuxHeader>,
}

/// A header in a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinuxHeader {
    /// Its path in the package, without a leading slash.
    pub path: String,
    /// Its SHA-256.
    pub sha256: Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    linux: Vec<LinuxPin>,
}

static LIST: LazyLock<List> = LazyLock::new(|| {
    let text = include_str!("../linux.toml");
    toml::from_str(text).expect("the crate's own linux.toml is tested")
});

/// The packages that this crate takes Linux's headers from; the first is the kernel's own.
#[must_use]
pub fn linux_pins() -> &'static [LinuxPin] {
    &LIST.linux
}

impl LinuxPin {
    /// The same headers as `suite` has them today on the machine's Debian mirror: a fresh pin.
    ///
    /// # Errors
    ///
    /// Those of [`PackagePin::current`] and [`fetch()`], and [`debian_packages::Error::BadPackage`]
    /// when a header is not in the package.
    pub fn current(&self, suite: &str, options: &Options<'_>) -> Result<Self, Error> {
        let model = PackagePin { suite: suite.to_owned(), ..self.package.clone() };
        let fetched = fetch(&model.current(options)?, options)?;
        let scratch = Scratch::dir(&options.cache)?;
        self.unpack(&fetched, scratch.path(), &options.cache)
    }

    /// The pin as an entry of `linux.toml`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let PackagePin { name, arch, suite, version, pool, size, sha256, .. } = &self.package;
        let mut text = format!(
            "[[linux]]\n\n\
             [linux.package]\nname = \"{name}\"\narch = \"{arch}\"\nsuite = \"{suite}\"\n\
             version = \"{version}\"\npool = \"{pool}\"\nsize = {size}\nsha256 = \"{sha256}\"\n"
        );
        for (name, LinuxHeader { path, sha256 }) in &self.headers {
            text.push_str(&format!(
                "\n[linux.headers.\"{name}\"]\npath = \"{path}\"\nsha256 = \"{sha256}\"\n"
            ));
        }
        text
    }

    /// Puts the headers of a package, the pinned one or another, below `root`, and says what they
    /// are.
    fn unpack(&self, fetched: &Fetched, root: &Path, cache: &Path) -> Result<Self, Error> {
        let package = fetched.package.clone();
        let mut headers = BTreeMap::new();
        let scratch = Scratch::dir(cache)?;
        let wanted = |path: &str| self.headers.values().any(|header| header.path == path);
        let found = unpack(&fetched.file, scratch.path(), &wanted)?;
        for (name, LinuxHeader { path, .. }) in &self.headers {
            if !found.contains(path) {
                let detail = format!("it holds no {path}");
                return Err(PackageError::bad_package(&fetched.file, detail).into());
            }
            let (from, to) = (scratch.path().join(path), root.join(name));
            let (sha256, _) =
                Digest::of_file(&from).map_err(|source| PackageError::cache(&from, source))?;
            let dir = to.parent().unwrap_or(root);
            fs::create_dir_all(dir).map_err(|source| PackageError::cache(dir, source))?;
            fs::rename(&from, &to).map_err(|source| PackageError::cache(&to, source))?;
            headers.insert(name.clone(), LinuxHeader { path: path.clone(), sha256 });
        }
        Ok(Self { package, headers })
    }
}

/// The directories `linux`, with the headers of Xen's devices, and `asm-generic`, with what those
/// need of the kernel's other headers.
#[derive(Clone, Debug)]
pub struct LinuxTree {
    /// The directory that holds both.
    pub root: PathBuf,
    /// The headers of the devices by their paths below `root`, `linux/gntdev.h` and so on, each with
    /// what it came from, for example `linux-libc-dev 6.12.107`.
    pub headers: BTreeMap<String, String>,
    /// What the user must be told.
    pub warnings: Vec<Warning>,
}

impl LinuxTree {
    /// Gets the headers of `pins`, and checks every one of them.
    ///
    /// A tree in the cache is checked again each time and replaced when damaged. Concurrent runs
    /// may share a cache.
    ///
    /// # Errors
    ///
    /// Those of [`fetch()`] and [`unpack`]; [`Error::BadPins`] when a pinned package holds other
    /// headers than pinned.
    pub fn obtain(pins: &[LinuxPin], options: &Options<'_>) -> Result<Self, Error> {
        let cache = &options.cache;
        if is_whole(&place(pins, cache), pins) {
            return Ok(Self::new(pins, pins, cache, Vec::new()));
        }
        let scratch = Scratch::dir(cache)?;
        let (mut taken, mut warnings) = (Vec::new(), Vec::new());
        for pin in pins {
            let fetched = fetch(&pin.package, options)?;
            let file = fetched.package.file_name();
            (options.progress)(&format!("unpacking {file}"));
            let found = pin.unpack(&fetched, scratch.path(), cache)?;
            if found.package == pin.package && found != *pin {
                return Err(Error::bad_pins(format!("the headers in {file} differ from theirs")));
            }
            taken.push(found);
            warnings.extend(fetched.replaced.map(Warning::from));
        }
        let place = place(&taken, cache);
        scratch.publish(&place, &|| is_whole(&place, &taken))?;
        Ok(Self::new(pins, &taken, cache, warnings))
    }

    /// The tree of what was `taken` for `pins`.
    fn new(pins: &[LinuxPin], taken: &[LinuxPin], cache: &Path, warnings: Vec<Warning>) -> Self {
        let mut headers = BTreeMap::new();
        for (pin, taken) in pins.iter().zip(taken) {
            // A newer package with the same headers changes nothing.
            let source = if pin.headers == taken.headers { pin } else { taken };
            let PackagePin { name, version, .. } = &source.package;
            let label = format!("{name} {}", upstream_version(version));
            let of_devices = taken.headers.keys().filter(|name| name.starts_with("linux/"));
            headers.extend(of_devices.map(|name| (name.clone(), label.clone())));
        }
        Self { root: place(taken, cache), headers, warnings }
    }
}

/// The directory in the cache for the headers of these packages.
fn place(pins: &[LinuxPin], cache: &Path) -> PathBuf {
    let versions: Vec<_> = pins.iter().map(|pin| pin.package.version.as_str()).collect();
    cache.join(format!("linux_{}", versions.join("_")))
}

/// Whether every header is in `root` and as in `pins`.
fn is_whole(root: &Path, pins: &[LinuxPin]) -> bool {
    pins.iter().flat_map(|pin| &pin.headers).all(|(name, header)| {
        Digest::of_file(&root.join(name)).is_ok_and(|(found, _)| found == header.sha256)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pins_of_the_crate_are_whole() {
        let pins = linux_pins();
        let packages: Vec<_> = pins.iter().map(|pin| pin.package.name.as_str()).collect();
        assert_eq!(packages, ["linux-libc-dev", "libxen-dev"]);
        let names: Vec<_> = pins.iter().flat_map(|pin| pin.headers.keys()).collect();
        assert_eq!(
            names,
            [
                "asm-generic/int-ll64.h",
                "asm-generic/ioctl.h",
                "linux/evtchn.h",
                "linux/gntalloc.h",
                "linux/gntdev.h",
                "linux/privcmd.h",
                "linux/xenbus_dev.h"
            ]
        );
        for pin in pins {
            assert!(pin.package.is_sound(), "{}", pin.package.name);
            let again: List = toml::from_str(&pin.to_toml()).unwrap();
            assert_eq!(again.linux, std::slice::from_ref(pin));
        }
    }
}
