//! Layouts and constants beside those of libxen-sys, which ships what bindgen made of the same headers.
//!
//! Its assertions are read as text, ours are what `xenabi export` prints. Nothing is compiled, since rustc proves
//! the one and the C compilers of `tests/layouts` the other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::{Error, process, workspace};

/// The crate, in the version that is compared.
pub(super) const PEER: (&str, &str) = ("libxen-sys", "0.8.2");

/// Sizes by type, offsets by `type::member`, and values by constant.
type Figures = BTreeMap<String, i128>;

/// What of the export is compared.
#[derive(Deserialize)]
struct Export {
    release: String,
    types: Vec<Type>,
    constants: Vec<Constant>,
}

#[derive(Deserialize)]
struct Type {
    name: String,
    size: u64,
    fields: Vec<Field>,
}

#[derive(Deserialize)]
struct Field {
    path: String,
    offset: u64,
    /// Only of a bit field.
    bits: Option<u32>,
}

#[derive(Deserialize)]
struct Constant {
    name: String,
    value: serde_json::Value,
}

/// Prints how many figures agree. One that differs is an error.
pub(super) fn compare(peer: &Path) -> Result<(), Error> {
    let mut command = workspace::cargo()?;
    command.args(["run", "--quiet", "-p", "xenabi", "--", "export", "--arch", "x86_64"]);
    let export = process::output("xenabi export", &mut command)?;
    let export: Export = serde_json::from_str(&export)
        .map_err(|error| Error::Unexpected(format!("xenabi export: {error}")))?;
    let ours = export.figures();
    let release = &export.release;
    let file = peer.join(format!("bindings/xen-{release}.rs"));
    let theirs = theirs_in(&fs::read_to_string(&file).map_err(Error::file(&file))?);
    let both: Vec<_> =
        theirs.iter().filter_map(|(name, n)| Some((name, n, ours.get(name)?))).collect();
    // Constants that C has as int are unsigned in one of the two.
    let differ = |a: i128, b: i128| (a - b) % (1 << 32) != 0;
    let differences = both.iter().filter(|(_, theirs, ours)| differ(**theirs, **ours));
    let differences: Vec<String> =
        differences.map(|(name, theirs, ours)| format!("{name}: {theirs}, ours {ours}")).collect();
    println!("{} {} for Xen {release}: {} figures in both", PEER.0, PEER.1, both.len());
    if !differences.is_empty() {
        return Err(Error::Unexpected(format!(
            "{} has other figures; find out who is right: {}",
            PEER.0,
            differences.join("; ")
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

impl Export {
    fn figures(&self) -> Figures {
        let types = self.types.iter().flat_map(|ty| {
            let members = ty.fields.iter().filter(|field| field.bits.is_none());
            let members =
                members.map(|field| (format!("{}::{}", ty.name, field.path), field.offset.into()));
            [(ty.name.clone(), ty.size.into())].into_iter().chain(members)
        });
        let constants = self.constants.iter().filter_map(|constant| {
            let value = &constant.value;
            let value = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
            Some((constant.name.clone(), value?))
        });
        types.chain(constants).collect()
    }
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
    fn the_export_is_read() {
        let text = r#"{"release": "4.22", "arch": "x86_64", "types": [{"name": "s", "size": 24, "fields": [
            {"path": "m", "offset": 2}, {"path": "b", "offset": 4, "bits": 3}]}],
            "constants": [{"name": "A", "value": -3}, {"name": "T", "value": "text"}]}"#;
        let export: Export = serde_json::from_str(text).unwrap();
        let expected = [("A", -3), ("s", 24), ("s::m", 2)];
        assert_eq!(
            export.figures(),
            expected.map(|(name, figure)| (name.to_owned(), figure)).into()
        );
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
