//! Links between the pages of the repository lead to files and headings that exist, and the guide's table of
//! contents has every page.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Pages of a directory and of those below it.
fn pages(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

fn all() -> Vec<PathBuf> {
    let mut found = Vec::new();
    pages(&root().join("docs"), &mut found);
    for entry in fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        let readme = path.join("README.md");
        if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        } else if readme.is_file() {
            found.push(readme);
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

/// The text outside of code.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            // Code inside a line is at the odd places.
            let plain = line.split('`').step_by(2);
            prose.extend(plain);
            prose.push('\n');
        }
    }
    prose
}

/// The targets of `[text](target)`.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let targets = prose.split("](").skip(1);
    targets.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())).collect()
}

/// The anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut in_code = false;
    let heading = |line: &str| line.trim_start_matches('#').trim().to_lowercase();
    let kept = |c: char| c.is_alphanumeric() || "-_ ".contains(c);
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if line.starts_with('#') && !in_code {
            anchors.insert(
                heading(line).chars().filter(|c| kept(*c)).collect::<String>().replace(' ', "-"),
            );
        }
    }
    anchors
}

/// What is wrong with a link, if anything is.
fn fault(page: &Path, text: &str, link: &str) -> Option<String> {
    if link.starts_with("https://") || link.starts_with("http://") {
        return None;
    }
    let (file, anchor) =
        link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = page.parent()?.join(file);
    if !file.is_empty() && !target.exists() {
        return Some(format!("{}: {link}: no such file", page.display()));
    }
    let anchor = anchor?;
    let of = if file.is_empty() { text.to_owned() } else { fs::read_to_string(&target).unwrap() };
    let is_there = anchors(&of).contains(anchor);
    (!is_there).then(|| format!("{}: {link}: no such heading", page.display()))
}

#[test]
fn links_lead_somewhere() {
    let mut faults = Vec::new();
    let mut count = 0;
    for page in all() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            count += 1;
            faults.extend(fault(&page, &text, &link));
        }
    }
    assert!(count > 50, "{count}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn wrong_links_are_found() {
    let page = root().join("docs/abi.md");
    let text = "# One heading\n\n```\n# none\n```\n[a](#one-heading) [b](#none) [c](none.md) [d](abi.md#none)";
    let faults: Vec<_> = links(text).iter().filter_map(|link| fault(&page, text, link)).collect();
    assert_eq!(faults.len(), 3, "{faults:?}");
}

#[test]
fn the_table_of_contents_has_every_page() {
    let docs = root().join("docs");
    let mut found = Vec::new();
    pages(&docs, &mut found);
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let listed: BTreeSet<_> = links(&summary).iter().map(|link| docs.join(link)).collect();
    let found: BTreeSet<_> =
        found.into_iter().filter(|page| !page.ends_with("SUMMARY.md")).collect();
    assert_eq!(listed, found);
}
