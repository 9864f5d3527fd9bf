//! The tables of the guide name functions that exist: the listings in `tests/public-api` have them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The listings without the parameters of types.
fn listed() -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../public-api");
    let mut all = String::new();
    for entry in fs::read_dir(directory).unwrap() {
        let mut depth = 0;
        for c in fs::read_to_string(entry.unwrap().path()).unwrap().chars() {
            depth += usize::from(c == '<');
            if depth == 0 {
                all.push(c);
            }
            depth = if c == '\n' { 0 } else { depth - usize::from(c == '>' && depth > 0) };
        }
    }
    all
}

/// The names with a path in the second column of a page's tables.
fn named(page: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide").join(page);
    let text = fs::read_to_string(path).unwrap();
    let columns = text.lines().filter_map(|line| line.strip_prefix('|')?.split('|').nth(1));
    let words = columns.flat_map(|column| column.split('`').skip(1).step_by(2));
    words.filter(|word| word.contains("::")).map(str::to_owned).collect()
}

fn exists(listed: &str, name: &str) -> bool {
    let short = name.trim_start_matches("xen_ops::").trim_start_matches("xen_io::");
    let end = |rest: &str| rest.starts_with(|c: char| !c.is_alphanumeric() && c != '_');
    listed.match_indices(short).any(|(at, _)| {
        let before = &listed[..at];
        (before.ends_with("::") || before.ends_with(' ')) && end(&listed[at + short.len()..])
    })
}

#[test]
fn names_in_tables_exist() {
    let listed = listed();
    for page in ["from-c.md", "from-rust.md", "from-kernels.md"] {
        let names = named(page);
        assert!(names.len() > 8, "{page}: {names:?}");
        let missing: Vec<_> = names.iter().filter(|name| !exists(&listed, name)).collect();
        assert!(missing.is_empty(), "{page} names what does not exist: {missing:?}");
    }
}

#[test]
fn a_name_that_does_not_exist_is_found() {
    let listed = "pub fn xen_linux::gntdev::Gntdev::map(&self)\n";
    assert!(exists(listed, "Gntdev::map"));
    assert!(!exists(listed, "Gntdev::ma") && !exists(listed, "dev::map"));
}
