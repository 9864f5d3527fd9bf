//! Records as text: one file a header, one for the catalogue, one for the lines, one for
//! what statuses mean.
//!
//! ```text
//! xen-record 1 grant_table.h
//! sha256 0123...
//! struct gnttab_copy
//!   x86_64 aarch64 arm riscv64 | x86_32
//!    40     8 |   24     4  size, align
//!     0    16 |    0     8  source: gnttab_copy_ptr
//! #define GNTTAB_CACHE_SOURCE_GREF = 2147483648 u32 @ 4.15..
//! ```
//!
//! A structure's rows have offset and size for each column of architectures, in bytes. What follows `@`
//! says where the thing is, if not wherever the header is: see [`cells`](crate::cells).

mod catalogue;
mod file;
mod lines;
mod read;
mod rows;
mod words;
mod write;

use std::collections::BTreeMap;

use crate::catalogue::Catalogue;
use crate::cells::{Cells, Scopes};
use crate::error::Error;
use crate::records::{Header, Records};

pub use file::sealed;

pub(crate) use file::CATALOGUE;
pub(crate) use lines::LINES;
pub(crate) use words::WORDS;

/// What is before and after the first `mark` with a space on each side. To look for one character takes a
/// fraction of the time that a string takes, and records have tens of thousands of lines.
fn split_around(text: &str, mark: char) -> Option<(&str, &str)> {
    text.match_indices(mark).find_map(|(at, found)| {
        let before = text[..at].strip_suffix(' ')?;
        let after = text[at + found.len()..].strip_prefix(' ')?;
        Some((before, after))
    })
}

/// The format that is written, and the newest that is read.
pub const FORMAT: u32 = 1;

/// Records by the path of the file they are in.
pub type Files = BTreeMap<String, String>;

impl Records {
    /// The records as files, by path.
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`] for a name that is none of C's.
    pub fn to_files(&self) -> Result<Files, Error> {
        let mut files = Files::new();
        files.insert(CATALOGUE.to_owned(), catalogue::write(&self.catalogue));
        files.insert(LINES.to_owned(), lines::write(self));
        files.insert(WORDS.to_owned(), words::write(&self.words));
        for header in &self.headers {
            files.insert(file::name(&header.name), write::header(&self.catalogue, header)?);
        }
        Ok(files)
    }

    /// The headers' records as one text to be read: each header's name, and what it defines.
    ///
    /// # Errors
    ///
    /// As [`Records::to_files`].
    pub fn to_text(&self) -> Result<String, Error> {
        let text = |header: &Header| {
            let body = write::body(&self.catalogue, header)?;
            Ok(format!("{}\n\n{body}\n", header.name))
        };
        self.headers.iter().map(text).collect()
    }

    /// The records in these files.
    ///
    /// # Errors
    ///
    /// One that names the file: it is no record, of a newer format, edited by hand, malformed or missing.
    pub fn from_files<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Error> {
        Self::read(files, true, |catalogue| catalogue.cells)
    }

    /// What the records in these files say of the cells that are `wanted`, with or without the lines on which
    /// headers define things. What is in none of them is there by name, with no form and no line.
    pub(crate) fn read<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
        with_lines: bool,
        wanted: impl FnOnce(&Catalogue) -> Cells,
    ) -> Result<Self, Error> {
        let files: BTreeMap<&str, &str> = files.into_iter().collect();
        let text = |name: &str| {
            files.get(name).copied().ok_or_else(|| Error::Missing { file: name.to_owned() })
        };
        let catalogue = catalogue::read(text(CATALOGUE)?)?;
        let words = words::read(text(WORDS)?)?;
        let wanted = wanted(&catalogue).intersection(&catalogue.cells);
        let mut scopes = Scopes::new(&catalogue);
        let of_headers = files.iter().filter(|(name, _)| ![CATALOGUE, LINES, WORDS].contains(name));
        let headers = of_headers
            .map(|(name, text)| read::header(&catalogue, &wanted, &mut scopes, name, text));
        let mut headers: Vec<Header> = headers.collect::<Result<_, _>>()?;
        headers.sort_by(|a, b| a.name.cmp(&b.name));
        if with_lines {
            lines::read(&mut headers, &mut scopes, text(LINES)?)?;
        }
        Ok(Self { catalogue, headers, words })
    }
}
