//! Directories as a whole.

use std::path::Path;
use std::{fs, io};

/// Copies the directory `from` and all below it to `to`, which is made if it is absent.
///
/// # Errors
///
/// What cannot be read or written.
pub fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_directory(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}
