//! Mutants, and what became of them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use devtools::Table;

use crate::Error;

/// A change, as cargo-mutants names it: `FILE:LINE:COLUMN: CHANGE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mutant {
    pub(super) file: String,
    /// Line and column.
    place: String,
    pub(super) change: String,
}

impl Mutant {
    pub(super) fn parse(line: &str) -> Result<Self, Error> {
        let parts = || {
            let (position, change) = line.split_once(": ")?;
            let (position, column) = position.rsplit_once(':')?;
            let (file, line) = position.rsplit_once(':')?;
            Some(Self {
                file: file.to_owned(),
                place: format!("{line}:{column}"),
                change: change.to_owned(),
            })
        };
        parts().ok_or_else(|| Error::Unexpected(format!("cargo-mutants wrote a line `{line}`")))
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.place, self.change)
    }
}

/// What became of the mutants of one file.
#[derive(Debug, Default)]
struct Counts {
    caught: usize,
    /// The tests did not end, which is noticed too.
    timeout: usize,
    /// It did not compile.
    unviable: usize,
    explained: usize,
    missed: usize,
}

/// What became of the mutants, by file.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    files: BTreeMap<String, Counts>,
    missed: Vec<Mutant>,
}

impl Outcomes {
    /// Adds mutants that are explained and not tested.
    pub(super) fn explained(&mut self, mutants: &[Mutant]) {
        for mutant in mutants {
            self.of(mutant).explained += 1;
        }
    }

    /// Adds what cargo-mutants has written into its directory.
    pub(super) fn read(&mut self, directory: &Path) -> Result<(), Error> {
        let mut each = |name: &str, count: fn(&mut Counts) -> &mut usize| {
            let path = directory.join(name);
            let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
            let mutants = text.lines().map(Mutant::parse).collect::<Result<Vec<_>, _>>()?;
            mutants.iter().for_each(|mutant| *count(self.of(mutant)) += 1);
            Ok::<_, Error>(mutants)
        };
        each("caught.txt", |counts| &mut counts.caught)?;
        each("timeout.txt", |counts| &mut counts.timeout)?;
        each("unviable.txt", |counts| &mut counts.unviable)?;
        let missed = each("missed.txt", |counts| &mut counts.missed)?;
        self.missed.extend(missed);
        Ok(())
    }

    /// Those that no test has noticed.
    pub(super) fn missed(&self) -> &[Mutant] {
        &self.missed
    }

    pub(super) fn print(&self) {
        let mut table =
            Table::new(["file", "noticed", "hang", "do not compile", "explained", "unnoticed"]);
        for (file, counts) in &self.files {
            let Counts { caught, timeout, unviable, explained, missed } = *counts;
            let figures = [caught, timeout, unviable, explained, missed].map(|n| n.to_string());
            table.row(std::iter::once(file.clone()).chain(figures).collect::<Vec<_>>());
        }
        table.print();
    }

    fn of(&mut self, mutant: &Mutant) -> &mut Counts {
        self.files.entry(mutant.file.clone()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_by_file() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name, text: &str| fs::write(directory.path().join(name), text).unwrap();
        write(
            "caught.txt",
            "a/b.rs:1:2: replace + with - in A::b\na/b.rs:1:2: replace == with !=\n",
        );
        write("timeout.txt", "");
        write("unviable.txt", "c.rs:3:4: replace A<'_>::b -> C with Default::default()\n");
        let missed = "c.rs:5:6: replace d -> impl Iterator<Item = u8> with ::std::iter::empty()";
        write("missed.txt", missed);
        let mut outcomes = Outcomes::default();
        outcomes.read(directory.path()).unwrap();
        let counts = |file: &str| {
            let counts = &outcomes.files[file];
            [counts.caught, counts.timeout, counts.unviable, counts.missed]
        };
        assert_eq!((counts("a/b.rs"), counts("c.rs")), ([2, 0, 0, 0], [0, 0, 1, 1]));
        assert_eq!(outcomes.missed()[0].to_string(), missed);
    }

    #[test]
    fn a_line_that_is_no_mutant_is_an_error() {
        for line in ["", "replace + with -", "a.rs: replace + with -", "a.rs:1: replace"] {
            assert!(Mutant::parse(line).is_err(), "{line}");
        }
    }
}
