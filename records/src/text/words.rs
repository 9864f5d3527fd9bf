//! What statuses and error numbers mean: a name and a sentence a line.

use std::collections::BTreeMap;

use super::file;
use crate::error::Error;

/// The file of the words.
pub(crate) const WORDS: &str = "words.record";

pub(super) fn write(words: &BTreeMap<String, String>) -> String {
    let lines = words.iter().map(|(name, text)| {
        let text: Vec<&str> = text.split_whitespace().collect();
        format!("{name} {}\n", text.join(" "))
    });
    file::seal("words", &lines.collect::<String>())
}

pub(super) fn read(text: &str) -> Result<BTreeMap<String, String>, Error> {
    let (_, body) = file::open(WORDS, text)?;
    let lines = body.lines().enumerate().map(|(number, line)| {
        let (name, text) = line.split_once(' ').ok_or_else(|| Error::Malformed {
            file: WORDS.to_owned(),
            line: number + 3,
            what: String::from("no text"),
        })?;
        Ok((name.to_owned(), text.to_owned()))
    });
    lines.collect()
}
