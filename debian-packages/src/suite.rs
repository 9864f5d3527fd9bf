//! What a suite carries today: asked of apt, with a configuration of our own.
//!
//! Apt checks the suite's signature, so the hash that it answers with is as good as a pin for
//! the moment.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::download::{complaint, run};
use crate::mirror::mirrors;
use crate::{Error, Options, PackagePin, Scratch};

/// Debian's archive keys, under their names of old and of late.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
];

/// An update must not run the machine's hooks, which clean caches and refresh desktops.
const NO_HOOKS: &str = "#clear APT::Update;\n#clear DPkg::Post-Invoke;\n";

/// What a suite of Debian has today: its index, read by apt with lists, cache and sources of its own
/// in a scratch directory.
#[derive(Debug)]
pub struct Suite {
    scratch: Scratch,
    arch: String,
}

impl Suite {
    /// The suite of `pin`, for its architecture, on the machine's Debian mirror.
    ///
    /// # Errors
    ///
    /// No mirror, no network, no keys of Debian's, or a cache that cannot be written.
    pub fn open(pin: &PackagePin, options: &Options<'_>) -> Result<Self, Error> {
        let mirrors = mirrors(pin, options)?;
        let none = || Error::NoMirror { package: pin.name.clone() };
        Self::at(mirrors.first().ok_or_else(none)?, pin, &options.cache)
    }

    /// The same on the mirror at `base`.
    pub(crate) fn at(base: &str, pin: &PackagePin, cache: &Path) -> Result<Self, Error> {
        let keyring = KEYRINGS.into_iter().find(|path| Path::new(path).is_file());
        let Some(keyring) = keyring else {
            return Err(no_current(
                pin,
                "Debian's keys (package debian-archive-keyring) are not installed",
            ));
        };
        let PackagePin { arch, suite, .. } = pin;
        let opened = Self { scratch: Scratch::dir(cache)?, arch: arch.clone() };
        for name in ["lists/partial", "cache/archives/partial"] {
            let path = opened.scratch.path().join(name);
            fs::create_dir_all(&path).map_err(|source| Error::cache(&path, source))?;
        }
        opened.write("status", "")?;
        opened.write("apt.conf", NO_HOOKS)?;
        let source = format!("deb [arch={arch} signed-by={keyring}] {base} {suite} main\n");
        opened.write("sources.list", &source)?;
        opened.run(pin, "apt-get", &["update"])?;
        Ok(opened)
    }

    /// The package that the suite has today in place of `pin`.
    ///
    /// # Errors
    ///
    /// [`Error::NoCurrent`] when it has none.
    pub fn current(&self, pin: &PackagePin) -> Result<PackagePin, Error> {
        let name = match &pin.meta {
            Some(meta) => self.dependency(pin, meta)?,
            None => pin.name.clone(),
        };
        let answer = self.run(pin, "apt-get", &["--print-uris", "download", &name])?;
        let wanted = PackagePin { name, ..pin.clone() };
        answer
            .lines()
            .find_map(|line| parse(line, &wanted))
            .ok_or_else(|| no_current(pin, "apt's answer could not be understood"))
    }

    /// The package that `meta` depends on and whose name begins as `meta`'s does.
    fn dependency(&self, pin: &PackagePin, meta: &str) -> Result<String, Error> {
        let stem = meta.strip_suffix(&pin.arch).unwrap_or(meta);
        let answer = self.run(pin, "apt-cache", &["depends", meta])?;
        let depends = |line: &str| line.trim().strip_prefix("Depends: ").map(str::to_owned);
        let found = answer.lines().filter_map(depends).find(|name| name.starts_with(stem));
        found.ok_or_else(|| no_current(pin, format!("{meta} depends on no {stem}*")))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.scratch.path().join(name);
        fs::write(&path, text).map_err(|source| Error::cache(&path, source))
    }

    /// What a program of apt's answers; `pin` is for the error.
    fn run(&self, pin: &PackagePin, program: &str, arguments: &[&str]) -> Result<String, Error> {
        let dir = self.scratch.path();
        let mut command = Command::new(program);
        command.arg("-q").arg("-c").arg(dir.join("apt.conf"));
        for (option, name) in [
            ("Dir::Etc::SourceList", "sources.list"),
            ("Dir::State::Lists", "lists"),
            ("Dir::State::status", "status"),
            ("Dir::Cache", "cache"),
        ] {
            command.arg("-o").arg(format!("{option}={}", dir.join(name).display()));
        }
        for option in [
            "Dir::Etc::SourceParts=/dev/null",
            "Dir::Etc::Preferences=/dev/null",
            "Dir::Etc::PreferencesParts=/dev/null",
            "DPkg::Lock::Timeout=600",
            "Acquire::Check-Valid-Until=false",
            "Acquire::AllowInsecureRepositories=false",
            "APT::Get::AllowUnauthenticated=false",
            "Acquire::Languages=none",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
            "Acquire::Retries=2",
            // An index that cannot be fetched is an error, not a warning.
            "APT::Update::Error-Mode=any",
        ] {
            command.args(["-o", option]);
        }
        command.arg("-o").arg(format!("APT::Architecture={}", self.arch));
        command.arg("-o").arg(format!("APT::Architectures={}", self.arch));
        let output = run(command.args(arguments))
            .map_err(|_| no_current(pin, format!("{program}, which looks it up, is missing")))?;
        if !output.status.success() {
            return Err(no_current(pin, complaint(&output)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl PackagePin {
    /// The package that its suite has today on the machine's Debian mirror: a fresh pin.
    ///
    /// # Errors
    ///
    /// Those of [`Suite::open`] and [`Suite::current`].
    pub fn current(&self, options: &Options<'_>) -> Result<Self, Error> {
        Suite::open(self, options)?.current(self)
    }
}

pub(crate) fn no_current(pin: &PackagePin, detail: impl Into<String>) -> Error {
    let PackagePin { name, suite, .. } = pin;
    Error::NoCurrent { package: name.clone(), suite: suite.clone(), detail: detail.into() }
}

/// Reads apt's line `'ADDRESS' FILE SIZE SHA256:HASH`.
fn parse(line: &str, pin: &PackagePin) -> Option<PackagePin> {
    let (uri, rest) = line.strip_prefix('\'')?.split_once('\'')?;
    let mut words = rest.split_whitespace();
    let (file, size, hash) = (words.next()?, words.next()?, words.next()?);
    // The file is NAME_VERSION_ARCHITECTURE.deb, with an epoch's colon escaped.
    let version = unescaped(file.split('_').nth(1)?)?;
    let (_, pool) = uri.rsplit_once("/pool/")?;
    let pool = format!("pool/{}", unescaped(pool)?);
    let found = PackagePin {
        version,
        pool,
        size: size.parse().ok()?,
        sha256: hash.strip_prefix("SHA256:")?.parse().ok()?,
        ..pin.clone()
    };
    found.is_sound().then_some(found)
}

/// Undoes the escapes of an address: apt writes a plus sign as "%2b".
fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let digits = part.get(..2)?;
        plain.push(char::from(u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii)?));
        plain.push_str(&part[2..]);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;

    #[test]
    fn apts_answer_becomes_a_pin() {
        let pin = &PackagePin::named("libxen-dev", "amd64", "trixie");
        let hash = Digest::of(b"package");
        let found = parse(
            &format!(
                "'http://a.test/debian/pool/main/x/xen/libxen-dev_9%2b1-1_amd64.deb' \
                 libxen-dev_1%3a9+1-1_amd64.deb 7 SHA256:{hash}"
            ),
            pin,
        );
        let found = found.unwrap();
        assert_eq!(found.pool, "pool/main/x/xen/libxen-dev_9+1-1_amd64.deb");
        assert_eq!((found.version.as_str(), found.size), ("1:9+1-1", 7));
        for line in [
            String::new(),
            format!("'http://a.test/debian/x.deb' libxen-dev_9-1_amd64.deb 7 SHA256:{hash}"),
            format!("'http://a.test/pool/..%2fx.deb' libxen-dev_9-1_amd64.deb 7 SHA256:{hash}"),
            format!("'http://a.test/pool/x%zz.deb' libxen-dev_9-1_amd64.deb 7 SHA256:{hash}"),
            format!("'http://a.test/pool/x%2.deb' libxen-dev_9-1_amd64.deb 7 SHA256:{hash}"),
            format!("'http://a.test/pool/x.deb' libxen-dev_9-1_amd64.deb 7 MD5Sum:{hash}"),
            "'http://a.test/pool/x.deb' libxen-dev_9-1_amd64.deb 7 SHA256:00".to_owned(),
        ] {
            assert_eq!(parse(&line, pin), None, "{line}");
        }
    }
}
