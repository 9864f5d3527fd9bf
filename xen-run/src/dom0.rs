//! What a Linux dom0 is made of: files of several packages, as `dom0.toml` lists them.

use std::sync::LazyLock;

use debian_packages::{Error, Files, Options, PackageFiles, PackagePin, Suite};

use serde::{Deserialize, Serialize};

use crate::{Arch, NotPinned};

/// Files of several packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dom0Files {
    /// The release of Xen that they go with, for example `4.20`.
    pub release: String,
    /// The Debian architecture, for example `amd64`.
    pub arch: String,
    /// The packages, each with the files that are wanted of it.
    #[serde(rename = "part")]
    pub parts: Vec<PackageFiles>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct List {
    linux: Vec<Dom0Files>,
    toolstack: Vec<Dom0Files>,
}

static LIST: LazyLock<List> = LazyLock::new(|| {
    let text = include_str!("../dom0.toml");
    toml::from_str(text).expect("the own list is tested")
});

impl Dom0Files {
    /// Debian's Linux that goes with a release of Xen: `vmlinuz`, the modules of `/dev/xen`, and a
    /// shell. All but `vmlinuz` are named by where they belong in a root file system.
    ///
    /// # Errors
    ///
    /// [`NotPinned`] lists what is pinned.
    pub fn linux(release: &str, arch: Arch) -> Result<&'static Self, NotPinned> {
        find(&LIST.linux, "Linux", release, arch)
    }

    /// The programs that start domains, of the same release as the hypervisor, with their libraries.
    /// They are named by where they belong in a root file system.
    ///
    /// # Errors
    ///
    /// [`NotPinned`] lists what is pinned.
    pub fn toolstack(release: &str, arch: Arch) -> Result<&'static Self, NotPinned> {
        find(&LIST.toolstack, "toolstack", release, arch)
    }

    /// The same files for `release`, from what `suite` has today on the machine's Debian mirror: a
    /// fresh pin. Where names and paths hold the old release's number, they get the new one's.
    ///
    /// # Errors
    ///
    /// Those of [`Suite::open`] and [`Suite::current`].
    pub fn current(
        &self,
        release: &str,
        suite: &str,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let renamed = |text: &String| text.replace(&self.release, release);
        let mut parts: Vec<_> = self
            .parts
            .iter()
            .map(|part| {
                let files = part.files.iter().map(|(name, path)| (renamed(name), renamed(path)));
                let (name, suite) = (renamed(&part.package.name), suite.to_owned());
                let package = PackagePin { name, suite, ..part.package.clone() };
                PackageFiles { files: files.collect(), package }
            })
            .collect();
        if let Some(first) = parts.first() {
            let suite = Suite::open(&first.package, options)?;
            for part in &mut parts {
                part.package = suite.current(&part.package)?;
                let PackagePin { name, version, .. } = &part.package;
                (options.progress)(&format!("{name} {version}"));
            }
        }
        Ok(Self { release: release.to_owned(), arch: self.arch.clone(), parts })
    }

    /// The files, from the cache or from their packages; checked each time.
    ///
    /// # Errors
    ///
    /// Those of [`PackageFiles::obtain`].
    pub fn obtain(&self, options: &Options<'_>) -> Result<Files, Error> {
        PackageFiles::obtain_all(&self.parts, options)
    }
}

fn find(
    list: &'static [Dom0Files],
    what: &str,
    release: &str,
    arch: Arch,
) -> Result<&'static Dom0Files, NotPinned> {
    let found = |known: &&Dom0Files| known.release == release && known.arch == arch.debian();
    list.iter().find(found).ok_or_else(|| NotPinned {
        what: format!("{what} for {release} {}", arch.debian()),
        pinned: list.iter().map(|known| format!("{} {}", known.release, known.arch)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pins_are_whole() {
        for collection in LIST.linux.iter().chain(&LIST.toolstack) {
            let mut names: Vec<_> = collection.parts.iter().flat_map(|p| p.files.keys()).collect();
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "a name twice in {}", collection.release);
            for PackageFiles { files, package } in &collection.parts {
                assert!(package.is_sound(), "{}", package.name);
                assert_eq!(package.arch, collection.arch);
                assert_eq!(package.meta.is_some(), package.name.starts_with("linux-image"));
                let odd = |name: &&String| name.starts_with('/') || name.contains("..");
                assert_eq!(files.keys().find(odd), None);
            }
        }
        let again: List = toml::from_str(&toml::to_string(&*LIST).unwrap()).unwrap();
        assert_eq!((&again.linux, &again.toolstack), (&LIST.linux, &LIST.toolstack));
    }

    #[test]
    fn what_is_not_pinned_is_named_beside_what_is() {
        let text = Dom0Files::linux("4.13", Arch::X86_64).unwrap_err().to_string();
        assert!(text.contains("Linux for 4.13 amd64") && text.contains("4.20 arm64"), "{text}");
        assert_eq!(Dom0Files::toolstack("4.20", Arch::X86_64).unwrap().release, "4.20");
        assert!(Dom0Files::toolstack("4.20", Arch::Aarch64).is_err());
    }
}
