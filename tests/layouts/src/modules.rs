//! What the shipped modules of xen-abi say, read off their text: sizes, offsets and bits as the proofs have
//! them, and the values of constants.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use devtools::Arch;
use xen_codegen::releases::RELEASES;

use crate::Error;
use crate::prove::workspace;

/// One module: what it defines, and what it takes from another release's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Module {
    /// Structures, unions, enumerations and typedefs, by name.
    pub types: BTreeMap<String, Shape>,
    /// The values of constants as Rust writes them, without their type, by name.
    pub constants: BTreeMap<String, String>,
}

/// What is proven of a type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Size and alignment; none of an enumeration or typedef.
    pub layout: Option<(u64, u64)>,
    /// Offsets of members by path.
    pub members: BTreeMap<String, u64>,
    /// Bit fields by name: the first bit from the start of the type, and the width.
    pub bits: BTreeMap<String, (u64, u32)>,
}

/// The modules of one release on one architecture, by path: `io::blkif`.
pub type Modules = BTreeMap<String, Module>;

/// The root, and every release beside it by its name.
#[derive(Debug)]
pub struct Shipped {
    /// The root.
    pub root: Modules,
    /// The releases of [`RELEASES`].
    pub releases: BTreeMap<&'static str, Modules>,
}

impl Shipped {
    /// Reads all modules of every architecture.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub fn all() -> Result<BTreeMap<Arch, Self>, Error> {
        Arch::SHIPPED.into_iter().map(|arch| Ok((arch, Self::read(arch)?))).collect()
    }

    /// Reads all modules of one architecture.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub fn read(arch: Arch) -> Result<Self, Error> {
        let src = workspace().join("xen-abi/src");
        let dir = src.join("generated").join(arch.name());
        let mut root = Modules::new();
        for path in files(&dir, "")? {
            let place = dir.join(format!("{}.rs", path.replace("::", "/")));
            root.insert(path, module(&read(&place)?, &BTreeMap::new()));
        }
        let mut layers = BTreeMap::from([(format!("crate::generated::{arch}"), root.clone())]);
        let mut releases = BTreeMap::new();
        for release in RELEASES {
            let dir = src.join("releases").join(arch.name()).join(release.module());
            let modules = of_release(&dir, &layers)?;
            layers
                .insert(format!("crate::releases::{arch}::{}", release.module()), modules.clone());
            releases.insert(release.name, modules);
        }
        Ok(Self { root, releases })
    }
}

/// The modules of several releases, by the path that Rust has for each release.
type Layers = BTreeMap<String, Modules>;

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(Error::io(path))
}

/// The paths of all modules with a file below `dir`.
fn files(dir: &Path, prefix: &str) -> Result<Vec<String>, Error> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io(dir))? {
        let path = entry.map_err(Error::io(dir))?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            out.extend(files(&path, &format!("{prefix}{name}::"))?);
        } else if name != "mod" {
            out.push(format!("{prefix}{name}"));
        }
    }
    Ok(out)
}

/// The modules that `mod.rs` of a release declares, or takes from another one with all below them.
fn of_release(dir: &Path, layers: &Layers) -> Result<Modules, Error> {
    let mut out = Modules::new();
    let mut parents: Vec<&str> = Vec::new();
    let text = read(&dir.join("mod.rs"))?;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("pub mod ") {
            if let Some(name) = name.strip_suffix(" {") {
                parents.push(name);
                continue;
            }
            let name = name.trim_end_matches(';');
            let path = [&parents[..], &[name]].concat();
            let text = read(&dir.join(format!("{}.rs", path.join("/"))))?;
            out.insert(path.join("::"), module(&text, layers));
        } else if let Some(from) = line.strip_prefix("pub use ") {
            let from = from.trim_end_matches(';');
            let name = from.rsplit("::").next().unwrap_or(from);
            let path = [&parents[..], &[name]].concat().join("::");
            let Some((modules, there)) = layer(layers, from) else { continue };
            for (place, module) in modules {
                if let Some(below) = place.strip_prefix(there) {
                    if below.is_empty() || below.starts_with("::") {
                        out.insert(format!("{path}{below}"), module.clone());
                    }
                }
            }
        } else if line == "}" {
            parents.pop();
        }
    }
    Ok(out)
}

/// The release that `path` leads into, and the rest of the path.
fn layer<'a, 'p>(layers: &'a Layers, path: &'p str) -> Option<(&'a Modules, &'p str)> {
    layers.iter().find_map(|(prefix, modules)| {
        Some((modules, path.strip_prefix(prefix.as_str())?.strip_prefix("::")?))
    })
}

/// What the text of one module says.
fn module(text: &str, layers: &Layers) -> Module {
    let mut out = Module::default();
    // What a glob brings gives way to what the module has itself, wherever it stands.
    let (mut own, mut absent) = (Module::default(), BTreeSet::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(from) = line.strip_prefix("pub use ") {
            reexport(from.trim_end_matches(';'), layers, &mut own, &mut out);
        } else if let Some(constant) = line.strip_prefix("pub const ") {
            if let Some((name, value)) = value(constant) {
                own.constants.insert(name.to_owned(), value.to_owned());
            }
        } else if let Some(rest) = item(line, &["pub struct ", "pub type "]) {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            own.types.entry(rest[..end.unwrap_or(rest.len())].to_owned()).or_default();
        } else if let Some(names) = line.strip_prefix("absent! { ") {
            absent.extend(names.trim_end_matches(" }").split(' ').map(str::to_owned));
        } else if let Some(head) = item(line, &["layout! { struct ", "layout! { union "]) {
            let (name, figures) = head.split_once(": ").unwrap_or((head, ""));
            let figures: Vec<u64> = numbers(figures);
            let shape = own.types.entry(name.to_owned()).or_default();
            shape.layout = figures.first().copied().zip(figures.get(1).copied());
            if !head.ends_with('}') {
                for row in lines.by_ref().take_while(|row| *row != "}") {
                    // `member: type = offset, "type.path";`
                    let Some((_, row)) = row.split_once(" = ") else { continue };
                    member(shape, row);
                }
            }
        } else if line == "leaves! {" {
            for row in lines.by_ref().take_while(|row| *row != "}") {
                let of = row.split('"').nth(1).and_then(|path| path.split('.').next());
                let Some(shape) = of.and_then(|name| own.types.get_mut(name)) else { continue };
                member(shape, row);
            }
        } else if let Some(head) = line.strip_prefix("bit_fields! { ") {
            let name = head.split(',').next().unwrap_or(head);
            let shape = own.types.entry(name.to_owned()).or_default();
            for row in lines.by_ref().take_while(|row| *row != "}") {
                // `getter, set_name: type = first, width;`
                let Some((names, figures)) = row.split_once(" = ") else { continue };
                let name = names.split_once("set_").and_then(|(_, rest)| rest.split(':').next());
                let figures = numbers(figures);
                if let (Some(name), [first, width]) = (name, figures.as_slice()) {
                    let width = u32::try_from(*width).unwrap_or(u32::MAX);
                    shape.bits.insert(name.to_owned(), (*first, width));
                }
            }
        }
    }
    // The storage of bit fields follows from the proofs, which come last.
    for shape in own.types.values_mut() {
        let storage = shape.members.get("_bits0").copied().unwrap_or(0);
        shape.bits.values_mut().for_each(|(first, _)| *first += storage * 8);
    }
    out.types.extend(own.types);
    out.constants.extend(own.constants);
    out.types.retain(|name, _| !absent.contains(name));
    out.constants.retain(|name, _| !absent.contains(name));
    out
}

/// Takes what `pub use` names from another release: all of a module, or one item.
fn reexport(from: &str, layers: &Layers, own: &mut Module, all: &mut Module) {
    if let Some(name) = from.strip_prefix("crate::support::newtypes::") {
        own.types.entry(name.to_owned()).or_default();
        return;
    }
    let Some((modules, rest)) = layer(layers, from) else { return };
    let Some((path, name)) = rest.rsplit_once("::") else { return };
    let Some(module) = modules.get(path) else { return };
    if name == "*" {
        all.types.extend(module.types.clone());
        all.constants.extend(module.constants.clone());
        return;
    }
    if let Some(shape) = module.types.get(name) {
        own.types.insert(name.to_owned(), shape.clone());
    }
    if let Some(value) = module.constants.get(name) {
        own.constants.insert(name.to_owned(), value.clone());
    }
}

fn item<'a>(line: &'a str, starts: &[&str]) -> Option<&'a str> {
    starts.iter().find_map(|start| line.strip_prefix(start))
}

/// Name and value of `NAME: type = value;`, the value without a newtype around it.
fn value(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(": ")?;
    let (_, value) = rest.strip_suffix(';')?.split_once(" = ")?;
    let inner = value.strip_suffix(')').and_then(|value| value.split_once('('));
    match inner {
        Some((_, inner)) if !value.starts_with('"') => Some((name, inner)),
        _ => Some((name, value)),
    }
}

/// Takes `offset, "type.path"` from a row.
fn member(shape: &mut Shape, row: &str) {
    let path = row.split('"').nth(1).and_then(|path| path.split_once('.'));
    if let (Some((_, path)), Some(offset)) = (path, numbers(row).first()) {
        shape.members.insert(path.to_owned(), *offset);
    }
}

/// The numbers in `40, 8;`.
fn numbers(text: &str) -> Vec<u64> {
    let parts = text.split([',', ';', '}', ':']).map(str::trim);
    parts.map_while(|part| part.parse().ok()).collect()
}
