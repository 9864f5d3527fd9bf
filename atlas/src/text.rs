//! Small pieces of text: scopes and sizes.

use xen_records::catalogue::Catalogue;
use xen_records::cells::Cells;

/// Where something is, within what `coverage` says could have it: `since 4.17`, `x86_32, arm until 4.18`.
/// Empty if it is everywhere.
pub(crate) fn scope(catalogue: &Catalogue, coverage: &Cells, cells: &Cells) -> String {
    let releases = cells.any_releases();
    let arches = || (0..catalogue.arches.len()).filter(|arch| coverage.releases(*arch) != 0);
    // An architecture that came later has since then what the others have had for longer.
    if arches().all(|arch| releases & coverage.releases(arch) == cells.releases(arch)) {
        return range(catalogue, coverage.any_releases(), releases);
    }
    let mut terms: Vec<(String, Vec<&str>)> = Vec::new();
    for arch in arches().filter(|arch| cells.releases(*arch) != 0) {
        let range = range(catalogue, coverage.releases(arch), cells.releases(arch));
        let name = catalogue.arches[arch].name.as_str();
        match terms.iter_mut().find(|(known, _)| *known == range) {
            Some((_, names)) => names.push(name),
            None => terms.push((range, vec![name])),
        }
    }
    let terms = terms.into_iter().map(|(range, names)| {
        let names = names.join(", ");
        if range.is_empty() { names } else { format!("{names} {range}") }
    });
    terms.collect::<Vec<_>>().join("; ")
}

/// `releases` in words, empty if they are all of `coverage`.
fn range(catalogue: &Catalogue, coverage: u64, releases: u64) -> String {
    if coverage & releases == coverage {
        return String::new();
    }
    let known: Vec<usize> =
        (0..catalogue.releases.len()).filter(|r| coverage >> r & 1 == 1).collect();
    let name = |at: usize| catalogue.releases[known[at]].name.as_str();
    let has = |at: usize| releases >> known[at] & 1 == 1;
    let mut out = Vec::new();
    let mut at = 0;
    while at < known.len() {
        let start = at;
        while at < known.len() && has(at) {
            at += 1;
        }
        if at == start {
            at += 1;
            continue;
        }
        out.push(match (start == 0, at == known.len(), at - start) {
            (false, true, _) => format!("since {}", name(start)),
            (true, _, 1) => format!("in {}", name(start)),
            (true, false, _) => format!("until {}", name(at - 1)),
            (_, _, 1) => format!("in {}", name(start)),
            _ => format!("{} to {}", name(start), name(at - 1)),
        });
    }
    out.join(", ")
}

/// A number with its noun.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_say_what_is_not_everywhere() {
        let records = xen_records::records().unwrap();
        let catalogue = &records.catalogue;
        let all = catalogue.cells;
        let of = |keep: &dyn Fn(usize, usize) -> bool| {
            let mut cells = Cells::default();
            all.iter().filter(|(r, a)| keep(*r, *a)).for_each(|(r, a)| cells.insert(r, a));
            scope(catalogue, &all, &cells)
        };
        let release = |name| catalogue.release(name).unwrap();
        assert_eq!(of(&|_, _| true), "");
        // riscv64 came with 4.19.
        let since = release("4.17");
        assert_eq!(of(&|r, _| r >= since), "since 4.17");
        let until = release("4.20");
        assert_eq!(of(&|r, _| r <= until), "until 4.20");
        let arm = catalogue.arch("arm").unwrap();
        assert_eq!(of(&|r, a| a == arm && r >= since), "arm since 4.17");
        assert_eq!(of(&|_, a| a != arm), "x86_64, x86_32, aarch64, riscv64");
    }
}
