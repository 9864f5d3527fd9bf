//! Where upstream keeps what a module is made from.

use crate::ir::{Abi, Location};

/// Upstream's repository, file by file.
const BROWSER: &str = "https://xenbits.xen.org/gitweb/?p=xen.git;a=blob;f=xen/include/public/";

/// The header of Linux's devices that the kernel does not export.
const INTERNAL: &str = "xenbus_dev.h";

/// A header as its own project calls it, linked where the tree is a pinned release's.
pub(super) fn header(abi: &Abi, header: &str) -> String {
    match header.strip_prefix("linux/") {
        Some(INTERNAL) => format!("Linux's `include/xen/{INTERNAL}`"),
        Some(header) => format!("Linux's `include/uapi/xen/{header}`"),
        None => linked(abi, &format!("xen/include/public/{header}"), header, ""),
    }
}

/// A place in a header, linked in the same way; without a line where none is known.
pub(super) fn place(abi: &Abi, location: &Location) -> String {
    let Location { header, line } = location;
    // The first line is a comment, and what stands for a place that clang does not tell.
    match line {
        0 | 1 => linked(abi, header, header, ""),
        _ => linked(abi, &format!("{header}:{line}"), header, &format!("#l{line}")),
    }
}

fn linked(abi: &Abi, text: &str, header: &str, anchor: &str) -> String {
    match revision(&abi.release) {
        Some(revision) if !header.starts_with("linux/") => {
            format!("[`{text}`]({BROWSER}{header};hb={revision}{anchor})")
        }
        _ => format!("`{text}`"),
    }
}

/// The revision of upstream's repository whose headers a pinned release has.
fn revision(release: &str) -> Option<String> {
    let pins = xen_headers::pins();
    if let Some(point) = pins.points().iter().find(|point| point.name == release) {
        return Some(point.tag());
    }
    let pinned = pins.releases().iter().find(|pinned| pinned.name == release)?;
    of_package(&pinned.package.version)
}

/// Debian's version of a package names the revision that it was made from: the commit after `-g`, or a
/// release.
fn of_package(version: &str) -> Option<String> {
    let (upstream, _) = version.split_once('-')?;
    match version.split_once("-g").and_then(|(_, commit)| commit.split('-').next()) {
        Some(commit) => Some(commit.to_owned()),
        None => Some(format!("RELEASE-{upstream}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_of_packages() {
        let commit = of_package("4.20.3+127-gc42374a105-0+deb13u1");
        assert_eq!(commit.as_deref(), Some("c42374a105"));
        assert_eq!(of_package("4.14.6-1").as_deref(), Some("RELEASE-4.14.6"));
        assert_eq!(of_package("4.17"), None);
    }

    #[test]
    fn every_pinned_release_has_a_revision() {
        for pinned in xen_headers::pins().releases() {
            assert!(revision(&pinned.name).is_some(), "{}", pinned.name);
        }
        assert_eq!(revision("4.23-unstable"), None);
    }
}
