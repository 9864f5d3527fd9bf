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

/// The columns of the rows of a page's table, without the heading.
fn rows(page: &str) -> Vec<Vec<Vec<String>>> {
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let cells = |row: &str| row.split('|').map(words).collect();
    page.lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| cells(&format!("`{row}")))
        .collect()
}

/// The text of all files of a directory and of those below it.
fn sources(directory: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        text += &if path.is_dir() { sources(&path) } else { fs::read_to_string(path).unwrap() };
    }
    text
}

#[test]
fn the_table_of_protocols_has_every_header_and_names_what_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/protocols.md")).unwrap();
    let headers: BTreeSet<String> = fs::read_dir(root.join("xen-abi/src/generated/x86_64/io"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().path().file_stem()?.to_str().map(str::to_owned))
        .map(|name| name.trim_start_matches('_').to_owned())
        .filter(|name| !["ring", "xenbus", "protocols"].contains(&name.as_str()))
        .collect();
    let rows = rows(&page);
    let named: BTreeSet<String> = rows.iter().flat_map(|row| row[0].clone()).collect();
    assert_eq!(named, headers);

    let (rings, all) = (sources(&root.join("xen-io/src/ring")), sources(&root.join("xen-io/src")));
    let peers = sources(&root.join("tests/live/tests"));
    let is_word = |text: &str, word: &str| {
        let parts = |c: char| !c.is_alphanumeric() && c != '_';
        text.split(parts).any(|other| other == word)
    };
    for row in &rows {
        for ring in &row[1] {
            let is_stream = all.contains(&format!("pub mod {ring};")) || ring == "Vchan";
            assert!(is_stream || is_word(&rings, ring), "no ring {ring}");
        }
        for end in row[2].iter().chain(&row[3]) {
            let name = end.rsplit("::").next().unwrap();
            assert!(is_word(&all, name) && all.contains(&format!("pub struct {name}")), "no {end}");
        }
        for example in &row[4] {
            let examples = ["xen-sim/examples", "xen-io/examples"].map(|path| root.join(path));
            let exists = |path: &std::path::PathBuf| {
                path.join(format!("{example}.rs")).exists() || path.join(example).exists()
            };
            assert!(examples.iter().any(exists), "no example {example}");
        }
        for test in &row[5] {
            assert!(peers.contains(&format!("fn {test}(")), "no test {test}");
        }
    }
}
