//! The site as a whole: its links, its pages, its size, and what it makes of hostile names.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use devtools::html::{attributes, resolved};
use xen_atlas::{Index, Site};
use xen_records::Records;
use xen_records::catalogue::{Arch, Release};
use xen_records::model::{
    Constant, Definition, HeaderAbi, Item, Kind, Member, Origin, Record, Snapshot, Type, Value,
};

static RECORDS: LazyLock<Records> = LazyLock::new(|| xen_records::records().unwrap());
static SITE: LazyLock<Site> = LazyLock::new(|| xen_atlas::site(&RECORDS).unwrap());

/// The most bytes that the site may have.
const MAX_BYTES: usize = 10_000_000;

fn anchors(path: &str) -> BTreeSet<&str> {
    attributes(&SITE.files()[path], "id").into_iter().collect()
}

fn pages() -> impl Iterator<Item = (&'static String, &'static String)> {
    SITE.files().iter().filter(|(path, _)| path.ends_with(".html"))
}

#[test]
fn every_link_leads_to_a_page_and_an_anchor_there() {
    let mut checked = BTreeSet::new();
    for (page, text) in pages() {
        let links = attributes(text, "href").into_iter().chain(attributes(text, "src"));
        for (path, anchor) in links.map(|link| resolved(page, link)) {
            if !checked.insert((path.clone(), anchor)) {
                continue;
            }
            assert!(SITE.files().contains_key(&path), "{page} links to {path}");
            // These two read what follows the # themselves.
            let Some(anchor) = anchor.filter(|_| path != "compare.html" && path != "go.html")
            else {
                continue;
            };
            assert!(anchors(&path).contains(anchor), "{page} links to {path}#{anchor}");
        }
    }
    assert!(checked.len() > 4000, "{} links", checked.len());
}

#[test]
fn every_anchor_is_there_once() {
    for (page, text) in pages() {
        let ids = attributes(text, "id");
        let unique: BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), unique.len(), "{page}");
    }
}

#[test]
fn every_header_type_and_constant_has_its_place() {
    let index = Index::new(&RECORDS);
    // Another name of a structure is an anchor of the structure's page.
    let types = pages().filter(|(path, _)| path.starts_with("types/"));
    let anchors: BTreeSet<_> = types.flat_map(|(_, text)| attributes(text, "id")).collect();
    for name in index.type_names() {
        let own = format!("types/{name}.html");
        assert!(SITE.files().contains_key(&own) || anchors.contains(name), "{name}");
    }
    for header in &RECORDS.headers {
        let path = format!("headers/{}.html", header.name);
        let anchors = self::anchors(&path);
        for entry in &header.entries {
            assert!(anchors.contains(entry.name.as_str()), "{path} has no {}", entry.name);
        }
    }
}

#[test]
fn nothing_comes_from_elsewhere() {
    for (path, text) in SITE.files() {
        for word in ["http:", "https:", "url(", "@import"] {
            assert!(!text.contains(word), "{path} has {word}");
        }
        assert!(!text.contains("fetch("), "{path}: a page that is a file cannot fetch");
    }
}

#[test]
fn the_site_is_small() {
    assert!(SITE.bytes() < MAX_BYTES, "{} bytes", SITE.bytes());
}

#[test]
fn two_runs_write_the_same() {
    assert_eq!(xen_atlas::site(&RECORDS).unwrap().files(), SITE.files());
}

/// Names and texts that mean something in HTML and in scripts.
#[test]
fn whatever_a_record_says_is_text() {
    let hostile = "<script>alert(1)</script>\"'&";
    let ty = Type::Int { signed: false, bytes: 4, align: 4 };
    let member = Member { name: Some(hostile.to_owned()), offset: 0, size: 4, ty, bits: None };
    let record =
        Record { kind: Kind::Struct, is_tag: true, size: 8, align: 4, members: vec![member] };
    let text = Constant {
        value: Value::Text(hostile.to_owned()),
        origin: Origin::Macro,
        also: Vec::new(),
    };
    let definition = |name: &str, item| Definition { name: name.to_owned(), line: 1, item };
    let snapshot = Snapshot {
        release: Release {
            name: "4.20".to_owned(),
            point: hostile.to_owned(),
            interface: 0,
            domctl: 0,
            sysctl: 0,
        },
        arch: Arch { name: "x86_64".to_owned(), pointer: 8, handle: 8, align64: 8 },
        headers: vec![HeaderAbi {
            name: "xen.h".to_owned(),
            items: vec![
                definition("s", Item::Record(record)),
                definition("C", Item::Constant(text)),
            ],
        }],
    };
    let records = Records::from_snapshots(&[snapshot]).unwrap();
    let site = xen_atlas::site(&records).unwrap();
    let mut shown = 0;
    for (path, text) in site.files().iter().filter(|(path, _)| path.ends_with(".html")) {
        assert!(!text.contains("<script>alert"), "{path}");
        assert!(!text.contains("\"'&"), "{path}");
        shown += text.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count();
    }
    assert!(shown >= 3, "the member, the constant and the point release");
}

#[test]
fn another_directory_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("thesis.txt");
    std::fs::write(&file, "years of work").unwrap();
    let error = SITE.write(directory.path()).unwrap_err().to_string();
    assert!(error.contains("not of an atlas"), "{error}");
    assert!(file.exists());

    let new = directory.path().join("atlas");
    SITE.write(&new).unwrap();
    let stale = new.join("types/gone.html");
    std::fs::write(&stale, "").unwrap();
    SITE.write(&new).unwrap();
    assert!(!stale.exists() && new.join("index.html").exists());
}
