//! The files of the site.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Why the site could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The records are not as they were written.
    #[error(transparent)]
    Records(#[from] xen_records::Error),
    /// Two pages have one name, on a file system that does not tell cases apart.
    #[error("two pages are called {0}: the names of types differ in more than case")]
    SameFile(String),
    /// A file could not be written.
    #[error("{path}: {source}; check that the directory is writable", path = path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory has files of something else.
    #[error("{path} has files that are not of an atlas; name an empty or new directory", path = .0.display())]
    Foreign(PathBuf),
}

/// The file that says that a directory is an atlas.
const MARK: &str = "assets/atlas.css";

/// All files, by path.
#[derive(Debug, Default)]
pub struct Site {
    files: BTreeMap<String, String>,
    lower: BTreeSet<String>,
}

impl Site {
    /// Adds a file.
    pub(crate) fn add(&mut self, path: String, text: String) -> Result<(), Error> {
        if !self.lower.insert(path.to_lowercase()) {
            return Err(Error::SameFile(path));
        }
        self.files.insert(path, text);
        Ok(())
    }

    /// Every file by path, with `/` between its parts.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<String, String> {
        &self.files
    }

    /// The size of all files together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.files.values().map(String::len).sum()
    }

    /// Writes all files below `directory`, which must be new, empty or an atlas, whose files are replaced.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] if the directory has other files, [`Error::File`] if it cannot be written.
    pub fn write(&self, directory: &Path) -> Result<(), Error> {
        let file = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, source }
        };
        if directory.exists() {
            let mut entries = fs::read_dir(directory).map_err(file(directory))?;
            if entries.next().is_some() {
                if !directory.join(MARK).is_file() {
                    return Err(Error::Foreign(directory.to_owned()));
                }
                fs::remove_dir_all(directory).map_err(file(directory))?;
            }
        }
        let mut made = BTreeSet::new();
        for (name, text) in &self.files {
            let path = directory.join(name);
            if let Some(parent) = path.parent().filter(|parent| !made.contains(*parent)) {
                fs::create_dir_all(parent).map_err(file(parent))?;
                made.insert(parent.to_owned());
            }
            fs::write(&path, text).map_err(file(&path))?;
        }
        Ok(())
    }
}
