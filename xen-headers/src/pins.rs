//! The known releases, as `pins.toml` lists them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use debian_packages::{Digest, PackagePin};
use serde::{Deserialize, Serialize};

use crate::{Error, Versions};

/// One known release of Xen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The release as a user writes it, for example `4.20`.
    pub name: String,
    /// The numbers its headers carry.
    pub versions: Versions,
    /// The package that holds its headers.
    pub package: PackagePin,
    /// Every public header, by its path below `usr/include/xen`.
    pub headers: BTreeMap<String, Digest>,
}

impl Release {
    /// The release as two numbers, for comparing: "4.9" is older than "4.20".
    pub(crate) fn number(&self) -> Option<(u32, u32)> {
        let (major, minor) = self.name.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    }

    /// The release as an entry of `pins.toml`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let Self { name, versions: Versions { interface, domctl, sysctl }, package, headers } =
            self;
        let PackagePin { name: package, arch, suite, version, pool, size, sha256, .. } = package;
        let mut text = format!(
            "[[release]]\nname = \"{name}\"\n\n\
             [release.versions]\ninterface = {interface:#010x}\n\
             domctl = {domctl:#x}\nsysctl = {sysctl:#x}\n\n\
             [release.package]\nname = \"{package}\"\narch = \"{arch}\"\n\
             suite = \"{suite}\"\nversion = \"{version}\"\npool = \"{pool}\"\n\
             size = {size}\nsha256 = \"{sha256}\"\n\n[release.headers]\n"
        );
        for (name, sha256) in headers {
            text.push_str(&format!("\"{name}\" = \"{sha256}\"\n"));
        }
        text
    }

    fn problem(&self) -> Option<&'static str> {
        if self.number().is_none() {
            Some("its name is not two numbers with a dot between")
        } else if !self.package.is_sound() {
            Some("its package has a field that is not a plain word or pool path")
        } else if self.headers.is_empty() {
            Some("it has no headers")
        } else {
            None
        }
    }
}

/// The known releases, oldest first; there is at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    #[serde(rename = "release")]
    releases: Vec<Release>,
}

static PINS: LazyLock<Pins> = LazyLock::new(|| {
    Pins::parse(include_str!("../pins.toml")).expect("the crate's own pins.toml is tested")
});

/// The releases this crate knows.
#[must_use]
pub fn pins() -> &'static Pins {
    &PINS
}

impl Pins {
    /// Reads a list of pins from the text of a `pins.toml`.
    ///
    /// # Errors
    ///
    /// [`Error::BadPins`] names the release and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let pins: Self = toml::from_str(text).map_err(Error::bad_pins)?;
        for release in &pins.releases {
            if let Some(problem) = release.problem() {
                return Err(Error::bad_pins(format!("release {}: {problem}", release.name)));
            }
        }
        if pins.releases.is_empty() {
            return Err(Error::bad_pins("no release in it"));
        }
        if !pins.releases.is_sorted_by(|a, b| a.number() < b.number()) {
            return Err(Error::bad_pins("releases must be in order, oldest first, each once"));
        }
        Ok(pins)
    }

    /// All releases, oldest first.
    #[must_use]
    pub fn releases(&self) -> &[Release] {
        &self.releases
    }

    /// The release that is used when none is named: the newest.
    #[must_use]
    pub fn default_release(&self) -> &Release {
        &self.releases[self.releases.len() - 1]
    }

    /// The oldest known release.
    #[must_use]
    pub(crate) fn oldest(&self) -> &Release {
        &self.releases[0]
    }

    /// The release of that name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRelease`] lists the known ones and suggests the nearest.
    pub fn release(&self, name: &str) -> Result<&Release, Error> {
        if let Some(found) = self.releases.iter().find(|release| release.name == name) {
            return Ok(found);
        }
        let known: Vec<String> = self.releases.iter().map(|release| release.name.clone()).collect();
        let score = |candidate: &str| strsim::normalized_damerau_levenshtein(candidate, name);
        let nearest = known
            .iter()
            .filter(|candidate| score(candidate) >= 0.5)
            .max_by(|a, b| score(a).total_cmp(&score(b)))
            .cloned();
        Err(Error::UnknownRelease { name: name.to_owned(), nearest, known })
    }

    /// The headers that every known release has: a tree without one of them is not complete.
    pub(crate) fn required(&self) -> impl Iterator<Item = &str> {
        let (first, others) = (&self.releases[0], &self.releases[1..]);
        first
            .headers
            .keys()
            .filter(|name| others.iter().all(|release| release.headers.contains_key(*name)))
            .map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pins_of_the_crate_are_whole() {
        let pins = pins();
        assert_eq!(pins.default_release().name, pins.releases().last().unwrap().name);
        assert!(pins.required().any(|name| name == "grant_table.h"));
        for release in pins.releases() {
            let foreign = |name: &String| name.starts_with("sys/") || name.starts_with("foreign/");
            assert!(!release.headers.keys().any(foreign), "{}", release.name);
            let again = Pins::parse(&release.to_toml()).unwrap();
            assert_eq!(again.releases(), std::slice::from_ref(release));
        }
    }

    #[test]
    fn an_unknown_release_suggests_the_nearest() {
        let text = pins().releases()[0].to_toml();
        let of = |name| text.replacen(&pins().releases()[0].name, name, 1);
        let pins = Pins::parse(&[of("4.14"), of("4.17"), of("4.20")].join("\n")).unwrap();
        let message = |name| pins.release(name).unwrap_err().to_string();
        let text = message("4.2");
        assert!(text.contains("did you mean 4.20?") && text.contains("4.14, 4.17"), "{text}");
        assert!(!message("unstable").contains("did you mean"));
    }

    #[test]
    fn unsound_pins_are_refused() {
        let text = include_str!("../pins.toml");
        assert!(Pins::parse("release = []").is_err());
        assert!(Pins::parse("not toml").is_err());
        for (from, to) in [
            ("suite = \"bullseye\"", "suite = \"a b\""),
            ("pool/main/x/xen/", "pool/../x/"),
            ("name = \"4.14\"", "name = \"old\""),
            ("name = \"4.14\"", "name = \"4.18\""),
            ("arch = \"amd64\"", "arch = \"amd64\"\nhost = \"x\""),
        ] {
            assert!(text.contains(from), "{from}");
            let error = Pins::parse(&text.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
