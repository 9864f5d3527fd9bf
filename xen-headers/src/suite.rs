//! What a suite carries today: asked of apt, with a configuration of our own.
//!
//! Apt checks the suite's signature, so the hash that it answers with is as good as a pin for
//! the moment.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cache::Scratch;
use crate::download::{complaint, run};
use crate::{Error, PackagePin};

/// Debian's archive keys, under their names of old and of late.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
];

/// An update must not run the machine's hooks, which clean caches and refresh desktops.
const NO_HOOKS: &str = "#clear APT::Update;\n#clear DPkg::Post-Invoke;\n";

/// The package that `pin`'s suite has today on the mirror at `base`.
pub(crate) fn current(pin: &PackagePin, base: &str, cache: &Path) -> Result<PackagePin, Error> {
    let keyring = KEYRINGS.into_iter().find(|path| Path::new(path).is_file());
    let Some(keyring) = keyring else {
        return Err(Error::no_current(
            pin,
            "Debian's keys (package debian-archive-keyring) are not installed",
        ));
    };
    let scratch = Scratch::dir(cache)?;
    let apt = Apt::new(scratch.path(), pin)?;
    let source = format!("deb [arch={} signed-by={keyring}] {base} {} main\n", pin.arch, pin.suite);
    apt.write("sources.list", &source)?;
    apt.run(&["update"])?;
    let answer = apt.run(&["--print-uris", "download", &pin.name])?;
    answer
        .lines()
        .find_map(|line| parse(line, pin))
        .ok_or_else(|| Error::no_current(pin, "apt's answer could not be understood"))
}

/// Apt with its own lists, cache and sources, all in one scratch directory.
struct Apt<'a> {
    dir: &'a Path,
    pin: &'a PackagePin,
}

impl<'a> Apt<'a> {
    fn new(dir: &'a Path, pin: &'a PackagePin) -> Result<Self, Error> {
        let apt = Self { dir, pin };
        for name in ["lists/partial", "cache/archives/partial"] {
            let path = dir.join(name);
            fs::create_dir_all(&path).map_err(|source| Error::cache(&path, source))?;
        }
        apt.write("status", "")?;
        apt.write("apt.conf", NO_HOOKS)?;
        Ok(apt)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.dir.join(name);
        fs::write(&path, text).map_err(|source| Error::cache(&path, source))
    }

    fn run(&self, arguments: &[&str]) -> Result<String, Error> {
        let mut command = Command::new("apt-get");
        command.arg("-q").arg("-c").arg(self.dir.join("apt.conf"));
        for (option, name) in [
            ("Dir::Etc::SourceList", "sources.list"),
            ("Dir::State::Lists", "lists"),
            ("Dir::State::status", "status"),
            ("Dir::Cache", "cache"),
        ] {
            let path = self.dir.join(name);
            command.arg("-o").arg(format!("{option}={}", path.display()));
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
            // An index that could not be had is an error, not a warning.
            "APT::Update::Error-Mode=any",
        ] {
            command.args(["-o", option]);
        }
        let Self { pin, .. } = self;
        command.arg("-o").arg(format!("APT::Architecture={}", pin.arch));
        command.arg("-o").arg(format!("APT::Architectures={}", pin.arch));
        let output = run(command.args(arguments));
        let output =
            output.map_err(|_| Error::no_current(pin, "apt-get, which looks it up, is missing"))?;
        if !output.status.success() {
            return Err(Error::no_current(pin, complaint(&output)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
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
    use crate::pins;

    #[test]
    fn apts_answer_becomes_a_pin() {
        let pin = &pins().default_release().package;
        let hash = pin.sha256;
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
