//! Which files the headers may reach by `#include`: those of the tree, and our stand-ins.
//!
//! Clang opens what a header names, a device or a file of the system too. So every directive is
//! looked at first, whether or not its branch is taken.

use std::collections::BTreeSet;
use std::path::Path;

use super::{kernel, wrapper};
use crate::error::Error;
use crate::ir::Location;

/// What may be included.
pub(super) struct Included<'a> {
    /// The headers of the tree.
    pub(super) headers: BTreeSet<&'a str>,
    /// The directory that holds them.
    pub(super) root: &'a Path,
}

impl Included<'_> {
    /// Looks at every directive of a header, whose comments are gone.
    pub(super) fn check(&self, header: &str, text: &str) -> Result<(), Error> {
        for (line, logical) in logical_lines(text) {
            if let Some(problem) = self.directive(header, &logical) {
                let place = Location { header: header.to_owned(), line };
                return Err(Error::Refused { place: place.to_string(), what: problem });
            }
        }
        Ok(())
    }

    /// The headers of the tree that a header includes, whether or not the branch is taken.
    pub(super) fn targets(&self, header: &str, text: &str) -> BTreeSet<String> {
        let lines = logical_lines(text);
        let named = lines.filter_map(|(_, line)| {
            let (quoted, named) = argument(named_by(&line)?)?;
            let beside = header.rsplit_once('/').map_or("", |(dir, _)| dir);
            let from_root = joined("", kernel::in_tree(named));
            let places = [quoted.then(|| joined(beside, named)).flatten(), from_root];
            places.into_iter().flatten().find(|name| self.headers.contains(name.as_str()))
        });
        named.collect()
    }

    /// What is wrong with a line, if it includes something that it may not.
    fn directive(&self, header: &str, line: &str) -> Option<String> {
        let text = named_by(line)?;
        let Some((quoted, named)) = argument(text) else {
            return Some(format!("it includes what {text:.40} stands for, not a file"));
        };
        let beside = header.rsplit_once('/').map_or("", |(dir, _)| dir);
        let from_root = joined("", named);
        let places = [quoted.then(|| joined(beside, named)).flatten(), from_root];
        let outside = named.starts_with('/') || places.iter().flatten().next().is_none();
        let known = |name: &String| self.headers.contains(name.as_str()) || wrapper::is_stub(name);
        let is_there = |name: &String| self.root.join(name).symlink_metadata().is_ok();
        let unlisted = places.iter().flatten().any(|name| !known(name) && is_there(name));
        (outside || unlisted)
            .then(|| format!("it includes {named:?}, which is no header of the tree"))
    }
}

/// What a directive includes, as it is written, if the line is one.
pub(super) fn named_by(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let directive = line.strip_prefix('#').or_else(|| line.strip_prefix("%:"))?.trim_start();
    let end = directive.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let (name, argument) = directive.split_at(end.unwrap_or(directive.len()));
    matches!(name, "include" | "include_next" | "import" | "embed").then(|| argument.trim())
}

/// The file that a directive names, and whether it is in quotes.
fn argument(text: &str) -> Option<(bool, &str)> {
    match text.as_bytes().first()? {
        b'"' => Some((true, text[1..].split('"').next().unwrap_or_default())),
        b'<' => Some((false, text[1..].split('>').next().unwrap_or_default())),
        _ => None,
    }
}

/// `name` below `dir`, or `None` if it leads out of the tree.
fn joined(dir: &str, name: &str) -> Option<String> {
    if name.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Lines with their numbers, those that end with a backslash joined with the next.
pub(super) fn logical_lines(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut lines = text.lines().enumerate();
    std::iter::from_fn(move || {
        let (number, line) = lines.next()?;
        let mut logical = line.to_owned();
        // Clang takes blanks after the backslash too.
        while let Some(start) = logical.trim_end().strip_suffix('\\').map(str::len) {
            logical.truncate(start);
            match lines.next() {
                Some((_, line)) => logical.push_str(line),
                None => break,
            }
        }
        Some((number + 1, logical))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: &str) -> Option<String> {
        let headers = ["xen.h", "io/ring.h", "io/blkif.h"].into();
        Included { headers, root: Path::new("/nowhere") }.directive("io/blkif.h", line)
    }

    #[test]
    fn headers_of_the_tree_and_stand_ins_are_taken() {
        for line in [
            "#include \"ring.h\"",
            " # include <xen.h>",
            "#include \"../xen.h\"",
            "#include <stdint.h>",
            "#include <xen/bug.h>",
            "#define include \"/etc/passwd\"",
        ] {
            assert_eq!(problem(line), None, "{line}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for line in [
            "#include \"/etc/passwd\"",
            "#include </dev/zero>",
            "%:include \"/dev/zero\"",
            "#include_next </dev/zero>",
            "#import \"../../../etc/passwd\"",
            "#embed \"/dev/zero\"",
            "#include NAME",
        ] {
            assert!(problem(line).is_some(), "{line}");
        }
    }

    #[test]
    fn joined_lines_count_from_their_first() {
        let lines: Vec<_> = logical_lines("a\\\nb\nc \\ \nd\\").collect();
        assert_eq!(lines, [(1, "ab".to_owned()), (3, "c d".to_owned())]);
    }
}
