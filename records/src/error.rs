//! What can be wrong with records, one line each: the thing, then the way out.

/// Why records could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is no record.
    #[error("{file} is no record: its first line is not `xen-record`, a number and the header")]
    NotARecord {
        /// The file.
        file: String,
    },
    /// The record's format is not known.
    #[error(
        "the record {file} has format {found}, made by a newer version of this program, which reads format {known}; update it"
    )]
    Newer {
        /// The file.
        file: String,
        /// Its format.
        found: u32,
        /// The newest format that is read.
        known: u32,
    },
    /// The text is not what its hash is of.
    #[error(
        "the record {file} was edited by hand: its text does not have the hash that it states; make it anew with `cargo run -p codegen -- record`"
    )]
    Edited {
        /// The file.
        file: String,
    },
    /// A line has no meaning.
    #[error("{file}:{line}: {what}; make the record anew with `cargo run -p codegen -- record`")]
    Malformed {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A file of the records is not there.
    #[error("the records have no {file}; make them anew with `cargo run -p codegen -- record`")]
    Missing {
        /// The file.
        file: String,
    },
    /// More than a record can hold.
    #[error(
        "{releases} releases and {arches} architectures: records hold 64 and 8; leave some out"
    )]
    TooMany {
        /// Releases.
        releases: usize,
        /// Architectures.
        arches: usize,
    },
    /// A name that a record cannot write.
    #[error(
        "{header}: {name:?} cannot be in a record: it is no name of C's, or means something else there"
    )]
    Unwritable {
        /// The header.
        header: String,
        /// The name.
        name: String,
    },
}
