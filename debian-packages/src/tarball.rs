//! Archives of source, as upstream projects offer them.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

use crate::Error;
use crate::deb::{MEMORY_LIMIT_KIB, Pax, each_tar_file, writer};

/// Writes those files of a tar archive below `dest` whose path `wanted` accepts, and returns their
/// paths, sorted. The archive may be compressed with gzip or xz. A path is given as in the archive,
/// without a leading `./`.
///
/// Nothing outside `dest` is written whatever the archive says. A path that is longer than tar's own
/// field for it may come shortened.
///
/// # Errors
///
/// [`Error::BadPackage`] when the file is no archive, is damaged, has a path that leads outside it or a
/// wanted one that is no plain file, unpacks to more than 2 GiB, or has a wanted file of more than
/// 128 MiB; [`Error::Cache`] when `dest` cannot be written, or a file to write exists in it.
pub fn unpack_tarball(
    archive: &Path,
    dest: &Path,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<String>, Error> {
    let bad = |error: io::Error| Error::bad_package(archive, error);
    let file = File::open(archive).map_err(|source| Error::read(archive, source))?;
    let mut file = BufReader::new(file);
    let start = file.fill_buf().map_err(bad)?;
    let tarball: Box<dyn Read> = if start.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(file))
    } else if start.starts_with(b"\xfd7zXZ\0") {
        Box::new(XzReader::new_mem_limit(file, true, MEMORY_LIMIT_KIB))
    } else {
        Box::new(file)
    };
    let mut written = Vec::new();
    each_tar_file(
        archive,
        tarball,
        Pax::Ignored,
        &mut writer(archive, dest, wanted, &mut written),
        wanted,
    )?;
    written.sort();
    Ok(written)
}
