//! The list of changes that no test can notice, or need notice.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::outcome::Mutant;
use crate::Error;

/// The list, from the root.
pub(super) const LIST: &str = "tests/mutants/explained.toml";

/// Changes with the reason for which no test notices them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Explained {
    #[serde(default)]
    kind: Vec<Kind>,
    #[serde(default)]
    change: Vec<Change>,
}

/// Changes of one kind, in every file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    /// What their names contain.
    contains: String,
    /// Only in files below this path.
    #[serde(default)]
    below: String,
    reason: String,
}

/// One change, as cargo-mutants names it, without its line. If a file has several with the same name, all
/// are meant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    file: String,
    name: String,
    reason: String,
}

impl Kind {
    fn explains(&self, mutant: &Mutant) -> bool {
        Path::new(&mutant.file).starts_with(&self.below) && mutant.change.contains(&self.contains)
    }
}

impl Change {
    fn explains(&self, mutant: &Mutant) -> bool {
        (&self.file, &self.name) == (&mutant.file, &mutant.change)
    }
}

impl Explained {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(Error::file(path))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let bad = |what: String| Error::Unexpected(format!("{LIST}: {what}; correct it"));
        let list: Self = toml::from_str(text).map_err(|error| bad(error.message().to_owned()))?;
        let reasons = list.kind.iter().map(|kind| (&kind.contains, &kind.reason));
        let reasons =
            reasons.chain(list.change.iter().map(|change| (&change.name, &change.reason)));
        for (name, reason) in reasons {
            if name.trim().is_empty() || reason.trim().is_empty() {
                return Err(bad(format!("`{name}` has no name or no reason")));
            }
        }
        Ok(list)
    }

    pub(super) fn explains(&self, mutant: &Mutant) -> bool {
        self.kind.iter().any(|kind| kind.explains(mutant))
            || self.change.iter().any(|change| change.explains(mutant))
    }

    /// An explanation of a change that does not exist is an error: the code has changed since. `all` are
    /// all changes of some files.
    pub(super) fn check(&self, all: &[Mutant]) -> Result<(), Error> {
        for change in &self.change {
            let is_here = all.iter().any(|mutant| mutant.file == change.file);
            if is_here && !all.iter().any(|mutant| change.explains(mutant)) {
                return Err(Error::Unexpected(format!(
                    "{LIST} explains `{}` in {}, which is no change that cargo-mutants makes; remove it",
                    change.name, change.file
                )));
            }
        }
        Ok(())
    }

    /// Regular expressions for the names of all that is explained.
    pub(super) fn patterns(&self) -> impl Iterator<Item = String> {
        let kinds = self
            .kind
            .iter()
            .map(|kind| format!("^{}.*: .*{}", escaped(&kind.below), escaped(&kind.contains)));
        let changes = self.change.iter().map(|change| {
            format!(r"^{}:\d+:\d+: {}$", escaped(&change.file), escaped(&change.name))
        });
        kinds.chain(changes)
    }
}

/// A regular expression that matches the text itself.
fn escaped(text: &str) -> String {
    let mut all = String::new();
    for c in text.chars() {
        if c.is_ascii_punctuation() && !matches!(c, '<' | '>') {
            all.push('\\');
        }
        all.push(c);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::area;
    use crate::workspace;

    const TEXT: &str = "
        [[kind]]
        contains = 'impl fmt::Debug for'
        below = 'a'
        reason = 'for reading'
        [[change]]
        file = 'a/b.rs'
        name = 'replace | with ^ in Header<T>::new'
        reason = 'the operands have no bit in common'
    ";

    fn mutant(text: &str) -> Mutant {
        Mutant::parse(text).unwrap()
    }

    #[test]
    fn what_is_explained_is_known_by_its_name() {
        let list = Explained::parse(TEXT).unwrap();
        for (text, explained) in [
            ("a/b.rs:7:9: replace | with ^ in Header<T>::new", true),
            ("a/b.rs:7:9: replace | with & in Header<T>::new", false),
            ("a/c.rs:7:9: replace | with ^ in Header<T>::new", false),
            ("a/c.rs:7:9: replace <impl fmt::Debug for C>::fmt -> fmt::Result with Ok(())", true),
            ("b/c.rs:7:9: replace <impl fmt::Debug for C>::fmt -> fmt::Result with Ok(())", false),
        ] {
            assert_eq!(list.explains(&mutant(text)), explained, "{text}");
        }
        let patterns: Vec<_> = list.patterns().collect();
        assert_eq!(patterns[0], r"^a.*: .*impl fmt\:\:Debug for");
        assert_eq!(patterns[1], r"^a\/b\.rs:\d+:\d+: replace \| with \^ in Header<T>\:\:new$");
    }

    #[test]
    fn an_explanation_of_nothing_is_an_error() {
        let list = Explained::parse(TEXT).unwrap();
        let there = mutant("a/b.rs:7:9: replace | with ^ in Header<T>::new");
        let other = mutant("a/b.rs:7:9: replace + with - in f");
        assert!(list.check(&[other.clone(), there]).is_ok());
        assert!(list.check(&[mutant("c.rs:1:1: replace + with - in f")]).is_ok());
        let error = list.check(&[other]).unwrap_err().to_string();
        assert!(error.contains("remove it") && error.contains("a/b.rs"), "{error}");
    }

    #[test]
    fn an_explanation_has_a_reason() {
        for text in [
            "[[change]]\nfile = 'a'\nname = 'b'\nreason = ' '",
            "[[kind]]\ncontains = ''\nreason = 'c'",
            "[[change]]\nfile = 'a'\nname = 'b'",
            "[[changes]]",
        ] {
            let error = Explained::parse(text).unwrap_err().to_string();
            assert!(error.contains(LIST) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn what_the_list_explains_is_in_an_area() {
        let list = Explained::read(&workspace::root().unwrap().join(LIST)).unwrap();
        for change in list.change {
            area::choose(&[change.file]).unwrap();
        }
    }
}
