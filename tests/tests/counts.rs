//! Nothing is dropped in silence: what a C compiler finds defined in the headers, against the ABI.
//!
//! The compiler is asked twice about the very text the generator reads: its debug information
//! names the types, members and enumerators, its preprocessor the macros. Each is in the ABI as the
//! compiler has it, or in the table of what is left out; and the ABI has nothing beyond that.
#![cfg(feature = "headers")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;

use tempfile::TempDir;
use xen_abi_tests::compilers::Compiler;
use xen_abi_tests::dwarf::{self, Definitions, Extent, Leaf};
use xen_abi_tests::release;
use xen_codegen::arch::Arch;
use xen_codegen::import::{Source, includes, write_stubs};
use xen_codegen::ir::{Abi, Constant, Def, Origin, Profile, Type, Value};
use xen_codegen::layout::{Depth, leaves};

/// One release on one architecture, as the compiler and as the generator see it.
struct Views<'a> {
    source: &'a Source,
    abi: Abi,
    types: Definitions,
    macros: BTreeMap<String, Macro>,
}

/// A macro in force behind the last header.
struct Macro {
    place: String,
    kind: Kind,
}

#[derive(PartialEq, Eq)]
enum Kind {
    /// An include guard or a flag: it stands for nothing, so no constant can.
    Empty,
    Object,
    Function,
}

impl<'a> Views<'a> {
    fn new(source: &'a Source, arch: Arch) -> Self {
        let abi = xen_codegen::abi(source, arch, Profile::Tools).expect("the headers import");
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("linked").to_string_lossy().into_owned();
        let all_types = ["-gdwarf-5", "-gz=none", "-fno-eliminate-unused-debug-types"];
        let link = ["-nostdlib", "-static", "-Wl,--entry=0", "-o", &path];
        compile(source, arch, &dir, &[&all_types[..], &link].concat());
        let data = std::fs::read(path).expect("the compiler wrote it");
        let types = dwarf::read(&data, &source.tree.root).expect("it has debug information");
        let text = compile(source, arch, &dir, &["-E", "-dD"]).stdout;
        let macros = macros(&String::from_utf8_lossy(&text), source);
        Self { source, abi, types, macros }
    }

    /// The reason why C's type or macro `name` is not in the ABI.
    fn omitted(&self, name: &str, is_macro: bool) -> bool {
        // The table is one for both, and old names are macros for new types.
        let found = self.source.macros.find(name, &self.abi.headers).is_some();
        let omission = self.abi.omitted.get(name);
        found == is_macro && omission.is_some_and(|omission| !omission.reason.is_empty())
    }

    fn complaints(&self) -> Vec<String> {
        let parts = [
            self.missing_types(),
            self.unknown_types(),
            self.records(),
            self.enumerators(),
            self.missing_macros(),
            self.unknown_macros(),
        ];
        parts.concat()
    }

    fn missing_types(&self) -> Vec<String> {
        let mut out = Vec::new();
        for found in &self.types.types {
            let (c, place) = (&found.c, &found.place);
            let name = c.rsplit(' ').next().unwrap_or(c);
            let Some(ours) = self.abi.types.get(name) else {
                if !self.omitted(name, false) {
                    out.push(format!("{c} ({place}): neither a type nor left out for a reason"));
                }
                continue;
            };
            let size = self.abi.size_align(&Type::Named(name.to_owned())).map(|(size, _)| size);
            if size != found.size {
                out.push(format!("{c} ({place}): size {size:?}, not {:?}", found.size));
            }
            if c != name && ours.c_name.as_ref() != Some(c) {
                out.push(format!("{c} ({place}): C calls it {:?}", ours.c_name));
            }
        }
        out
    }

    fn unknown_types(&self) -> Vec<String> {
        let known: BTreeSet<_> = self.types.types.iter().map(|ty| ty.c.as_str()).collect();
        let named = self.abi.types.values().filter_map(|ty| ty.c_name.as_deref());
        let unknown = named.filter(|c| !known.contains(c));
        unknown.map(|c| format!("{c}: a type that C does not define")).collect()
    }

    /// Members, those of records without a name included.
    fn records(&self) -> Vec<String> {
        let mut out = Vec::new();
        for found in &self.types.records {
            let (c, path) = (found.c.as_str(), found.path.as_str());
            let Some((name, _)) = self.emitted(c) else { continue };
            // Of the records at one path the outermost has the shortest name.
            let within = Some((name.to_owned(), path.to_owned()));
            let elements = self.abi.types.iter().filter(|(_, ty)| ty.within == within);
            let element = elements.map(|(name, _)| name.as_str()).min_by_key(|name| name.len());
            let Some(name) = (if path.is_empty() { Some(name) } else { element }) else {
                out.push(format!("{c}.{path}: its elements are no type"));
                continue;
            };
            let ours = leaves(&self.abi, name, Depth::Unnamed).into_iter().map(|leaf| {
                let extent = match leaf.bits {
                    Some((first, width)) => Extent::Bits(first, width.into()),
                    None => Extent::Bytes(leaf.offset, Some(leaf.size)),
                };
                (leaf.path, extent)
            });
            let of_c = found.leaves.iter().map(|Leaf { path, extent }| (path.clone(), *extent));
            let (ours, of_c): (BTreeMap<_, _>, BTreeMap<_, _>) = (ours.collect(), of_c.collect());
            let paths: BTreeSet<_> = ours.keys().chain(of_c.keys()).collect();
            for leaf in paths.into_iter().filter(|path| ours.get(*path) != of_c.get(*path)) {
                let [ours, of_c] = [ours.get(leaf), of_c.get(leaf)];
                out.push(format!("{c}: {path}.{leaf}: {ours:?}, not {of_c:?}"));
            }
            let size = self.abi.record(name).map(|record| record.size);
            if size != found.size {
                out.push(format!("{c}: {path}: size {size:?}, not {:?}", found.size));
            }
        }
        let of_c: BTreeSet<_> = self.types.records.iter().map(|record| record.c.as_str()).collect();
        let named = self.abi.types.values().filter(|ty| matches!(ty.def, Def::Record(_)));
        let unknown = named.filter_map(|ty| ty.c_name.as_deref()).filter(|c| !of_c.contains(c));
        out.extend(unknown.map(|c| format!("{c}: no structure or union in C")));
        out
    }

    /// The record that C spells `c`, with its name in the ABI.
    fn emitted(&self, c: &str) -> Option<(&str, &Def)> {
        let mut types = self.abi.types.iter();
        let found = types.find(|(_, ty)| ty.c_name.as_deref() == Some(c));
        found.map(|(name, ty)| (name.as_str(), &ty.def))
    }

    fn constants(&self, origin: Origin) -> impl Iterator<Item = (&String, &Constant)> {
        self.abi.constants.iter().filter(move |(_, constant)| constant.origin == origin)
    }

    fn enumerators(&self) -> Vec<String> {
        let of_c = self.types.enumerators.iter();
        let of_c: BTreeMap<_, _> = of_c.map(|found| (&found.name, found.value)).collect();
        let ours = self.constants(Origin::Enumerator).map(|(name, constant)| {
            let value = match &constant.value {
                Value::Int { value, .. } => Some(*value),
                Value::Str(_) => None,
            };
            (name, value)
        });
        let ours: BTreeMap<_, _> = ours.collect();
        let names: BTreeSet<_> = of_c.keys().chain(ours.keys()).collect();
        let different = names.into_iter().filter(|name| ours.get(*name) != of_c.get(*name));
        let complaint = different.map(|name| {
            format!("{name}: the enumerator is {:?}, not {:?}", ours.get(name), of_c.get(name))
        });
        complaint.collect()
    }

    fn missing_macros(&self) -> Vec<String> {
        let mut out = Vec::new();
        for (name, Macro { place, kind }) in &self.macros {
            let constant = self.abi.constants.contains_key(name);
            let (fine, what) = match kind {
                Kind::Object => (constant || self.omitted(name, true), "the macro"),
                Kind::Function => (self.omitted(name, true), "the function-like macro"),
                Kind::Empty => (self.omitted(name, true), "the empty macro, a guard or flag,"),
            };
            if !fine {
                out.push(format!("{name} ({place}): {what} is neither emitted nor left out"));
            }
        }
        out
    }

    fn unknown_macros(&self) -> Vec<String> {
        let ours = self.constants(Origin::Macro).map(|(name, _)| name);
        let is_object = |name: &&String| {
            self.macros.get(*name).is_some_and(|found| found.kind == Kind::Object)
        };
        let unknown = ours.filter(|name| !is_object(name));
        unknown.map(|name| format!("{name}: a constant, but no macro with a value in C")).collect()
    }
}

fn compile(source: &Source, arch: Arch, dir: &TempDir, flags: &[&str]) -> Output {
    let (c, stubs) = (dir.path().join("all.c"), dir.path().join("stubs"));
    write_stubs(&stubs).expect("the directory is ours");
    let text = includes(&source.tree, arch, Profile::Tools).text;
    std::fs::write(&c, text).expect("the directory is ours");
    let compiler = Compiler::gcc(arch);
    let output = compiler.run(&source.tree.root, &c, &stubs, flags).expect("it can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The macros of the tree's headers that are in force at the end of preprocessed text with its
/// directives and line markers kept: those of the compiler and of our stubs are not the tree's.
fn macros(text: &str, source: &Source) -> BTreeMap<String, Macro> {
    let root = format!("{}/", source.tree.root.display());
    let mut out = BTreeMap::new();
    let mut header = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("#undef ") {
            out.remove(name.trim());
        } else if let Some(rest) = line.strip_prefix("#define ") {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let (name, body) = rest.split_at(end.unwrap_or(rest.len()));
            let kind = match body {
                _ if body.starts_with('(') => Kind::Function,
                _ if body.trim().is_empty() => Kind::Empty,
                _ => Kind::Object,
            };
            match header {
                Some(header) => {
                    let place = String::from(header);
                    out.insert(name.to_owned(), Macro { place, kind });
                }
                None => drop(out.remove(name)),
            }
        } else if line.starts_with("# ") {
            let file = line.split('"').nth(1);
            header = file.and_then(|file| file.strip_prefix(root.as_str()));
        }
    }
    out
}

fn all_there(name: &str) {
    let source = release(name).expect("the headers are to be had");
    for arch in Arch::ALL {
        if arch == Arch::Riscv64 && name != "4.20" {
            continue;
        }
        let views = Views::new(&source, arch);
        let complaints = views.complaints();
        let types = &views.types;
        let count = [
            types.types.len(),
            types.records.iter().map(|record| record.leaves.len()).sum(),
            types.enumerators.len(),
            views.macros.len(),
        ];
        println!("{name} {arch}: {count:?}");
        for c in &complaints { println!("  {c}"); }
    }
}

#[test]
fn nothing_of_4_14_is_lost() {
    all_there("4.14");
}

#[test]
fn nothing_of_4_17_is_lost() {
    all_there("4.17");
}

#[test]
fn nothing_of_4_20_is_lost() {
    all_there("4.20");
}
