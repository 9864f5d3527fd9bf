//! The known releases, as `pins.toml` lists them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use debian_packages::{Digest, PackagePin};
use serde::{Deserialize, Serialize};

use crate::points::{self, Packaged, PointRelease};
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

/// A release as numbers, for comparing: "4.9" is older than "4.20". What says no point release is older
/// than all that do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number {
    pub(crate) series: (u32, u32),
    pub(crate) point: Option<u32>,
}

impl Number {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('.').map(|part| part.parse().ok());
        let series = (parts.next()??, parts.next()??);
        let point = match parts.next() {
            Some(point) => Some(point?),
            None => None,
        };
        parts.next().is_none().then_some(Self { series, point })
    }
}

/// A release that is pinned, by its package or by its number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Known<'a> {
    Package(&'a Release),
    Point(&'a PointRelease),
}

impl<'a> Known<'a> {
    pub(crate) fn name(self) -> &'a str {
        match self {
            Self::Package(release) => &release.name,
            Self::Point(release) => &release.name,
        }
    }

    pub(crate) fn versions(self) -> &'a Versions {
        match self {
            Self::Package(release) => &release.versions,
            Self::Point(release) => &release.versions,
        }
    }

    pub(crate) fn headers(self) -> &'a BTreeMap<String, Digest> {
        match self {
            Self::Package(release) => &release.headers,
            Self::Point(release) => &release.headers,
        }
    }

    pub(crate) fn series(self) -> Option<(u32, u32)> {
        Number::parse(self.name()).map(|number| number.series)
    }
}

impl Release {
    /// The release as two numbers, for comparing: "4.9" is older than "4.20".
    pub(crate) fn number(&self) -> Option<(u32, u32)> {
        Number::parse(&self.name).filter(|number| number.point.is_none()).map(|found| found.series)
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

/// The known releases: those whose headers a Debian package has, of which there is at least one, and
/// upstream's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    releases: Vec<Release>,
    points: Vec<PointRelease>,
}

/// The text of a list of packages.
#[derive(Deserialize)]
struct File {
    #[serde(rename = "release")]
    releases: Vec<Release>,
}

static PINS: LazyLock<Pins> = LazyLock::new(|| {
    Pins::parse(include_str!("../pins.toml"))
        .and_then(|pins| pins.with_points(include_str!("../points.toml")))
        .expect("the crate's own pins are tested")
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
        let File { releases } = toml::from_str(text).map_err(Error::bad_pins)?;
        for release in &releases {
            if let Some(problem) = release.problem() {
                return Err(Error::bad_pins(format!("release {}: {problem}", release.name)));
            }
        }
        if releases.is_empty() {
            return Err(Error::bad_pins("no release in it"));
        }
        if !releases.is_sorted_by(|a, b| a.number() < b.number()) {
            return Err(Error::bad_pins("releases must be in order, oldest first, each once"));
        }
        Ok(Self { releases, points: Vec::new() })
    }

    /// Takes upstream's releases from the text of a `points.toml`.
    ///
    /// # Errors
    ///
    /// [`Error::BadPins`] names the release and what is wrong with it: it is not as said the release
    /// of a package, for example.
    pub fn with_points(self, text: &str) -> Result<Self, Error> {
        let points = points::parse(text)?;
        for PointRelease { name, headers, packaged, .. } in &points {
            let Some(Packaged { release, lacks }) = packaged else { continue };
            let package = self.releases.iter().find(|known| known.name == *release);
            let same = package.is_some_and(|package| {
                let mut here = headers.clone();
                lacks.iter().all(|header| here.remove(header).is_some()) && here == package.headers
            });
            if !same {
                let what = format!("the package of {release} does not have these headers");
                return Err(Error::bad_pins(format!("release {name}: {what}")));
            }
        }
        Ok(Self { points, ..self })
    }

    /// The releases whose headers a Debian package has, oldest first.
    #[must_use]
    pub fn releases(&self) -> &[Release] {
        &self.releases
    }

    /// Upstream's releases, oldest first: the newest of each series, and the first where its ABI is
    /// another.
    #[must_use]
    pub fn points(&self) -> &[PointRelease] {
        &self.points
    }

    /// Upstream's releases that are newer than all with a package: the newest of each series, oldest first.
    #[must_use]
    pub fn newer_points(&self) -> Vec<&PointRelease> {
        let newest = self.default_release().number();
        let is_wanted = |point: &&PointRelease| {
            let series = Known::Point(point).series();
            series > newest && self.point(point.series()).is_ok_and(|last| last == *point)
        };
        self.points.iter().filter(is_wanted).collect()
    }

    /// The release that is used when none is named: the newest that a package has.
    #[must_use]
    pub fn default_release(&self) -> &Release {
        &self.releases[self.releases.len() - 1]
    }

    /// The release with a package of that name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRelease`] lists the known ones and suggests the nearest.
    pub fn release(&self, name: &str) -> Result<&Release, Error> {
        let found = self.releases.iter().find(|release| release.name == name);
        found.ok_or_else(|| self.unknown(name))
    }

    /// Upstream's release of that name; for a series such as `4.18`, its newest.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRelease`] lists the known ones and suggests the nearest.
    pub fn point(&self, name: &str) -> Result<&PointRelease, Error> {
        let mut newest_first = self.points.iter().rev();
        let found = newest_first.find(|release| release.name == name || release.series() == name);
        found.ok_or_else(|| self.unknown(name))
    }

    /// The release of that name: with a package, or else upstream's.
    pub(crate) fn find(&self, name: &str) -> Result<Known<'_>, Error> {
        self.release(name).map(Known::Package).or_else(|_| self.point(name).map(Known::Point))
    }

    /// The release with a package whose headers are all of those of `point`.
    pub(crate) fn same_package(&self, point: &PointRelease) -> Option<&Release> {
        self.releases.iter().find(|release| release.headers == point.headers)
    }

    /// Every known release, those with packages first.
    pub(crate) fn known(&self) -> impl Iterator<Item = Known<'_>> {
        let packages = self.releases.iter().map(Known::Package);
        packages.chain(self.points.iter().map(Known::Point))
    }

    /// Every name that a release may be asked for by, oldest first.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.known().map(Known::name).collect();
        names.extend(self.points.iter().map(PointRelease::series));
        names.sort_by_key(|name| Number::parse(name));
        names.dedup();
        names
    }

    fn unknown(&self, name: &str) -> Error {
        let known: Vec<String> = self.names().into_iter().map(str::to_owned).collect();
        Error::UnknownRelease { name: name.to_owned(), nearest: nearest(name, &known), known }
    }
}

/// The release most like `name`: the newest of its series, or else the one whose name is most like it
/// and, of several, whose number is nearest.
fn nearest(name: &str, known: &[String]) -> Option<String> {
    let number = Number::parse(name);
    let series = |name: &str| Number::parse(name).map(|number| number.series);
    if let Some(number) = number {
        let same = known.iter().rfind(|candidate| series(candidate) == Some(number.series));
        if let Some(same) = same {
            return Some(same.clone());
        }
    }
    // "4.18" for "4.81", not "4.18.0".
    let as_long = |candidate: &&String| candidate.split('.').count() == name.split('.').count();
    let distance = |candidate: &str| match (series(candidate), number) {
        (Some((_, minor)), Some(number)) => minor.abs_diff(number.series.1),
        _ => 0,
    };
    let score = |candidate: &str| strsim::normalized_damerau_levenshtein(candidate, name);
    let order = |a: &&String, b: &&String| {
        score(a).total_cmp(&score(b)).then_with(|| distance(b).cmp(&distance(a)))
    };
    known.iter().filter(as_long).filter(|found| score(found) >= 0.5).max_by(order).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pins_of_the_crate_are_whole() {
        let pins = pins();
        assert_eq!(pins.default_release().name, pins.releases().last().unwrap().name);
        assert!(pins.known().all(|known| known.headers().contains_key("grant_table.h")));
        for release in pins.releases() {
            let foreign = |name: &String| name.starts_with("sys/") || name.starts_with("foreign/");
            assert!(!release.headers.keys().any(foreign), "{}", release.name);
            let again = Pins::parse(&release.to_toml()).unwrap();
            assert_eq!(again.releases(), std::slice::from_ref(release));
        }
    }

    #[test]
    fn the_newest_release_of_each_series_is_pinned() {
        let newest: Vec<_> = (14..=22)
            .map(|minor| pins().point(&format!("4.{minor}")).unwrap().name.as_str())
            .collect();
        assert_eq!(
            newest,
            [
                "4.14.6", "4.15.7", "4.16.7", "4.17.7", "4.18.6", "4.19.6", "4.20.4", "4.21.2",
                "4.22.0"
            ]
        );
        let packaged: Vec<_> = pins()
            .points()
            .iter()
            .filter_map(|point| Some((point.name.as_str(), point.packaged.as_ref()?)))
            .map(|(name, packaged)| (name, packaged.release.as_str()))
            .collect();
        assert_eq!(packaged, [("4.14.6", "4.14"), ("4.17.6", "4.17"), ("4.20.4", "4.20")]);
        let mut before = None;
        let entries = pins().points().iter().map(|point| {
            let text = point.to_toml(before);
            before = Some(point);
            text
        });
        let again = points::parse(&entries.collect::<Vec<_>>().join("\n")).unwrap();
        assert_eq!(again, pins().points());
    }

    #[test]
    fn the_newest_of_each_series_without_a_package() {
        let newer = |name: &str| {
            let text = pins().release(name).unwrap().to_toml();
            let points = pins().points.clone();
            let pins = Pins { points, ..Pins::parse(&text).unwrap() };
            pins.newer_points().into_iter().map(|point| point.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(newer("4.20"), ["4.21.2", "4.22.0"]);
        assert_eq!(newer("4.17")[..3], ["4.18.6", "4.19.6", "4.20.4"]);
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
