//! Links between the files of a site.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::Error;

/// The pages of a site, by their paths, and the paths of all its files.
#[derive(Default)]
pub(super) struct Site {
    pages: BTreeMap<String, String>,
    files: Vec<String>,
}

impl Site {
    /// Reads what is below a directory.
    pub(super) fn read(directory: &Path) -> Result<Self, Error> {
        let mut site = Self::default();
        for name in super::pages::files(directory)? {
            let path = directory.join(&name);
            let name = name.to_string_lossy().into_owned();
            // The page for a missing address is written for the root of a server.
            if name.ends_with(".html") && name != "404.html" {
                let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
                site.pages.insert(name.clone(), text);
            }
            site.files.push(name);
        }
        site.files.sort();
        Ok(site)
    }

    /// How many links there are.
    pub(super) fn links(&self) -> usize {
        self.pages.values().map(|text| links(text).count()).sum()
    }

    /// The links that lead nowhere, as sentences.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (name, text) in &self.pages {
            for link in links(text) {
                let fault = self.fault(name, text, link);
                faults.extend(fault.map(|fault| format!("{name}: {link}: {fault}")));
            }
        }
        faults
    }

    fn fault(&self, name: &str, text: &str, link: &str) -> Option<&'static str> {
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let text = if file.is_empty() {
            text
        } else {
            let target = resolved(name, file);
            if self.files.binary_search(&target).is_err() {
                return Some("no such file");
            }
            self.pages.get(&target).map_or("", String::as_str)
        };
        let is_there = anchor.is_empty() || values(text, "id").any(|id| id == anchor);
        (!is_there).then_some("no such heading")
    }
}

/// The links of a page to files of its site.
fn links(text: &str) -> impl Iterator<Item = &str> {
    values(text, "href").chain(values(text, "src")).filter(|link| !link.contains("://"))
}

/// The values of an attribute. The text of a page has no quotation mark after an equals sign: there it is
/// `&quot;`.
fn values<'a>(text: &'a str, attribute: &str) -> impl Iterator<Item = &'a str> {
    let start = format!(" {attribute}=\"");
    text.match_indices(&start)
        .filter_map(|(at, start)| text[at + start.len()..].split('"').next())
        .collect::<Vec<_>>()
        .into_iter()
}

/// A relative link, from the root of the site.
fn resolved(page: &str, link: &str) -> String {
    let mut parts: Vec<_> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_named() {
        let site = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(site.path().join(name), text).unwrap();
        fs::create_dir(site.path().join("a")).unwrap();
        write("index.html", r##"<h1 id="top"><a href="a/b.html#x">b</a> <a href="#top">top</a>"##);
        write("a/b.html", r#"<p id="x"><a href="../index.html">up</a> <img src="c.png">"#);
        write("a/c.png", "");
        assert!(Site::read(site.path()).unwrap().faults().is_empty());
        assert_eq!(Site::read(site.path()).unwrap().links(), 4);

        write(
            "index.html",
            r##"<a href="a/b.html#y">b</a> <a href="a/d.html">d</a> <a href="#n">n</a>"##,
        );
        let faults = Site::read(site.path()).unwrap().faults();
        assert_eq!(
            faults,
            [
                "index.html: a/b.html#y: no such heading",
                "index.html: a/d.html: no such file",
                "index.html: #n: no such heading",
            ]
        );
    }
}
