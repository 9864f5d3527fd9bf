//! A pinned package as a verified file in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use crate::download::{Outcome, download};
use crate::mirror::mirrors;
use crate::suite::no_current;
use crate::{Digest, Error, Options, PackagePin, Replaced, Scratch, Suite};

/// A package file whose SHA-256 was checked.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The file, in the cache.
    pub file: PathBuf,
    /// What it is: the pin, or what was taken instead.
    pub package: PackagePin,
    /// Says so when it is not the pinned one.
    pub replaced: Option<Replaced>,
}

/// Gets the package of `pin`, from the cache or a Debian mirror, and checks its hash.
///
/// When the pinned version has left the mirror, the suite's current one is taken, checked against
/// the suite's signed index, and the result carries a warning that says so.
///
/// # Errors
///
/// One that names the package or address: no mirror, no network, a wrong hash, no replacement, or
/// a cache that cannot be written.
pub fn fetch(pin: &PackagePin, options: &Options<'_>) -> Result<Fetched, Error> {
    if !pin.is_sound() {
        return Err(Error::BadPin { package: pin.name.clone() });
    }
    let cache = &options.cache;
    let file = cache.join(pin.file_name());
    if is_file(&file, pin.sha256) {
        return Ok(Fetched { file, package: pin.clone(), replaced: None });
    }
    if let Some(fetched) = taken_before(pin, cache) {
        return Ok(fetched);
    }
    if options.offline {
        return Err(Error::Offline { package: named(pin), cache: cache.clone() });
    }
    let mirrors = mirrors(pin, options)?;
    if first_that_has(&mirrors, pin, options)?.is_some() {
        return Ok(Fetched { file, package: pin.clone(), replaced: None });
    }
    (options.progress)(&format!("{} is gone; asking what {} has today", named(pin), pin.suite));
    let mut failure = None;
    for base in &mirrors {
        match Suite::at(base, pin, cache).and_then(|suite| suite.current(pin)) {
            Ok(taken) => return take(pin, taken, base, options),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    let cause = failure.unwrap_or_else(|| Error::NoMirror { package: pin.name.clone() });
    Err(Error::PinGone { package: named(pin), cause: Box::new(cause) })
}

fn named(pin: &PackagePin) -> String {
    format!("{} {}", pin.name, pin.version)
}

fn is_file(path: &Path, sha256: Digest) -> bool {
    Digest::of_file(path).is_ok_and(|(found, _)| found == sha256)
}

/// The first mirror that has the pinned file, which then is in the cache. None when all of them
/// answer that it is gone; an error when that cannot be known.
fn first_that_has<'a>(
    mirrors: &'a [String],
    pin: &PackagePin,
    options: &Options<'_>,
) -> Result<Option<&'a str>, Error> {
    let mut failure = None;
    for base in mirrors {
        match download_to_cache(base, pin, options) {
            Ok(Outcome::Done) => return Ok(Some(base)),
            Ok(Outcome::Gone) => {}
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(None), Err)
}

fn download_to_cache(
    base: &str,
    pin: &PackagePin,
    options: &Options<'_>,
) -> Result<Outcome, Error> {
    let scratch = Scratch::new(&options.cache)?;
    let megabytes = pin.size.div_ceil(1_000_000);
    (options.progress)(&format!("fetching {base}/{}, {megabytes} MB", pin.pool));
    if download(base, &pin.pool, scratch.path())? == Outcome::Gone {
        return Ok(Outcome::Gone);
    }
    let digest = Digest::of_file(scratch.path());
    let (found, _) = digest.map_err(|source| Error::cache(scratch.path(), source))?;
    if found != pin.sha256 {
        let what = format!("{base}/{}", pin.pool);
        return Err(Error::WrongDigest { what, expected: pin.sha256, found });
    }
    let place = options.cache.join(pin.file_name());
    scratch.publish(&place, &|| is_file(&place, pin.sha256))?;
    Ok(Outcome::Done)
}

/// Downloads the package that replaces the pinned one, and records that for later runs.
fn take(
    pin: &PackagePin,
    taken: PackagePin,
    base: &str,
    options: &Options<'_>,
) -> Result<Fetched, Error> {
    if download_to_cache(base, &taken, options)? == Outcome::Gone {
        let detail = format!("it lists {} but does not have it", taken.pool);
        let cause = no_current(&taken, detail);
        return Err(Error::PinGone { package: named(pin), cause: Box::new(cause) });
    }
    let note = note(pin, &options.cache);
    let scratch = Scratch::new(&options.cache)?;
    let text = toml::to_string(&taken).expect("a pin is a table of words and numbers");
    fs::write(scratch.path(), text).map_err(|source| Error::cache(scratch.path(), source))?;
    scratch.publish(&note, &|| false)?;
    Ok(replacement(pin, taken, &options.cache))
}

/// The file that records what was taken instead of `pin`. A new pin has a new note.
fn note(pin: &PackagePin, cache: &Path) -> PathBuf {
    cache.join(format!("{}.instead.toml", pin.file_name()))
}

/// What an earlier run took instead of `pin`, so that later runs need not ask the mirror.
fn taken_before(pin: &PackagePin, cache: &Path) -> Option<Fetched> {
    let text = fs::read_to_string(note(pin, cache)).ok()?;
    let taken = toml::from_str::<PackagePin>(&text).ok().filter(PackagePin::is_sound)?;
    let fetched = replacement(pin, taken, cache);
    is_file(&fetched.file, fetched.package.sha256).then_some(fetched)
}

fn replacement(pin: &PackagePin, taken: PackagePin, cache: &Path) -> Fetched {
    let replaced = Replaced {
        package: pin.name.clone(),
        suite: pin.suite.clone(),
        pinned: pin.version.clone(),
        taken: taken.version.clone(),
        note: note(pin, cache),
    };
    Fetched { file: cache.join(taken.file_name()), package: taken, replaced: Some(replaced) }
}
