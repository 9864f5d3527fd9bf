//! Links between the files of a site.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use devtools::html::{attributes, resolved};

use crate::{Error, workspace};

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
        for name in workspace::files(directory)? {
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
                let fault = self.fault(name, link);
                faults.extend(fault.map(|fault| format!("{name}: {link}: {fault}")));
            }
        }
        faults
    }

    fn fault(&self, name: &str, link: &str) -> Option<&'static str> {
        let (target, anchor) = resolved(name, link);
        let text = match self.pages.get(&target) {
            Some(text) => text,
            None if self.files.binary_search(&target).is_err() => return Some("no such file"),
            None => "",
        };
        let anchor = anchor.filter(|anchor| !anchor.is_empty())?;
        (!attributes(text, "id").contains(&anchor)).then_some("no such heading")
    }
}

/// The links of a page to files of its site.
fn links(text: &str) -> impl Iterator<Item = &str> {
    attributes(text, "href")
        .into_iter()
        .chain(attributes(text, "src"))
        .filter(|link| !link.contains("://"))
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
