//! The hypervisors that are booted, as `hypervisors.toml` lists them.

use std::path::PathBuf;
use std::sync::LazyLock;

use debian_packages::{Error, Files, Options, PackageFiles, PackagePin, Replaced};

use serde::{Deserialize, Serialize};

use crate::{Arch, NotPinned};

/// What the image is called in the cache.
const IMAGE: &str = "xen";

/// A hypervisor as Debian ships it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hypervisor {
    /// The release of Xen, for example `4.20`.
    pub release: String,
    /// The boot image's path in the package, without a leading slash; a `.gz` is decompressed.
    pub image: String,
    /// The package; its `arch` is the machine that the hypervisor runs on.
    pub package: PackagePin,
}

/// An image in the cache, checked.
#[derive(Clone, Debug)]
pub struct Image {
    /// The file: what a boot loader loads, not compressed.
    pub path: PathBuf,
    /// Says so when it is not out of the pinned package.
    pub replaced: Option<Replaced>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(rename = "hypervisor")]
    hypervisors: Vec<Hypervisor>,
}

static LIST: LazyLock<List> = LazyLock::new(|| {
    let text = include_str!("../hypervisors.toml");
    toml::from_str(text).expect("the own list is tested")
});

impl Hypervisor {
    /// The pinned hypervisors, by release and then by architecture.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &LIST.hypervisors
    }

    /// The pinned hypervisor of a release for an architecture.
    ///
    /// # Errors
    ///
    /// [`NotPinned`] lists the pinned ones.
    pub fn pinned(release: &str, arch: Arch) -> Result<&'static Self, NotPinned> {
        let found = |known: &&Self| known.release == release && known.package.arch == arch.debian();
        Self::all().iter().find(found).ok_or_else(|| NotPinned {
            what: format!("hypervisor {release} {}", arch.debian()),
            pinned: Self::all().iter().map(Self::label).collect(),
        })
    }

    /// The hypervisor that `suite` has today on the machine's Debian mirror: a fresh pin.
    ///
    /// # Errors
    ///
    /// Those of [`PackagePin::current`] and of [`Hypervisor::obtain`].
    pub fn current(
        release: &str,
        suite: &str,
        arch: Arch,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let arch = arch.debian();
        let name = format!("xen-hypervisor-{release}-{arch}");
        let package = PackagePin::named(&name, arch, suite).current(options)?;
        // A hypervisor for x86 is compressed, one for Arm is not.
        let image = format!("boot/xen-{release}-{arch}");
        let suffix = if arch == Arch::X86_64.debian() { ".gz" } else { "" };
        let found = Self { release: release.to_owned(), image: image + suffix, package };
        found.obtain(options)?;
        Ok(found)
    }

    /// The image, from the cache or from its package; checked each time.
    ///
    /// # Errors
    ///
    /// Those of [`PackageFiles::obtain`].
    pub fn obtain(&self, options: &Options<'_>) -> Result<Image, Error> {
        let files = [(IMAGE.to_owned(), self.image.clone())].into();
        let files = PackageFiles { files, package: self.package.clone() };
        let Files { paths, replaced } = files.obtain(options)?;
        let path = paths.into_values().collect();
        Ok(Image { path, replaced: replaced.into_iter().next() })
    }

    fn label(&self) -> String {
        format!("{} {}", self.release, self.package.arch)
    }

    /// The hypervisor as an entry of `hypervisors.toml`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let Self { release, image, package } = self;
        let PackagePin { name, arch, suite, version, pool, size, sha256, .. } = package;
        format!(
            "[[hypervisor]]\nrelease = \"{release}\"\nimage = \"{image}\"\n\n\
             [hypervisor.package]\nname = \"{name}\"\narch = \"{arch}\"\nsuite = \"{suite}\"\n\
             version = \"{version}\"\npool = \"{pool}\"\nsize = {size}\nsha256 = \"{sha256}\"\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pins_are_whole() {
        for known in Hypervisor::all() {
            assert!(known.package.is_sound(), "{}", known.label());
            assert!(known.image.contains("boot/xen-"), "{}", known.label());
            let again: List = toml::from_str(&known.to_toml()).unwrap();
            assert_eq!(again.hypervisors, std::slice::from_ref(known));
        }
    }

    #[test]
    fn what_is_not_pinned_is_named_beside_what_is() {
        let text = Hypervisor::pinned("4.20", Arch::Arm).unwrap_err().to_string();
        assert!(text.contains("4.20 armhf") && text.contains("4.17 armhf"), "{text}");
        assert_eq!(Hypervisor::pinned("4.17", Arch::Arm).unwrap().release, "4.17");
    }
}
