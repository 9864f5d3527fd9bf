//! An edit of a file that is not ours: a range of lines, by what its ends contain.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::Error;

/// What goes and what comes in its place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    /// Below the crate's directory.
    pub(super) file: String,
    /// In the first line that goes.
    first: String,
    /// In the first line after it that stays, or empty for the end of the file.
    until: String,
    /// In the place of what goes.
    with: String,
}

impl Edit {
    /// Changes the file. That a line is not found is an error: an edit never does nothing.
    pub(super) fn apply(&self, directory: &Path) -> Result<(), Error> {
        let file = directory.join(&self.file);
        let text = fs::read_to_string(&file).map_err(Error::file(&file))?;
        let changed = self.change(&text).ok_or_else(|| {
            let Self { first, until, .. } = self;
            Error::Unexpected(format!(
                "{}: no lines from `{first}` until `{until}`; the edit in tests/adopters/adopters.toml is \
                 for another version",
                file.display()
            ))
        })?;
        fs::write(&file, changed).map_err(Error::file(&file))
    }

    fn change(&self, text: &str) -> Option<String> {
        let lines: Vec<_> = text.split_inclusive('\n').collect();
        let first = lines.iter().position(|line| line.contains(&self.first))?;
        let rest = lines.get(first + 1..)?;
        let until = match self.until.as_str() {
            "" => lines.len(),
            until => first + 1 + rest.iter().position(|line| line.contains(until))?,
        };
        let with = if self.with.is_empty() { String::new() } else { format!("{}\n", self.with) };
        Some(lines[..first].concat() + &with + &lines[until..].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(first: &str, until: &str, with: &str) -> Edit {
        let owned = str::to_owned;
        Edit { file: owned("f"), first: owned(first), until: owned(until), with: owned(with) }
    }

    #[test]
    fn a_range_is_replaced() {
        let text = "one\ntwo {\n}\nthree\n";
        assert_eq!(edit("two", "three", "new").change(text).unwrap(), "one\nnew\nthree\n");
        assert_eq!(edit("two", "", "").change(text).unwrap(), "one\n");
    }

    #[test]
    fn an_edit_that_does_not_fit_is_an_error() {
        let text = "one\ntwo\n";
        assert_eq!(edit("three", "", "").change(text), None);
        assert_eq!(edit("two", "one", "").change(text), None, "`until` comes after `first`");
    }
}
