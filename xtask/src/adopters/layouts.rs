//! Layouts and constants beside those of libxen-sys, which ships what bindgen made of the same headers.
//!
//! Both are read as text: its assertions, and ours. Nothing is compiled, since rustc proves the one and the C
//! compilers of `tests/layouts` the other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use devtools::Table;

use crate::Error;

/// The crate, in the version that is compared.
pub(super) const PEER: (&str, &str) = ("libxen-sys", "0.8.2");

/// Where the two differ, and why.
const KNOWN: [(&str, &str); 0] = [];

/// Sizes by type, offsets by `type::member`, and values by constant.
type Figures = BTreeMap<String, i128>;

/// Prints how many figures agree, and each that does not. One that is not known is an error. A known one may
/// agree: another release of Xen, or of the crate, may have it otherwise.
pub(super) fn compare(root: &Path, peer: &Path) -> Result<(), Error> {
    let generated = root.join("xen-abi/src/generated/x86_64");
    let (mut ours, mut release) = (Figures::new(), None);
    read_all(&generated, &mut |text| {
        release = release.take().or_else(|| release_of(text));
        ours_in(text, &mut ours);
    })?;
    let release = release.ok_or_else(|| {
        Error::Unexpected("xen-abi/src/generated: no file names its release".to_owned())
    })?;
    let file = peer.join(format!("bindings/xen-{release}.rs"));
    let theirs = theirs_in(&fs::read_to_string(&file).map_err(Error::file(&file))?);
    let both: Vec<_> =
        theirs.iter().filter_map(|(name, n)| Some((name, n, ours.get(name)?))).collect();
    // Constants that C has as int are unsigned in one of the two.
    let differ = |a: i128, b: i128| (a - b) % (1 << 32) != 0;
    let differences: Vec<_> =
        both.iter().filter(|(_, theirs, ours)| differ(**theirs, **ours)).collect();
    println!(
        "{} {} for Xen {release}: {} figures in both, {} differ",
        PEER.0,
        PEER.1,
        both.len(),
        differences.len()
    );
    let mut table = Table::new(["figure", "theirs", "ours", "why"]);
    let reason = |name: &str| KNOWN.iter().find(|(known, _)| *known == name).map(|(_, why)| *why);
    for (name, theirs, ours) in &differences {
        table.row([
            (*name).clone(),
            theirs.to_string(),
            ours.to_string(),
            reason(name).unwrap_or("not known").to_owned(),
        ]);
    }
    table.print();
    let unknown = differences.iter().find(|(name, ..)| reason(name).is_none());
    if let Some((name, theirs, ours)) = unknown {
        return Err(Error::Unexpected(format!(
            "{name} is {theirs} in {} and {ours} here; find out who is right, and add it to \
             xtask/src/adopters/layouts.rs",
            PEER.0
        )));
    }
    if both.len() < 2000 {
        let count = both.len();
        return Err(Error::Unexpected(format!(
            "only {count} figures compared: a text is read wrongly"
        )));
    }
    Ok(())
}

/// Reads every file of a directory, Linux's headers left out, which libxen-sys does not have.
fn read_all(directory: &Path, read: &mut impl FnMut(&str)) -> Result<(), Error> {
    for entry in fs::read_dir(directory).map_err(Error::file(directory))? {
        let path = entry.map_err(Error::file(directory))?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "linux") {
                read_all(&path, read)?;
            }
        } else {
            read(&fs::read_to_string(&path).map_err(Error::file(&path))?);
        }
    }
    Ok(())
}

/// `4.22` in `from grant_table.h of Xen 4.22.0, x86_64.`
fn release_of(text: &str) -> Option<String> {
    let (_, rest) = text.lines().next()?.split_once(" of Xen ")?;
    let mut numbers = rest.split([',', '.']);
    Some(format!("{}.{}", numbers.next()?, numbers.next()?))
}

/// From `layout!` and constants.
fn ours_in(text: &str, figures: &mut Figures) {
    let mut record = "";
    for line in text.lines() {
        let words = line.trim_start_matches("layout! { ").trim();
        if let Some(rest) = words.strip_prefix("struct ").or_else(|| words.strip_prefix("union ")) {
            let size = || rest.split_once(": ")?.1.split(',').next()?.parse().ok();
            if let (Some((name, _)), Some(size)) = (rest.split_once(": "), size()) {
                record = name;
                figures.insert(name.to_owned(), size);
            }
        } else if let Some((name, value)) = constant(words) {
            figures.insert(name.to_owned(), value);
        } else if let Some((member, offset)) = member(words) {
            figures.insert(format!("{record}::{member}"), offset);
        }
    }
}

/// `flags: u16 = 0, "grant_entry_v1.flags";`
fn member(line: &str) -> Option<(&str, i128)> {
    let (member, rest) = line.split_once(": ")?;
    let (_, offset) = rest.split_once(" = ")?;
    Some((member, offset.split_once(", \"")?.0.parse().ok()?))
}

/// `pub const NAME: TYPE = VALUE;`, where the value may be in a newtype.
fn constant(line: &str) -> Option<(&str, i128)> {
    let (name, rest) = line.strip_prefix("pub const ")?.split_once(": ")?;
    let value = rest.split_once(" = ")?.1.strip_suffix(';')?;
    let value = value.split_once('(').map_or(value, |(_, inner)| inner.trim_end_matches(')'));
    let value = match value.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok()?,
        None => value.parse().ok()?,
    };
    Some((name, value))
}

/// From bindgen's assertions and constants. An assertion may be on two lines.
fn theirs_in(text: &str) -> Figures {
    let mut figures = Figures::new();
    let mut name = None;
    for line in text.lines() {
        let line = line.trim();
        if let Some((constant, value)) = constant(line) {
            figures.insert(constant.to_owned(), value);
        }
        for start in ["[\"Size of ", "[\"Offset of field: "] {
            if let Some(rest) = line.strip_prefix(start) {
                name = rest.split('"').next();
            }
        }
        let number = || line.strip_suffix("usize];")?.rsplit_once("- ")?.1.parse().ok();
        if let Some(number) = number() {
            figures.extend(name.take().map(|name| (name.to_owned(), number)));
        }
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_read() {
        let text = "// @generated by `codegen` from xen.h of Xen 4.22.0, x86_64. Do not edit.\n";
        assert_eq!(release_of(text).as_deref(), Some("4.22"));
        assert_eq!(release_of("// by hand\n"), None);
    }

    #[test]
    fn our_text_is_read() {
        let mut figures = Figures::new();
        let text = "pub const A: u32 = 0x10;\npub const B: GrantStatus = GrantStatus(-3);\n\
            layout! { struct s: 24, 8;\n    m: u16 = 2, \"s.m\";\n    [(u16)]\n}\nlayout! { union u: 8, 4 }\n";
        ours_in(text, &mut figures);
        let expected = [("A", 16), ("B", -3), ("s", 24), ("s::m", 2), ("u", 8)];
        assert_eq!(figures, expected.map(|(name, figure)| (name.to_owned(), figure)).into());
    }

    #[test]
    fn bindgen_s_text_is_read() {
        let text = "pub const A: u32 = 16;\n    [\"Size of s\"][::std::mem::size_of::<s>() - 24usize];\n\
            [\"Alignment of s\"][::std::mem::align_of::<s>() - 8usize];\n\
            [\"Offset of field: s::m\"]\n        [::std::mem::offset_of!(s, m) - 2usize];\n";
        let expected = [("A", 16), ("s", 24), ("s::m", 2)];
        assert_eq!(
            theirs_in(text),
            expected.map(|(name, figure)| (name.to_owned(), figure)).into()
        );
    }
}
