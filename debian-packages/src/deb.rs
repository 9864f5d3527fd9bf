//! Debian packages: an `ar` archive of two compressed tar archives, read without any tool.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use lzma_rust2::XzReader;

use crate::Error;
use crate::limited::{self, Limited};

/// The most memory that decompression may take; Debian's packages need 65 MiB at most.
pub(crate) const MEMORY_LIMIT_KIB: u32 = 128 << 10;

/// The most bytes of a package's control fields.
const CONTROL: u64 = 1 << 20;

/// Writes those files of the package `deb` below `dest` whose path `wanted` accepts, and returns
/// their paths, sorted. A path is given as in the package, without a leading `./` or `/`.
///
/// The package's hash is the caller's to check. Nothing outside `dest` is written whatever the
/// package says.
///
/// # Errors
///
/// [`Error::BadPackage`] when the file is no package, is damaged, is compressed in another way
/// than Debian's, has a path that leads outside it or a wanted one that is no plain file, unpacks to
/// more than 2 GiB, or has a wanted file of more than 128 MiB;
/// [`Error::Cache`] when `dest` cannot be written, or a file to write exists in it.
pub fn unpack(
    deb: &Path,
    dest: &Path,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<String>, Error> {
    let mut written = Vec::new();
    each_file(deb, "data.tar", &mut writer(deb, dest, wanted, &mut written), wanted)?;
    written.sort();
    Ok(written)
}

/// Writes the wanted files of `archive` below `dest`, and notes their paths.
pub(crate) fn writer(
    archive: &Path,
    dest: &Path,
    wanted: &dyn Fn(&str) -> bool,
    written: &mut Vec<String>,
) -> impl FnMut(&Path, &mut dyn Read) -> Result<(), Error> {
    move |path, file| {
        let Some(name) = path.to_str().filter(|name| wanted(name)) else {
            return Ok(());
        };
        let target = dest.join(path);
        let cannot_write = |source| Error::cache(&target, source);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(cannot_write)?;
        }
        let mut out = File::create_new(&target).map_err(cannot_write)?;
        limited::copy(file, &mut out, name, limited::FILE)
            .map_err(|error| Error::bad_package(archive, error))?;
        written.push(name.to_owned());
        Ok(())
    }
}

/// The package's control fields as text, for example "Version: 4.20.3-1".
pub(crate) fn control(deb: &Path) -> Result<String, Error> {
    let mut text = Vec::new();
    let is_control = |name: &str| name == "control";
    each_file(
        deb,
        "control.tar",
        &mut |path, file| {
            if path == Path::new("control") {
                limited::copy(file, &mut text, "control", CONTROL)
                    .map_err(|error| Error::bad_package(deb, error))?;
            }
            Ok(())
        },
        &is_control,
    )?;
    String::from_utf8(text).map_err(|error| Error::bad_package(deb, error))
}

type Visitor<'a> = &'a mut dyn FnMut(&Path, &mut dyn Read) -> Result<(), Error>;

/// Shows `visit` every plain file of the package's member `stem`.
fn each_file(
    deb: &Path,
    stem: &str,
    visit: Visitor<'_>,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<(), Error> {
    let bad = |error: io::Error| Error::bad_package(deb, error);
    let file = File::open(deb).map_err(|source| Error::read(deb, source))?;
    let (name, member) = member(BufReader::new(file), stem).map_err(bad)?;
    let tarball: Box<dyn Read> = match name.strip_prefix(stem) {
        Some("") => Box::new(member),
        Some(".xz") => Box::new(XzReader::new_mem_limit(member, true, MEMORY_LIMIT_KIB)),
        _ => {
            let detail = format!("{name} is compressed in a way this program cannot read");
            return Err(Error::bad_package(deb, detail));
        }
    };
    each_tar_file(deb, tarball, Pax::Refused, visit, wanted)
}

/// What to do with the headers of POSIX's format, which no Debian package has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pax {
    /// As dpkg: they might name the next entry.
    Refused,
    /// Names in them are not looked at: git writes them for names that are longer than a header's.
    Ignored,
}

/// Shows `visit` every plain file of a tar archive.
pub(crate) fn each_tar_file(
    deb: &Path,
    tarball: Box<dyn Read>,
    pax: Pax,
    visit: Visitor<'_>,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<(), Error> {
    let bad = |error: io::Error| Error::bad_package(deb, error);
    let mut tarball = Limited::new(tarball, limited::ARCHIVE);
    let mut archive = tar::Archive::new(&mut tarball);
    // Raw, since otherwise the names that GNU tar puts before an entry are read whatever their size.
    let mut long_name = None;
    for (index, entry) in archive.entries().map_err(bad)?.raw(true).enumerate() {
        let mut entry = entry.map_err(bad)?;
        if index >= limited::ENTRIES {
            return Err(Error::bad_package(deb, format!("it has more than {index} entries")));
        }
        let kind = entry.header().entry_type();
        if kind.is_gnu_longname() {
            long_name = Some(long(&mut entry).map_err(bad)?);
            continue;
        }
        let is_pax = kind.is_pax_global_extensions() || kind.is_pax_local_extensions();
        if kind.is_gnu_longlink() || is_pax && pax == Pax::Ignored {
            continue;
        }
        let path = match long_name.take() {
            Some(path) => path,
            None => entry.header().path().map_err(bad)?.into_owned(),
        };
        let path = inside(&path).map_err(bad)?;
        if kind.is_file() {
            visit(&path, &mut entry)?;
        } else if is_pax {
            return Err(Error::bad_package(deb, "it has pax headers, which no package has"));
        } else if !kind.is_dir() && path.to_str().is_some_and(wanted) {
            let detail = format!("{} in it is not a plain file", path.display());
            return Err(Error::bad_package(deb, detail));
        }
    }
    // The compressed stream's own check comes after the last entry.
    io::copy(&mut tarball, &mut io::sink()).map_err(bad)?;
    Ok(())
}

/// The name that GNU tar puts before an entry whose own field is too short for it.
fn long(entry: &mut dyn Read) -> io::Result<PathBuf> {
    let mut bytes = Vec::new();
    limited::copy(entry, &mut bytes, "a name", limited::PATH)?;
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let name = std::str::from_utf8(&bytes[..end]).map_err(io::Error::other)?;
    Ok(PathBuf::from(name))
}

/// The path of a tar entry as a relative one that stays inside.
pub(crate) fn inside(path: &Path) -> io::Result<PathBuf> {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| match part {
            Component::Normal(name) => Ok(name),
            _ => Err(io::Error::other(format!("{} leads outside the package", path.display()))),
        })
        .collect()
}

/// Finds the member of an `ar` archive whose name is `stem` plus a suffix.
fn member<R: Read + 'static>(mut ar: R, stem: &str) -> io::Result<(String, io::Take<R>)> {
    let mut magic = [0; 8];
    ar.read_exact(&mut magic)?;
    if &magic != b"!<arch>\n" {
        return Err(io::Error::other("it is not an ar archive"));
    }
    loop {
        let mut header = [0; 60];
        ar.read_exact(&mut header).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => io::Error::other(format!("it has no {stem}")),
            _ => error,
        })?;
        let field = |from: usize, to: usize| String::from_utf8_lossy(&header[from..to]);
        let size = field(48, 58).trim().parse::<u64>();
        let (Ok(size), b"`\n") = (size, &header[58..]) else {
            return Err(io::Error::other("it has a malformed ar header"));
        };
        let name = field(0, 16).trim_end().trim_end_matches('/').to_owned();
        if name.starts_with(stem) {
            return Ok((name, ar.take(size)));
        }
        // Members start at even offsets.
        let skip = size.saturating_add(size % 2);
        if io::copy(&mut ar.by_ref().take(skip), &mut io::sink())? < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
