//! Upstream's releases whose headers are pinned, as `points.toml` lists them.

use std::collections::{BTreeMap, BTreeSet};

use debian_packages::Digest;
use serde::Deserialize;

use crate::pins::Number;
use crate::{Error, Versions};

/// A release of upstream's, such as 4.20.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointRelease {
    /// The release as upstream writes it, for example `4.20.4`.
    pub name: String,
    /// The numbers its headers carry.
    pub versions: Versions,
    /// Every public header, by its path below `xen/include/public`.
    pub headers: BTreeMap<String, Digest>,
    /// The Debian package that has the same headers, when there is one.
    pub packaged: Option<Packaged>,
}

/// What is known about the Debian package of a release's headers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packaged {
    /// The release of `pins.toml` with the package.
    pub release: String,
    /// The headers that the package leaves out.
    #[serde(default)]
    pub lacks: BTreeSet<String>,
}

/// An entry: what differs from the entry before it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    versions: Versions,
    packaged: Option<Packaged>,
    /// Headers that the release before has and this one does not.
    #[serde(default)]
    gone: BTreeSet<String>,
    /// Headers that are new or other.
    #[serde(default)]
    headers: BTreeMap<String, Digest>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    release: Vec<Entry>,
}

impl PointRelease {
    /// The name of upstream's tag.
    #[must_use]
    pub fn tag(&self) -> String {
        format!("RELEASE-{}", self.name)
    }

    /// The name of upstream's archive of its source.
    #[must_use]
    pub fn tarball(&self) -> String {
        format!("xen-{}.tar.gz", self.name)
    }

    /// The series of releases, for example `4.20`.
    #[must_use]
    pub fn series(&self) -> &str {
        self.name.rsplit_once('.').map_or(&self.name, |(series, _)| series)
    }

    /// The release as an entry of `points.toml` that follows the one of `before`.
    #[must_use]
    pub fn to_toml(&self, before: Option<&Self>) -> String {
        let Self { name, versions, packaged, .. } = self;
        let Versions { interface, domctl, sysctl } = versions;
        let mut text = format!(
            "[[release]]\nname = \"{name}\"\n\
             versions = {{ interface = {interface:#010x}, domctl = {domctl:#x}, \
             sysctl = {sysctl:#x} }}\n"
        );
        if let Some(Packaged { release, lacks }) = packaged {
            let lacks = match lacks.is_empty() {
                true => String::new(),
                false => format!(", lacks = {}", list(lacks)),
            };
            text.push_str(&format!("packaged = {{ release = \"{release}\"{lacks} }}\n"));
        }
        let empty = BTreeMap::new();
        let before = before.map_or(&empty, |before| &before.headers);
        let gone: BTreeSet<_> =
            before.keys().filter(|name| !self.headers.contains_key(*name)).cloned().collect();
        if !gone.is_empty() {
            text.push_str(&format!("gone = {}\n", list(&gone)));
        }
        let mut others =
            self.headers.iter().filter(|(name, digest)| before.get(*name) != Some(digest));
        if let Some(first) = others.next() {
            text.push_str("[release.headers]\n");
            for (name, digest) in [first].into_iter().chain(others) {
                text.push_str(&format!("\"{name}\" = \"{digest}\"\n"));
            }
        }
        text
    }
}

fn list(names: &BTreeSet<String>) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

/// Reads a list of releases, oldest first, each entry with what differs from the one before it.
pub(crate) fn parse(text: &str) -> Result<Vec<PointRelease>, Error> {
    let file: File = toml::from_str(text).map_err(Error::bad_pins)?;
    let mut releases: Vec<PointRelease> = Vec::new();
    for Entry { name, versions, packaged, gone, headers } in file.release {
        let refused = |what: String| Error::bad_pins(format!("release {name}: {what}"));
        let number = Number::parse(&name).filter(|number| number.point.is_some());
        if number.is_none() {
            return Err(refused("its name is not three numbers with dots between".to_owned()));
        }
        let before = releases.last();
        if before.is_some_and(|before| Number::parse(&before.name) >= number) {
            return Err(refused("releases must be in order, oldest first, each once".to_owned()));
        }
        let mut all = before.map(|before| before.headers.clone()).unwrap_or_default();
        for header in &gone {
            if all.remove(header).is_none() {
                return Err(refused(format!("{header} is gone, but was not there")));
            }
        }
        all.extend(headers);
        if all.is_empty() {
            return Err(refused("it has no headers".to_owned()));
        }
        releases.push(PointRelease { name, versions, headers: all, packaged });
    }
    Ok(releases)
}
