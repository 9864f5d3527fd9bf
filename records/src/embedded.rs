//! The records of this repository, in the program.

use crate::catalogue::Catalogue;
use crate::cells::Cells;
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

/// As [`records`], without the lines on which headers define things, which are a third of the text: each is 0.
///
/// # Errors
///
/// As [`records`].
pub fn records_without_lines() -> Result<Records, Error> {
    Records::read(files().iter().copied(), false, |catalogue| catalogue.cells)
}

/// As [`records`], and only what they say of some releases and architectures: what is in none of the `wanted` has
/// no form and no line. `wanted` is told which there are.
///
/// # Errors
///
/// As [`records`].
pub fn records_within(wanted: impl FnOnce(&Catalogue) -> Cells) -> Result<Records, Error> {
    Records::read(files().iter().copied(), true, wanted)
}
