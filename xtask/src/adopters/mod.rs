//! `cargo xtask adopters`: published crates of others over our definitions, with their own tests.
//!
//! `tests/adopters/adopters.toml` has the list. Each crate is copied from cargo's registry to `target/adopters`
//! ([`sources`]), edited ([`edit`]) and tested. Another crate, which has bindgen's layouts of the same
//! headers, is compared number by number ([`layouts`]).

mod cycle;
mod edit;
mod layouts;
mod sources;

use std::fs;
use std::path::Path;

use devtools::Table;
use serde::Deserialize;

use crate::{Error, process, workspace};

use edit::Edit;

/// The suite.
const SUITE: &str = "tests/adopters";

/// All adopters.
#[derive(Debug, Deserialize)]
struct List {
    adopter: Vec<Adopter>,
}

/// A crate that has definitions of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Adopter {
    name: String,
    version: String,
    /// The features of xen-abi that it needs.
    features: Vec<String>,
    /// The arguments of `cargo test`, or none if it has no tests.
    test: Vec<String>,
    /// As many tests must run, at least.
    tests: usize,
    /// Other adopters, edited, in the place of what crates.io has.
    #[serde(default)]
    patch: Vec<String>,
    adapters: Vec<Adapter>,
    edits: Vec<Edit>,
}

/// A file of ours in a crate of theirs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Adapter {
    /// Below `tests/adopters/adapters`.
    from: String,
    /// Below the crate's directory. A file that is there is replaced.
    to: String,
}

/// Lines, and those of them that have the word unsafe, in the files that change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    lines: usize,
    unsafes: usize,
}

/// Edits and tests each crate, and prints a table.
pub(crate) fn run() -> Result<(), Error> {
    let root = workspace::root()?;
    let file = root.join(SUITE).join("adopters.toml");
    let text = fs::read_to_string(&file).map_err(Error::file(&file))?;
    let list: List = toml::from_str(&text)
        .map_err(|error| Error::Unexpected(format!("{}: {error}", file.display())))?;
    let scratch = workspace::scratch("adopters")?;
    let pins = list.adopter.iter().map(|adopter| (&*adopter.name, &*adopter.version));
    let found = sources::obtain(&scratch, &pins.chain([layouts::PEER]).collect::<Vec<_>>())?;
    let mut table =
        Table::new(["crate", "version", "its tests", "lines", "with ours", "unsafe", "with ours"]);
    for adopter in &list.adopter {
        let copy = scratch.join("src").join(&adopter.name);
        sources::copy(&found[&adopter.name], &copy)?;
        let before = adopter.count(&copy);
        adopter.change(&root, &copy)?;
        let after = adopter.count(&copy);
        let passed = adopter.test(&scratch, &copy)?;
        let row = [before.lines, after.lines, before.unsafes, after.unsafes];
        let tests = if adopter.test.is_empty() { "none".to_owned() } else { passed.to_string() };
        let fixed = [adopter.name.clone(), adopter.version.clone(), tests];
        table.row(fixed.into_iter().chain(row.map(|count| count.to_string())));
    }
    table.print();
    println!();
    cycle::check(&root, &scratch)?;
    layouts::compare(&found[layouts::PEER.0])
}

impl Adopter {
    /// What is in the files of Rust that change, without tests.
    fn count(&self, copy: &Path) -> Count {
        let mut files: Vec<_> = self.adapters.iter().map(|adapter| &adapter.to).collect();
        files.extend(self.edits.iter().map(|edit| &edit.file));
        files.retain(|file| Path::new(file).extension().is_some_and(|extension| extension == "rs"));
        files.sort();
        files.dedup();
        // A file that is added is not there before.
        let texts = files.iter().filter_map(|file| fs::read_to_string(copy.join(file)).ok());
        texts.map(|text| Count::of(&text)).fold(Count::default(), Count::plus)
    }

    fn change(&self, root: &Path, copy: &Path) -> Result<(), Error> {
        for edit in &self.edits {
            edit.apply(copy)?;
        }
        for adapter in &self.adapters {
            let (from, to) =
                (root.join(SUITE).join("adapters").join(&adapter.from), copy.join(&adapter.to));
            if let Some(directory) = to.parent() {
                fs::create_dir_all(directory).map_err(Error::file(directory))?;
            }
            fs::copy(&from, &to).map_err(Error::file(&from))?;
        }
        let manifest = copy.join("Cargo.toml");
        let mut text = fs::read_to_string(&manifest).map_err(Error::file(&manifest))?;
        text.push_str("\n[workspace]\n");
        if !self.features.is_empty() {
            let path = root.join("xen-abi").display().to_string();
            let features = &self.features;
            text +=
                &format!("\n[dependencies.xen-abi]\npath = {path:?}\nfeatures = {features:?}\n");
        }
        if !self.patch.is_empty() {
            text.push_str("\n[patch.crates-io]\n");
            for name in &self.patch {
                text += &format!("{name} = {{ path = \"../{name}\" }}\n");
            }
        }
        fs::write(&manifest, text).map_err(Error::file(&manifest))
    }

    /// Runs the crate's tests, or builds its examples if it has none, and counts what passed.
    fn test(&self, scratch: &Path, copy: &Path) -> Result<usize, Error> {
        let mut command = workspace::cargo()?;
        let arguments: &[&str] =
            if self.test.is_empty() { &["check", "--examples"] } else { &["test", "--quiet"] };
        command.args(arguments).args(&self.test).current_dir(copy);
        command.arg("--target-dir").arg(scratch.join("build"));
        // Warnings about imports that are no longer used are not ours to read.
        command.env("CARGO_INCREMENTAL", "0").env("RUSTFLAGS", "--cap-lints allow");
        let output = process::output(&format!("{} {}", self.name, self.version), &mut command)?;
        let passed = passed(&output);
        if passed < self.tests {
            return Err(Error::Unexpected(format!(
                "{passed} tests of {} ran, and there were {} when it was pinned; see {SUITE}/adopters.toml",
                self.name, self.tests
            )));
        }
        Ok(passed)
    }
}

impl Count {
    /// Of a text up to its tests.
    fn of(text: &str) -> Self {
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        code.lines().fold(Self::default(), |count, line| Self {
            lines: count.lines + 1,
            unsafes: count.unsafes + usize::from(has_unsafe(line)),
        })
    }

    const fn plus(self, other: Self) -> Self {
        Self { lines: self.lines + other.lines, unsafes: self.unsafes + other.unsafes }
    }
}

/// The number of tests in what `cargo test` prints.
fn passed(output: &str) -> usize {
    let count =
        |line: &str| line.strip_prefix("test result: ok. ")?.split(' ').next()?.parse().ok();
    output.lines().filter_map(|line| -> Option<usize> { count(line) }).sum()
}

/// Whether a line has the word, and not only in a comment.
fn has_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_programs_are_added() {
        let output = "running 2 tests\ntest result: ok. 2 passed; 0 failed\n\ntest result: ok. 11 passed; 0 failed";
        assert_eq!(passed(output), 13);
        assert_eq!(passed("test result: FAILED. 3 passed"), 0);
    }

    #[test]
    fn code_is_counted_and_tests_are_not() {
        let text = "// unsafe\nunsafe impl A for B {}\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n    unsafe {}\n}\n";
        assert_eq!(Count::of(text), Count { lines: 4, unsafes: 1 });
    }

    #[test]
    fn the_list_is_read() {
        let file = workspace::root().unwrap().join(SUITE).join("adopters.toml");
        let list: List = toml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        assert!(list.adopter.iter().filter(|adopter| adopter.tests > 0).count() >= 3);
    }
}
