//! What the site is, how to link to it, and the page that finds a name.

use maud::html;

use super::{Page, Source};
use crate::site::{Error, Site};

pub(super) fn pages(source: &Source<'_>, site: &mut Site) -> Result<(), Error> {
    let page = Page::new(source, "about.html");
    let links = [
        (
            "go.html#NAME",
            "any type, constant or hypercall; it finds the page",
            "go.html#gnttab_copy",
        ),
        (
            "types/TYPE.html",
            "a type, by its tag, or its typedef where it has no tag",
            "types/gnttab_copy.html",
        ),
        (
            "types/TYPE.html#TYPEDEF",
            "another name of the type",
            "types/gnttab_copy.html#gnttab_copy_t",
        ),
        ("headers/HEADER.html", "a header, by its path", "headers/io/blkif.h.html"),
        (
            "headers/HEADER.html#NAME",
            "a constant or type in its header",
            "headers/grant_table.h.html#GNTTABOP_copy",
        ),
        (
            "hypercalls/NAME.html#COMMAND",
            "a hypercall, or one of its commands",
            "hypercalls/grant_table_op.html#GNTTABOP_copy",
        ),
        (
            "compare.html#A..B/ARCH",
            "the differences between two releases",
            "compare.html#4.17..4.22/x86_64",
        ),
    ];
    let body = html! {
        h1 { "About" }
        p { "This site shows Xen's public ABI as upstream's headers define it: the newest point release of each branch, "
            "read for each architecture. Layouts are those that C compilers give, checked against them and against "
            "the debug information of hypervisors." }
        h2 #drawings { "Drawings" }
        p { "Each row is a fixed number of bytes, which the drawing states; all drawings of a page have the same scale. "
            "Hatched bytes belong to no member. Members that are only there to fill a gap have dashed lines." }
        h2 #forms { "Forms" }
        p { "Where a type differs between releases or architectures, its forms have letters, the newest first. The "
            "table at the top of its page says which form is where." }
        h2 #links { "Links" }
        p { "Pages and anchors are called by the names that C has. What was once in a release stays, so that these links "
            "last:" }
        div.scroll { table.lines {
            thead { tr { th scope="col" { "Link" } th scope="col" { "To" } } }
            tbody { @for (form, what, example) in links { tr {
                th scope="row" { a href=(example) { (form) } } td { (what) }
            } } }
        } }
        h2 #keys { "Keys" }
        p { kbd { "/" } " starts a search, the arrows choose, " kbd { "Enter" } " opens, " kbd { "Esc" } " ends it. A number, "
            "decimal or hexadecimal, finds constants by value; a negative one finds error numbers." }
    };
    page.add(site, "About", &body)?;
    let page = Page::new(source, "go.html");
    let body = html! {
        h1 { "Find a name" }
        p #go role="status" { "…" }
        noscript { p { "This page needs JavaScript to find the name after the # of its address." } }
    };
    page.add(site, "Find a name", &body)
}
