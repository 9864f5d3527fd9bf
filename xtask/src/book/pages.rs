//! The sources of the book: the pages of `docs`, and the pages outside of it that they link to.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use devtools::html::resolved;
use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::{Error, workspace};

/// Writes what mdBook reads below `to`: the pages at the paths that they have below `root`.
///
/// A page of the repository outside of `docs` that is linked to becomes a chapter too. Other files are
/// in the repository alone: of a link to one the text stays.
pub(super) fn gather(root: &Path, to: &Path) -> Result<(), Error> {
    let docs = Path::new("docs");
    let mut pages = BTreeMap::new();
    let first = PathBuf::from("README.md");
    let mut waiting = vec![first.clone()];
    for file in workspace::files(&root.join(docs))? {
        let name = docs.join(&file);
        if is_page(&name) {
            waiting.push(name);
        } else if file != Path::new("book.toml") {
            copy(&root.join(&name), &to.join(&name))?;
        }
    }
    while let Some(name) = waiting.pop() {
        if pages.contains_key(&name) {
            continue;
        }
        let path = root.join(&name);
        let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
        let page = Page { name: &name, text: &text };
        waiting
            .extend(page.targets().filter(|target| is_page(target) && root.join(target).is_file()));
        let text = page.with_links_inside(&is_in_the_book(root));
        pages.insert(name, text);
    }
    let summary = pages.remove(&docs.join("SUMMARY.md")).unwrap_or_default();
    let outside: Vec<_> =
        pages.keys().filter(|name| !name.starts_with(docs) && **name != first).collect();
    write(&to.join("SUMMARY.md"), contents(&summary, &outside))?;
    for (name, text) in &pages {
        write(&to.join(name), text)?;
    }
    let settings =
        fs::read_to_string(root.join("docs/book.toml")).map_err(Error::file("docs/book.toml"))?;
    write(&to.join("book.toml"), &settings)
}

/// Whether a target is in the book.
fn is_in_the_book(root: &Path) -> impl Fn(&Path) -> bool {
    move |target| {
        let is_there = root.join(target).is_file();
        is_there && (is_page(target) || target.starts_with("docs"))
    }
}

/// The table of contents of `docs`, seen from its parent, after the project's README and before other pages.
fn contents(summary: &str, outside: &[&PathBuf]) -> String {
    let summary = summary.replace("](", "](docs/");
    let list = summary.strip_prefix("# Summary\n").unwrap_or(&summary);
    let mut contents = format!("# Summary\n\n[Xen for Rust](README.md)\n{list}");
    contents += "\n# In the repository\n\n";
    for name in outside {
        contents += &format!("- [{0}]({0})\n", name.display());
    }
    contents
}

/// A page, named by its path below the root.
struct Page<'a> {
    name: &'a Path,
    text: &'a str,
}

impl Page<'_> {
    /// The links to files, with the place of each in the text. A link of rustdoc's to an item is one to a file
    /// that the book has not.
    fn links(&self) -> impl Iterator<Item = (Range<usize>, PathBuf)> {
        let events = Parser::new_ext(self.text, Options::ENABLE_TABLES).into_offset_iter();
        events.filter_map(|(event, place)| match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                let is_file = !dest_url.starts_with('#') && !dest_url.contains("://");
                is_file.then(|| {
                    let (target, _) = resolved(&self.name.to_string_lossy(), &dest_url);
                    (place, PathBuf::from(target))
                })
            }
            _ => None,
        })
    }

    fn targets(&self) -> impl Iterator<Item = PathBuf> {
        self.links().map(|(_, target)| target)
    }

    /// The text with links to what `is_in_the_book`; of others only their text.
    fn with_links_inside(&self, is_in_the_book: &dyn Fn(&Path) -> bool) -> String {
        let mut text = self.text.to_owned();
        let links: Vec<_> = self.links().filter(|(_, target)| !is_in_the_book(target)).collect();
        for (place, _) in links.into_iter().rev() {
            let link = &self.text[place.clone()];
            let words = link.strip_prefix('[').unwrap_or(link);
            let end = words.rfind("](").or_else(|| words.rfind("][")).unwrap_or(words.len() - 1);
            text.replace_range(place, &words[..end]);
        }
        text
    }
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let bytes = fs::read(from).map_err(Error::file(from))?;
    write(to, bytes)
}

fn write(to: &Path, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
    let parent = to.parent().unwrap_or(to);
    fs::create_dir_all(parent).map_err(Error::file(parent))?;
    fs::write(to, bytes).map_err(Error::file(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_out_of_the_book_leave_their_text() {
        let text = "[a](x.md#y) [`T`] [t][`T`] `[b](no.rs)` [c](../src/lib.rs), [d](https://e.org)\n\n| [f](../g) |\n|---|\n\n[`T`]: crate::T\n";
        let page = Page { name: Path::new("docs/guide/page.md"), text };
        let targets: Vec<_> = page.targets().collect();
        let files = [
            "docs/guide/x.md",
            "docs/guide/crate::T",
            "docs/guide/crate::T",
            "docs/src/lib.rs",
            "docs/g",
        ];
        assert_eq!(targets, files.map(PathBuf::from));
        let inside = page.with_links_inside(&is_page);
        assert!(
            inside.starts_with("[a](x.md#y) `T` t `[b](no.rs)` c, [d](https://e.org)"),
            "{inside}"
        );
        assert!(inside.contains("| f |"), "{inside}");
    }

    #[test]
    fn a_page_that_is_linked_to_is_a_chapter() {
        let (root, book) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let page = |name: &str, text: &str| write(&root.path().join(name), text).unwrap();
        page("docs/SUMMARY.md", "# Summary\n\n- [One](one.md)\n");
        page("README.md", "[one](docs/one.md)");
        page("docs/one.md", "[two](../two/README.md) [figure](figure.txt) [none](../none.md)");
        page("docs/figure.txt", "1");
        page("docs/book.toml", "");
        page("two/README.md", "[one](../docs/one.md) [source](src)");
        page("two/src/lib.rs", "");
        gather(root.path(), book.path()).unwrap();
        let read = |name: &str| fs::read_to_string(book.path().join(name)).unwrap();
        assert!(
            read("SUMMARY.md")
                .starts_with("# Summary\n\n[Xen for Rust](README.md)\n\n- [One](docs/one.md)\n")
        );
        assert!(read("SUMMARY.md").contains("- [two/README.md](two/README.md)\n"));
        assert_eq!(read("docs/one.md"), "[two](../two/README.md) [figure](figure.txt) none");
        assert_eq!(read("two/README.md"), "[one](../docs/one.md) source");
        assert_eq!(read("docs/figure.txt"), "1");
    }
}
