//! What every record begins with: its format, its name, and the hash of the rest.

use sha2::{Digest as _, Sha256};

use super::FORMAT;
use crate::error::Error;

/// The file of the catalogue.
pub(crate) const CATALOGUE: &str = "catalogue.record";

/// The file of a header.
pub(crate) fn name(header: &str) -> String {
    format!("{}.record", header.trim_end_matches(".h"))
}

/// A file about `name` with this text after its hash: how a test makes what no writer would.
#[must_use]
pub fn sealed(name: &str, body: &str) -> String {
    seal(name, body)
}

/// A file about `name` with this text.
pub(super) fn seal(name: &str, body: &str) -> String {
    format!("xen-record {FORMAT} {name}\nsha256 {}\n{body}", hash(name, body))
}

/// The name that `text` is about and the text itself, of which the first line is the file's third.
pub(super) fn open<'a>(file: &str, text: &'a str) -> Result<(&'a str, &'a str), Error> {
    let not_a_record = || Error::NotARecord { file: file.to_owned() };
    let (first, rest) = text.split_once('\n').ok_or_else(not_a_record)?;
    let words = first.strip_prefix("xen-record ").and_then(|words| words.split_once(' '));
    let (format, name) = words.ok_or_else(not_a_record)?;
    let found: u32 = format.parse().map_err(|_| not_a_record())?;
    if found > FORMAT {
        return Err(Error::Newer { file: file.to_owned(), found, known: FORMAT });
    }
    let edited = || Error::Edited { file: file.to_owned() };
    let (second, body) = rest.split_once('\n').ok_or_else(edited)?;
    if second.strip_prefix("sha256 ") != Some(&hash(name, body)) {
        return Err(edited());
    }
    Ok((name, body))
}

fn hash(name: &str, body: &str) -> String {
    let digest = Sha256::new().chain_update(name).chain_update("\n").chain_update(body).finalize();
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}
