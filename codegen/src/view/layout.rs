//! One type, all architectures side by side.

use super::put;
use super::text;
use crate::error::{Error, nearest};
use crate::ir::{Abi, Def, Type};
use crate::layout::{Depth, Leaf, leaves};

/// The picture of the type called `name`, a tag or a typedef, with or without its keyword.
pub fn picture(abis: &[Abi], name: &str) -> Result<String, Error> {
    let name = name.rsplit(' ').next().unwrap_or(name);
    let found: Vec<_> = abis.iter().filter(|abi| abi.record(name).is_some()).collect();
    let Some(first) = found.first() else {
        return scalar(abis, name).ok_or_else(|| unknown(abis, name));
    };
    let all: Vec<Vec<Leaf>> = found.iter().map(|abi| leaves(abi, name, Depth::All)).collect();
    let rows = merged_paths(&all);
    let width = rows.iter().map(|path| path.len() + 2).chain([name.len(), 6]).max().unwrap_or(0);
    let mut out = String::new();
    let place = first.types.get(name).map(|ty| ty.location.to_string()).unwrap_or_default();
    put(&mut out, format_args!("{name}, {place}\n\n{:width$}", ""));
    for abi in &found {
        put(&mut out, format_args!("  {:>14}", abi.arch.name()));
    }
    put(&mut out, format_args!("\n{:width$}", ""));
    for _ in &found {
        put(&mut out, format_args!("  {:>8} {:>5}", "offset", "size"));
    }
    out.push('\n');
    for path in rows {
        put(&mut out, format_args!("  {path:0$}", width - 2));
        for leaves in &all {
            match leaves.iter().find(|leaf| leaf.path == path) {
                Some(Leaf { bits: Some((first, bits)), .. }) => {
                    put(&mut out, format_args!("  {:>8} {bits:>4}b", format!("bit {first}")));
                }
                Some(leaf) => put(&mut out, format_args!("  {:>8} {:>5}", leaf.offset, leaf.size)),
                None => put(&mut out, format_args!("  {:>8} {:>5}", "-", "-")),
            }
        }
        out.push('\n');
    }
    for (label, pick) in [("size", 0), ("align", 1)] {
        put(&mut out, format_args!("{label:width$}"));
        for abi in &found {
            let figures = abi.record(name).map_or([0, 0], |record| [record.size, record.align]);
            put(&mut out, format_args!("  {:>14}", figures[pick]));
        }
        out.push('\n');
    }
    Ok(out)
}

/// A typedef or enumeration: its type, a line for each architecture.
fn scalar(abis: &[Abi], name: &str) -> Option<String> {
    let mut out = String::new();
    for abi in abis {
        let Some(ty) = abi.types.get(name) else { continue };
        let (size, align) = abi.size_align(&Type::Named(name.to_owned()))?;
        if out.is_empty() {
            put(&mut out, format_args!("{name}, {}\n\n", ty.location));
        }
        let spelled = match &ty.def {
            Def::Alias(target) | Def::Newtype(target) => text::spell(target),
            Def::Enum(int) | Def::Shared { int, .. } => text::spell(&Type::Int(*int)),
            Def::Record(_) => return None,
        };
        put(&mut out, format_args!("  {:8}  {spelled}: size {size}, align {align}\n", abi.arch));
    }
    (!out.is_empty()).then_some(out)
}

/// Every path of every architecture: a path that only one architecture has stands after the one
/// that it follows there.
fn merged_paths(all: &[Vec<Leaf>]) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for leaves in all {
        let mut at = 0;
        for leaf in leaves {
            match rows.iter().position(|row| *row == leaf.path) {
                Some(found) => at = found + 1,
                None => {
                    rows.insert(at, leaf.path.clone());
                    at += 1;
                }
            }
        }
    }
    rows
}

fn unknown(abis: &[Abi], name: &str) -> Error {
    if let Some((location, what)) = abis.iter().find_map(|abi| abi.unknown.get(name)) {
        return Error::not_understood(location.to_string(), what);
    }
    let names = abis.iter().flat_map(|abi| abi.types.keys()).map(String::as_str);
    Error::UnknownType {
        name: name.to_owned(),
        release: abis.first().map(|abi| abi.release.clone()).unwrap_or_default(),
        nearest: nearest(name, names),
    }
}
