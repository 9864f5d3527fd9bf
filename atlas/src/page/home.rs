//! The first page.

use maud::{Markup, html};
use xen_records::Header;
use xen_records::view::diff::is_stable;

use super::{Page, Source};
use crate::index::header_page;
use crate::site::{Error, Site};

pub(super) fn page(source: &Source<'_>, site: &mut Site) -> Result<(), Error> {
    let page = Page::new(source, "index.html");
    let body = html! {
        h1 { "Xen's public ABI, release by release" }
        p.lead {
            "Every header, type, constant and hypercall, on every architecture: layouts drawn to scale, history, and "
            "the differences between any two releases."
        }
        p.hint { "Press " kbd { "/" } " to search: " code { "gnttab_copy" } ", " code { "evtchn_port" } ", "
            code { "0x2a" } " or " code { "-22" } "." }
        (releases(&page))
        h2 #headers { "Headers" }
        div.groups { @for (title, note, headers) in groups(source) { (group(&page, title, note, &headers)) } }
    };
    page.add(site, "Xen's public ABI", &body)
}

fn releases(page: &Page<'_>) -> Markup {
    let catalogue = &page.index().records.catalogue;
    let counts = |release: usize| {
        let arch = catalogue.cells.arches_of(release).next()?;
        Some(page.index().abi(release, arch).counts())
    };
    let first = catalogue.arches.first().map_or("", |arch| arch.name.as_str());
    html! {
        h2 #releases { "Releases" }
        div.scroll { table.lines.releases {
            thead { tr {
                th scope="col" { "Release" } th scope="col" { "Headers of" }
                th.num scope="col" { "Types" } th.num scope="col" { "Members" } th.num scope="col" { "Constants" }
                th.num scope="col" { "Interface" } th.num scope="col" { "domctl" } th.num scope="col" { "sysctl" }
                th scope="col" { "Architectures" } th scope="col" { "Changes" }
            } }
            tbody { @for (at, release) in catalogue.releases.iter().enumerate().rev() {
                @let counts = counts(at).unwrap_or_default();
                tr {
                    th scope="row" { (release.name) } td { (release.point) }
                    td.num { (counts.types) } td.num { (counts.fields) } td.num { (counts.constants) }
                    td.num { (format!("{:#010x}", release.interface)) }
                    td.num { (format!("{:#x}", release.domctl)) } td.num { (format!("{:#x}", release.sysctl)) }
                    td { (page.arches(&catalogue.cells.arches_of(at).collect::<Vec<_>>())) }
                    td { @if let Some(before) = at.checked_sub(1) {
                        a href=(format!("compare.html#{}..{}", page.release(before), release.name)) {
                            "since " (page.release(before))
                        }
                    } }
                }
            } }
        } }
        p.note { "Types, members and constants are those of " (first) "." }
    }
}

type Group<'a> = (&'static str, &'static str, Vec<&'a Header>);

/// Headers by what they are for.
fn groups<'a>(source: &Source<'a>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = vec![
        ("Core", "Hypercalls of every guest", Vec::new()),
        ("Toolstack", "No promise from release to release", Vec::new()),
        ("Devices", "Protocols between front end and back end", Vec::new()),
        ("HVM", "Guests on hardware virtualisation", Vec::new()),
        ("x86", "Structures of the architecture", Vec::new()),
        ("Arm and RISC-V", "Structures of the architecture", Vec::new()),
        ("Linux", "Devices below /dev/xen", Vec::new()),
    ];
    for header in &source.index.records.headers {
        let name = header.name.as_str();
        let at = match name {
            _ if !is_stable(name) || name.starts_with("xsm/") => 1,
            _ if name.starts_with("io/") => 2,
            _ if name.starts_with("hvm/") => 3,
            _ if name.starts_with("arch-x86") => 4,
            _ if name.starts_with("arch-") => 5,
            _ if name.starts_with("linux/") => 6,
            _ => 0,
        };
        groups[at].2.push(header);
    }
    groups.retain(|(.., headers)| !headers.is_empty());
    groups
}

fn group(page: &Page<'_>, title: &str, note: &str, headers: &[&Header]) -> Markup {
    let coverage = page.index().records.catalogue.cells;
    html! {
        section.group {
            h3 { (title) } p.note { (note) }
            ul { @for header in headers {
                @let gone = !header.cells.has_release(page.index().records.catalogue.releases.len() - 1);
                li {
                    a href=(header_page(&header.name)) { code { (header.name) } }
                    @if gone { span.note { " " (page.scope(&coverage, &header.cells)) } }
                }
            } }
        }
    }
}
