//! Nothing is dropped in silence: what a C compiler finds in the headers, against the ABI.
//!
//! The compiler is asked twice about the very text the generator reads: its debug information names
//! types, members and enumerators, its preprocessor the macros. Each must be in the ABI just as C
//! has it, or in the table of what is left out; and the ABI must have nothing beyond that.
#![cfg(feature = "headers")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use devtools::Arch;
use xen_codegen::import::{MacroKind, Source, includes, write_stubs};
use xen_codegen::ir::{Abi, Constant, Def, Field, FieldKind, Origin, Profile, Type, Value};
use xen_codegen::layout::{Depth, leaves};
use xen_layouts::dwarf::{self, Definitions, Extent};
use xen_layouts::{compilers, each_release, newest};

/// One release on one architecture: the generator's view and the compiler's.
struct Views<'a> {
    source: &'a Source,
    abi: Abi,
    types: Definitions,
    /// The macros in force after the last header, each with the header that defines it.
    macros: Names<(String, MacroKind)>,
}

type Names<T> = BTreeMap<String, T>;

impl<'a> Views<'a> {
    fn new(source: &'a Source, arch: Arch) -> Self {
        let abi = xen_codegen::abi(source, arch, Profile::Tools).expect("the headers import");
        let dir = tempfile::tempdir().expect("a directory to work in");
        let [c, stubs, linked] = ["all.c", "stubs", "linked"].map(|name| dir.path().join(name));
        write_stubs(source, &stubs).expect("the directory is ours");
        let text = includes(source, arch, Profile::Tools).text;
        std::fs::write(&c, text).expect("the directory is ours");
        let compile = |flags: &[&str]| {
            let gcc = compilers::gcc(arch).expect("it is installed");
            let output =
                compilers::run(gcc, source, &c, &stubs, Profile::Tools, flags).expect("it starts");
            assert!(output.status.success(), "{arch}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let path = linked.to_string_lossy();
        let debug = ["-gdwarf-5", "-gz=none", "-fno-eliminate-unused-debug-types"];
        let link = ["-nostdlib", "-static", "-Wl,--entry=0", "-o", &path];
        compile(&[&debug[..], &link].concat());
        let data = std::fs::read(&linked).expect("the compiler wrote it");
        let types = dwarf::read(&data, &|path| source.header_at(path)).expect("debug information");
        let macros = macros(&compile(&["-E", "-dD"]), source);
        Self { source, abi, types, macros }
    }

    fn complaints(&self) -> Vec<String> {
        [self.types(), self.records(), self.enumerators(), self.macros()].concat()
    }

    /// Whether the table of what is left out has `name`, with a reason that can be true: the compiler
    /// has seen the name, so that no branch has passed over it.
    fn is_omitted(&self, name: &str) -> bool {
        let reason = self.abi.omitted.get(name).map_or("", |omission| omission.reason);
        !reason.is_empty() && reason != xen_codegen::NOT_TAKEN
    }

    /// Tags and typedefs, with their sizes.
    fn types(&self) -> Vec<String> {
        let mut out = Vec::new();
        for found in &self.types.types {
            let (c, place) = (&found.c, &found.place);
            let name = c.rsplit(' ').next().unwrap_or(c);
            let Some(ours) = self.abi.types.get(name) else {
                // A row about a macro of the same name says nothing about the type.
                let row_is_a_macros = self.source.macros.find(name, &self.abi.headers).is_some();
                if row_is_a_macros || !self.is_omitted(name) {
                    out.push(format!("{c} ({place}): neither a type nor left out for a reason"));
                }
                continue;
            };
            let size = self.abi.size_align(&Type::Named(name.to_owned())).map(|(size, _)| size);
            out.extend(difference(&format!("size of {c}"), size.as_ref(), found.size.as_ref()));
            // A typedef that repeats its tag is one type with it.
            if c != name {
                out.extend(difference(c, ours.c_name.as_ref(), Some(c)));
            }
        }
        let known: BTreeSet<_> = self.types.types.iter().map(|found| found.c.as_str()).collect();
        let ours = self.abi.types.values().filter_map(|ty| ty.c_name.as_deref());
        let unknown = ours.filter(|c| !known.contains(c));
        out.extend(unknown.map(|c| format!("{c}: a type that C does not define")));
        out
    }

    /// Members of structures and unions, those without a name included.
    fn records(&self) -> Vec<String> {
        let mut out = Vec::new();
        let types = self.abi.types.iter();
        let named = types.clone().filter_map(|(name, ty)| Some((ty.c_name.as_deref()?, name)));
        let named: BTreeMap<_, _> = named.collect();
        for found in &self.types.records {
            let (c, path) = (found.c.as_str(), found.path.as_str());
            let Some(owner) = named.get(c) else { continue };
            let within = Some(((*owner).clone(), path.to_owned()));
            // Of the records at one path the outermost has the shortest name.
            let inner = types.clone().filter(|(_, ty)| ty.within == within).map(|(name, _)| name);
            let inner = inner.min_by_key(|name| name.len());
            let name = if path.is_empty() { Some(*owner) } else { inner };
            let (what, name) = (joined(c, path), name.map_or("", String::as_str));
            let size = self.abi.record(name).map(|record| record.size);
            out.extend(difference(&format!("size of {what}"), size.as_ref(), found.size.as_ref()));
            let ours = leaves(&self.abi, name, Depth::Unnamed).into_iter().map(|leaf| {
                let extent = match leaf.bits {
                    Some((first, width)) => Extent::Bits { first, width: width.into() },
                    None => Extent::Bytes { offset: leaf.offset, size: leaf.size },
                };
                (joined(&what, &leaf.path), extent)
            });
            let of_c = found.leaves.iter().map(|(path, extent)| (joined(&what, path), *extent));
            out.extend(differences(&ours.collect(), &of_c.collect()));
        }
        let of_c: BTreeSet<_> = self.types.records.iter().map(|found| found.c.as_str()).collect();
        let is_record = |name: &str| matches!(self.abi.types[name].def, Def::Record(_));
        let unknown = named.iter().filter(|(c, name)| is_record(name) && !of_c.contains(*c));
        out.extend(unknown.map(|(c, _)| format!("{c}: no structure or union in C")));
        out
    }

    fn constants(&self, origin: Origin) -> impl Iterator<Item = (&str, &Constant)> {
        let all = self.abi.constants.iter().map(|(name, constant)| (name.as_str(), constant));
        all.filter(move |(_, constant)| constant.origin == origin)
    }

    fn enumerators(&self) -> Vec<String> {
        let ours = self.constants(Origin::Enumerator).filter_map(|(name, constant)| {
            let Value::Int { value, .. } = constant.value else { return None };
            Some((name.to_owned(), value))
        });
        differences(&ours.collect(), &self.types.enumerators.iter().cloned().collect())
    }

    fn macros(&self) -> Vec<String> {
        let mut out = Vec::new();
        for (name, (header, kind)) in &self.macros {
            let (what, emitted) = match kind {
                MacroKind::Empty => ("an empty macro, a guard or flag", false),
                MacroKind::Object => ("a macro", self.abi.constants.contains_key(name)),
                MacroKind::Function => ("a function-like macro", false),
            };
            if !emitted && !self.is_omitted(name) {
                out.push(format!("{name} ({header}): {what}, lost without a reason"));
            }
        }
        for (name, _) in self.constants(Origin::Macro) {
            if self.macros.get(name).is_none_or(|(_, kind)| *kind != MacroKind::Object) {
                out.push(format!("{name}: a macro that has no value in C"));
            }
        }
        out
    }
}

fn difference<T: Eq + Debug>(what: &str, ours: Option<&T>, c: Option<&T>) -> Option<String> {
    (ours != c).then(|| format!("{what}: {ours:?}, in C {c:?}"))
}

fn differences<T: Eq + Debug>(ours: &Names<T>, c: &Names<T>) -> Vec<String> {
    let names: BTreeSet<_> = ours.keys().chain(c.keys()).collect();
    let each = names.into_iter();
    each.filter_map(|name| difference(name, ours.get(name), c.get(name))).collect()
}

fn joined(c: &str, path: &str) -> String {
    if path.is_empty() { c.to_owned() } else { format!("{c}.{path}") }
}

/// The macros of the headers that are in force at the end of a preprocessor's output with directives
/// and line markers kept. Those of the compiler and of our stubs are not the ABI's.
fn macros(text: &str, source: &Source) -> Names<(String, MacroKind)> {
    let mut out = BTreeMap::new();
    let mut header = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let file = rest.split('"').nth(1).map(std::path::Path::new);
            header = file.and_then(|file| source.header_at(file));
        } else if let Some(name) = line.strip_prefix("#undef ") {
            out.remove(name);
        } else if let (Some(rest), Some(header)) = (line.strip_prefix("#define "), &header) {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let (name, body) = rest.split_at(end.unwrap_or(rest.len()));
            let kind = match body {
                _ if body.starts_with('(') => MacroKind::Function,
                _ if body.trim().is_empty() => MacroKind::Empty,
                _ => MacroKind::Object,
            };
            out.insert(name.to_owned(), (header.clone(), kind));
        }
    }
    out
}

#[test]
fn nothing_of_any_release_is_lost() {
    each_release(nothing_is_lost);
}

fn nothing_is_lost(source: &Source) {
    let name = &source.tree.label;
    let mut complaints = Vec::new();
    for arch in Arch::ALL.into_iter().filter(|arch| source.has(*arch)) {
        let views = Views::new(source, arch);
        let of_arch = views.complaints().into_iter();
        complaints.extend(of_arch.map(|complaint| format!("{arch}: {complaint}")));
        let Definitions { types, records, enumerators } = &views.types;
        let members = records.iter().map(|record| record.leaves.len()).sum::<usize>();
        let counts = [types.len(), members, enumerators.len(), views.macros.len()];
        println!("{name} {arch}: {counts:?} types, members, enumerators, macros");
        // A compiler that shows nothing would agree with everything.
        let is_enough = counts.iter().zip([1_200, 3_400, 110, 2_100]).all(|(n, floor)| *n >= floor);
        assert!(is_enough, "{name} {arch}: only {counts:?}");
    }
    assert!(complaints.is_empty(), "{name}: {complaints:#?}");
}

/// The negative control: what is lost, wrong or invented is named, and nothing else is.
#[test]
fn each_flaw_is_named() {
    let source = newest().expect("the headers are at hand");
    let views = &mut Views::new(&source, Arch::Aarch64);
    let losses = [
        ("hvm_save_end", "struct hvm_save_end (hvm/save.h:"),
        ("gnttab_copy_t", "gnttab_copy_t (grant_table.h:"),
        ("__guest_handle_char", "__guest_handle_char (xen.h:"),
        ("XS_WATCH", "XS_WATCH: None, in C Some(4)"),
        ("GNTST_eagain", "GNTST_eagain (grant_table.h): a macro,"),
        ("RING_SIZE", "RING_SIZE (io/ring.h): a function-like macro,"),
        ("__XEN_PUBLIC_XEN_H__", "__XEN_PUBLIC_XEN_H__ (xen.h): an empty macro,"),
        ("privcmd_irqfd", "struct privcmd_irqfd (linux/privcmd.h:"),
        ("IOCTL_XENBUS_BACKEND_SETUP", "IOCTL_XENBUS_BACKEND_SETUP (linux/xenbus_dev.h): a macro,"),
    ];
    for (name, complaint) in losses {
        is_named(views, complaint, |abi| {
            abi.types.remove(name);
            abi.constants.remove(name);
            abi.omitted.remove(name);
        });
    }
    is_named(views, "struct gnttab_copy.len: None, in C", |abi| {
        fields(abi, "gnttab_copy").retain(|field| field.name != "len");
    });
    is_named(views, "struct gnttab_copy.flags: Some(", |abi| {
        let flags = fields(abi, "gnttab_copy").iter_mut().find(|field| field.name == "flags");
        flags.expect("a member").offset += 2;
    });
    is_named(views, "struct xen_sysctl_arinc653_schedule.sched_entries.runtime: None", |abi| {
        let elements = fields(abi, "xen_sysctl_arinc653_schedule_sched_entries");
        elements.retain(|field| field.name != "runtime");
    });
    is_named(views, "struct ioreq.dir: None, in C Some(Bits", |abi| {
        for field in fields(abi, "ioreq") {
            if let FieldKind::Bits(bits) = &mut field.kind {
                bits.retain(|bit| bit.name != "dir");
            }
        }
    });
    is_named(views, "gnttab_copy_t: no structure", |abi| {
        let record = abi.types["gnttab_copy"].def.clone();
        abi.types.get_mut("gnttab_copy_t").expect("a typedef").def = record;
    });
    is_named(views, "struct invented: a type that C does not define", |abi| {
        let c_name = Some(String::from("struct invented"));
        abi.types.get_mut("GrantStatus").expect("our own type").c_name = c_name;
    });
    is_named(views, "INVENTED: a macro that has no value", |abi| {
        let constant = abi.constants["GNTST_eagain"].clone();
        abi.constants.insert(String::from("INVENTED"), constant);
    });
}

fn is_named(views: &mut Views<'_>, complaint: &str, spoil: impl FnOnce(&mut Abi)) {
    let whole = views.abi.clone();
    spoil(&mut views.abi);
    let complaints = views.complaints();
    let is_named = complaints.len() == 1 && complaints[0].starts_with(complaint);
    assert!(is_named, "{complaint}: {complaints:#?}");
    views.abi = whole;
}

fn fields<'a>(abi: &'a mut Abi, record: &str) -> &'a mut Vec<Field> {
    match abi.types.get_mut(record).map(|ty| &mut ty.def) {
        Some(Def::Record(record)) => &mut record.fields,
        _ => panic!("{record} is no record"),
    }
}
