//! The differences between two releases, which a script puts together.

use maud::html;

use super::{Page, Source};
use crate::site::{Error, Site};

pub(super) fn page(source: &Source<'_>, site: &mut Site) -> Result<(), Error> {
    let page = Page::new(source, "compare.html");
    let catalogue = &source.index.records.catalogue;
    let choice = |id: &str, label: &str, names: Vec<&str>, chosen: Option<usize>| {
        html! {
            label for=(id) { (label) }
            select id=(id) { @for (at, name) in names.into_iter().enumerate() {
                option value=(name) selected[chosen == Some(at)] { (name) }
            } }
        }
    };
    let releases =
        || catalogue.releases.iter().map(|release| release.name.as_str()).collect::<Vec<_>>();
    let arches = catalogue.arches.iter().map(|arch| arch.name.as_str()).collect();
    let last = catalogue.releases.len().checked_sub(1);
    let body = html! {
        h1 { "Compare two releases" }
        form #compare.choices {
            div { (choice("from", "From", releases(), last.and_then(|last| last.checked_sub(1)))) }
            div { (choice("to", "To", releases(), last)) }
            div { (choice("arch", "On", arches, Some(0))) }
            div { label for="filter" { "Names with" } input #filter type="search" autocomplete="off" spellcheck="false"; }
            div.check { input #breaks type="checkbox"; label for="breaks" { "Only breaks of stable interfaces" } }
        }
        p #summary role="status" { "…" }
        div #differences {}
        noscript { p { "The comparison needs JavaScript. Each header's page has its history without." } }
        script src="assets/compare.js" {}
        script src="data/changes.js" {}
    };
    page.add(site, "Compare two releases", &body)
}
