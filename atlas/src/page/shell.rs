//! What all pages have around them.

use maud::{DOCTYPE, Markup, html};

use super::Page;

/// A whole page.
pub(super) fn page(page: &Page<'_>, title: &str, body: &Markup) -> String {
    let catalogue = &page.index().records.catalogue;
    let releases = &catalogue.releases;
    let (first, last) = (releases.first(), releases.last());
    let current = |path: &str| (page.path == path).then_some("page");
    let markup = html! {
        (DOCTYPE)
        html lang="en" data-root=(page.root) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " - Xen ABI atlas" }
                link rel="stylesheet" href=(page.href("assets/atlas.css"));
                script src=(page.href("assets/atlas.js")) {}
            }
            body {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    a.brand href=(page.href("index.html")) { "Xen ABI" span { " atlas" } }
                    div.search role="search" {
                        input #search type="search" placeholder="Search" aria-label="Search"
                            autocomplete="off" spellcheck="false" role="combobox" aria-expanded="false"
                            aria-controls="results" aria-autocomplete="list";
                        kbd aria-hidden="true" { "/" }
                        ul #results role="listbox" aria-label="Results" hidden {}
                    }
                    nav aria-label="Site" {
                        a href=(page.href("index.html#headers")) { "Headers" }
                        a href=(page.href("hypercalls.html")) aria-current=[current("hypercalls.html")] { "Hypercalls" }
                        a href=(page.href("compare.html")) aria-current=[current("compare.html")] { "Compare" }
                        button #theme type="button" aria-label="Colours: as the system" hidden { "Auto" }
                    }
                }
                main #main { (body) }
                footer {
                    p {
                        "Xen's public ABI"
                        @if let (Some(first), Some(last)) = (first, last) {
                            " from " (first.name) " to " (last.name)
                        }
                        ", from upstream's headers. "
                        a href=(page.href("about.html")) { "About this site and its links" }
                    }
                }
            }
        }
    };
    markup.into_string()
}
