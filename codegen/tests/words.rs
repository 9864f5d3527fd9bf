//! What the generated modules say of the ABI, and in which order.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, Expr, Item, Lit, Meta};
use xen_codegen::docs::Docs;

/// The shipped modules of the newest release.
fn generated() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../xen-abi/src/generated")
}

/// Those of other releases.
fn releases() -> PathBuf {
    generated().with_file_name("releases")
}

/// Every generated file below `dir`, with its text.
fn modules(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.append(&mut modules(&path));
        } else {
            let text = fs::read_to_string(&path).expect("a file");
            found.push((path, text));
        }
    }
    assert!(!found.is_empty(), "{} is empty", dir.display());
    found
}

/// The documentation of an item.
fn doc(attributes: &[Attribute]) -> String {
    let text = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    attributes.iter().filter_map(text).collect::<Vec<_>>().join("\n")
}

/// Whether a documentation has a sentence before the one that names the place in the header.
fn has_words(doc: &str) -> bool {
    const PLACE: [&str; 3] = ["Defined at ", "An anonymous part of ", "The type of "];
    let first = doc.trim().lines().next().unwrap_or_default();
    let is_definition = first.starts_with('`') && first.contains("` of ") && first.contains(".h");
    !(first.is_empty() || is_definition || PLACE.iter().any(|start| first.starts_with(start)))
}

#[test]
fn few_items_are_without_words() {
    let (mut structures, mut constants) = (BTreeMap::new(), BTreeMap::new());
    for (path, text) in modules(&generated()) {
        for item in syn::parse_file(&text).expect("Rust").items {
            match item {
                Item::Struct(item) => {
                    let name = format!("{}: {}", path.display(), item.ident);
                    structures.insert(name, has_words(&doc(&item.attrs)));
                }
                Item::Const(item) => {
                    let name = format!("{}: {}", path.display(), item.ident);
                    constants.insert(name, has_words(&doc(&item.attrs)));
                }
                _ => {}
            }
        }
    }
    assert!(structures.len() > 2000 && constants.len() > 8000, "fewer items than there are");
    for (what, items, percent) in [("structures", structures, 5), ("constants", constants, 15)] {
        let bare: Vec<_> =
            items.iter().filter(|(_, words)| !**words).map(|(name, _)| name).collect();
        assert!(
            bare.len() * 100 <= items.len() * percent,
            "{} of {} {what} are without words, more than {percent} %: {bare:#?}",
            bare.len(),
            items.len()
        );
    }
}

/// Each name of another library's stands at the item that the tables have it for.
#[test]
fn aliases_are_at_known_items() {
    let all = [generated(), releases()].into_iter().flat_map(|dir| modules(&dir));
    let text: String = all.map(|(_, text)| text).collect();
    let mut at = BTreeMap::<&str, BTreeSet<&str>>::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(aliases) = line.strip_prefix("#[doc(alias(") else { continue };
        let item = lines.find(|line| line.starts_with("pub ")).expect("an item");
        let item = item.split([' ', ':', '(']).nth(2).expect("a name");
        at.entry(item).or_default().extend(aliases.split('"').skip(1).step_by(2));
    }
    let docs = Docs::load().expect("the tables");
    let mut number = 0;
    for header in docs.headers() {
        for (item, aliases) in &header.aliases {
            let there = at.get(item.as_str());
            let there = there.unwrap_or_else(|| panic!("{}: no item {item}", header.header));
            for alias in aliases {
                assert!(there.contains(alias.as_str()), "{}: {item}: {alias}", header.header);
                number += 1;
            }
        }
    }
    assert!(number > 400, "only {number} aliases");
}

/// Items stand in the order of their lines in the header, and the proofs after all items.
#[test]
fn items_in_the_headers_order_and_proofs_last() {
    for (path, text) in modules(&generated()) {
        let lines = text.lines().filter(|line| line.starts_with("/// ")).filter_map(|line| {
            let (_, place) = line.split_once(".h:")?;
            place.split(['`', ']']).next()?.parse::<usize>().ok()
        });
        let lines: Vec<_> = lines.collect();
        assert!(lines.is_sorted(), "{}: {lines:?}", path.display());
        if let Some(proof) = text.find("\nlayout! {") {
            assert!(!text[proof..].contains("\npub "), "{}: a proof amid items", path.display());
        }
    }
}
