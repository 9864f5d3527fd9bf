//! Files of a package that are compressed once more in it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;

use crate::Error;
use crate::deb::MEMORY_LIMIT_KIB;
use crate::limited;

/// The content of a file out of `deb`, decompressed if its name says that it must be.
pub(crate) fn plain(path: &Path, deb: &Path) -> Result<Vec<u8>, Error> {
    let bad = |error: io::Error| Error::bad_package(deb, error);
    let file = File::open(path).map_err(|source| Error::read(path, source))?;
    let mut reader: Box<dyn Read> = match path.extension().and_then(|extension| extension.to_str())
    {
        Some("gz") => Box::new(MultiGzDecoder::new(file)),
        Some("xz") => Box::new(XzReader::new_mem_limit(file, true, MEMORY_LIMIT_KIB)),
        _ => Box::new(file),
    };
    let mut bytes = Vec::new();
    let name = path.display().to_string();
    limited::copy(&mut reader, &mut bytes, &name, limited::FILE).map_err(bad)?;
    Ok(bytes)
}
