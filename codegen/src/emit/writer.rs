//! The text of one module while it grows, with what it has to import.

use std::collections::BTreeSet;
use std::fmt;

use super::links::Links;
use super::module_path::module_path;
use super::release::Layer;
use super::since::Since;
use super::text::Text;
use crate::exceptions;
use crate::families::Family;
use crate::ir::{Abi, Def, Int, Type};

/// One header's module.
pub(super) struct Writer<'a> {
    pub(super) abi: &'a Abi,
    pub(super) header: &'a str,
    /// The release whose module it is, or `None` for the root.
    pub(super) layer: Option<&'a Layer<'a>>,
    pub(super) links: Links<'a>,
    pub(super) since: &'a Since,
    pub(super) imports: BTreeSet<String>,
    body: String,
    proofs: String,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        abi: &'a Abi,
        header: &'a str,
        layer: Option<&'a Layer<'a>>,
        since: &'a Since,
    ) -> Self {
        Self {
            abi,
            header,
            layer,
            links: Links::new(abi, header, layer),
            since,
            imports: BTreeSet::new(),
            body: String::new(),
            proofs: String::new(),
        }
    }

    /// Appends one line.
    pub(super) fn line(&mut self, text: fmt::Arguments<'_>) {
        append(&mut self.body, text);
    }

    /// Appends one line to the proofs, which stand at the end of the module.
    pub(super) fn proof(&mut self, text: fmt::Arguments<'_>) {
        append(&mut self.proofs, text);
    }

    /// Appends documentation at `indent`, wrapped as the tables have it.
    pub(super) fn doc(&mut self, indent: &str, text: Text) {
        for line in text.lines() {
            let space = if line.is_empty() { "" } else { " " };
            self.line(format_args!("{indent}///{space}{line}"));
        }
    }

    /// Appends the names of other libraries under which a search finds the item.
    pub(super) fn aliases(&mut self, aliases: &[String]) {
        if !aliases.is_empty() {
            let quoted: Vec<_> = aliases.iter().map(|alias| format!("{alias:?}")).collect();
            self.line(format_args!("#[doc(alias({}))]", quoted.join(", ")));
        }
    }

    /// `ty` in Rust, its imports noted.
    pub(super) fn ty(&mut self, ty: &Type) -> String {
        match ty {
            Type::Int(int) => self.int(*int).to_owned(),
            Type::Void => {
                self.imports.insert(String::from("core::ffi::c_void"));
                String::from("c_void")
            }
            Type::Named(name) => self.named(name),
            Type::Array(element, len) => format!("[{}; {len}]", self.ty(element)),
            Type::Pointer(target) | Type::Handle(target, _) => {
                let handle = match self.abi.size_align(ty) {
                    Some((4, _)) => "GuestHandle32",
                    _ => "GuestHandle64",
                };
                self.imports.insert(format!("crate::support::handle::{handle}"));
                format!("{handle}<{}>", self.ty(target))
            }
        }
    }

    /// An integer; 64-bit ones by names that have the architecture's alignment on every host.
    pub(super) fn int(&mut self, int: Int) -> &'static str {
        let (name, import) = match (int.signed, int.bytes, int.align) {
            (false, 1, _) => ("u8", None),
            (true, 1, _) => ("i8", None),
            (false, 2, _) => ("u16", None),
            (true, 2, _) => ("i16", None),
            (false, 4, _) => ("u32", None),
            (true, 4, _) => ("i32", None),
            (false, _, 4) => ("u64", Some("crate::support::int::align4::u64")),
            (true, _, 4) => ("i64", Some("crate::support::int::align4::i64")),
            (false, ..) if self.abi.arch.u64_align() == 4 => {
                ("uint64_aligned_t", Some("crate::support::int::align8::u64 as uint64_aligned_t"))
            }
            (true, ..) if self.abi.arch.u64_align() == 4 => {
                ("int64_aligned_t", Some("crate::support::int::align8::i64 as int64_aligned_t"))
            }
            (false, ..) => ("u64", Some("crate::support::int::align8::u64")),
            (true, ..) => ("i64", Some("crate::support::int::align8::i64")),
        };
        self.imports.extend(import.map(str::to_owned));
        name
    }

    fn named(&mut self, name: &str) -> String {
        let Some(ty) = self.abi.types.get(name) else { return name.to_owned() };
        let rust = match &ty.def {
            Def::Shared { rust, .. } => rust,
            _ => name,
        };
        let there = &ty.location.header;
        if there != self.header && !exceptions::reexported(there, self.header) {
            let path = match self.layer {
                Some(layer) => layer.definition(name, there),
                None => {
                    format!(
                        "crate::generated::{}::{}",
                        self.abi.arch,
                        module_path(there).join("::")
                    )
                }
            };
            self.imports.insert(format!("{path}::{rust}"));
        }
        rust.to_owned()
    }

    /// The finished module.
    pub(super) fn finish(self, head: &str) -> String {
        let mut text = head.to_owned();
        for import in &self.imports {
            text.push_str(&format!("use {import};\n"));
        }
        if !self.imports.is_empty() {
            text.push('\n');
        }
        text.push_str(self.body.trim_start_matches('\n'));
        if !self.proofs.is_empty() {
            text.push_str(&format!(
                "\n// The layouts of all of the above, proven.\n\n{}",
                self.proofs
            ));
        }
        text
    }
}

fn append(to: &mut String, line: fmt::Arguments<'_>) {
    fmt::write(to, line).expect("writing to a string");
    to.push('\n');
}

/// The attributes of a header's module that make its feature a condition, or nothing.
pub(super) fn cfg(header: &str) -> String {
    let feature = Family::of(header).feature();
    feature
        .map(|feature| {
            format!(
                "#[cfg(feature = \"{feature}\")]\n\
                 #[cfg_attr(docsrs, doc(cfg(feature = \"{feature}\")))]\n"
            )
        })
        .unwrap_or_default()
}
