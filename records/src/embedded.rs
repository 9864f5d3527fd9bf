//! The records of this repository, in the program.

use crate::error::Error;
use crate::records::Records;

/// Every file of the records, by path.
#[must_use]
pub fn files() -> &'static [(&'static str, &'static str)] {
    &include!("../data/files.in")
}

/// The records that were reviewed with this version of the program.
///
/// # Errors
///
/// [`Error::Edited`] or another if a file is not as it was written.
pub fn records() -> Result<Records, Error> {
    Records::from_files(files().iter().copied())
}
