//! Headers to IR: one run of bindgen for the types, with the constants' probes behind the headers.

mod clang;
mod constants;
mod handles;
mod layout;
mod macros;
mod quiet;
mod rust;
mod tags;
mod wrapper;

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use xen_headers::HeaderTree;

use crate::arch::Arch;
use crate::error::Error;
use crate::ir::{Abi, Location, Profile};

pub use clang::{MINIMUM_LIBCLANG, check_libclang, time_bindgen};
pub use macros::{Macro, MacroKind, Macros};
pub use wrapper::{includes, write_stubs};

/// A header tree with what is common to its architectures, read off the text.
#[derive(Debug)]
pub struct Source {
    /// The tree.
    pub tree: HeaderTree,
    /// Every `#define` in it.
    pub macros: Macros,
    tags: tags::Tags,
    handles: handles::Handles,
    ignored: BTreeSet<String>,
}

impl Source {
    /// Reads every header of `tree` once.
    pub fn new(mut tree: HeaderTree) -> Result<Self, Error> {
        // Clang's places are compared with it, whatever way the user wrote it.
        tree.root = tree.root.canonicalize().map_err(|source| Error::Io {
            action: "find",
            path: tree.root.clone(),
            source,
            hint: "",
        })?;
        let mut source = Self {
            tree,
            macros: Macros::default(),
            tags: tags::Tags::default(),
            handles: handles::Handles::default(),
            ignored: BTreeSet::new(),
        };
        for header in &source.tree.headers {
            let path = source.tree.root.join(header);
            let bytes = std::fs::read(&path).map_err(|source| Error::Io {
                action: "read",
                path,
                source,
                hint: "",
            })?;
            let text = macros::without_comments(&String::from_utf8_lossy(&bytes));
            source.macros.scan(header, &text);
            source.tags.scan(header, &text);
            source.handles.scan(header, &text);
        }
        source.ignored = source.macros.without_strings();
        Ok(source)
    }

    /// Whether the tree has a port to `arch`.
    #[must_use]
    pub fn has(&self, arch: Arch) -> bool {
        wrapper::check_arch(&self.tree, arch).is_ok()
    }

    /// The ABI as bindgen sees it: types laid out, constants evaluated, names still C's.
    pub fn import(&self, arch: Arch, profile: Profile) -> Result<Abi, Error> {
        wrapper::check_arch(&self.tree, arch)?;
        let includes = wrapper::includes(&self.tree, arch, profile);
        let probes = constants::Probes::new(&self.macros, &includes.headers);
        let wrapper = format!("{}{}", includes.text, probes.text);
        let run = clang::run(&clang::Job { source: self, arch, profile, wrapper: &wrapper })
            .map_err(|failure| match failure {
                clang::Failure::Error(error) => error,
                clang::Failure::Diagnostic(text) => {
                    self.explain(&text, &includes.text, &probes, arch)
                }
            })?;
        let raw = rust::parse(&run.rust, arch, &self.handles)?;
        let mut abi = Abi {
            release: self.tree.label.clone(),
            arch,
            profile,
            headers: includes.headers,
            types: Default::default(),
            constants: Default::default(),
            omitted: includes.omitted,
        };
        layout::Types { raw: &raw, places: &run.places, tags: &self.tags }.fill(&mut abi)?;
        self.handles.omit(&mut abi);
        self.tags.omit(&mut abi);
        constants::constants(&mut abi, &raw, &run, &self.macros)?;
        Ok(abi)
    }

    /// Clang's complaint as an error: about one of our probes if its line lies behind the headers.
    fn explain(
        &self,
        text: &str,
        includes: &str,
        probes: &constants::Probes<'_>,
        arch: Arch,
    ) -> Error {
        let first = text.lines().find(|line| line.contains("error:")).unwrap_or(text);
        let line = first
            .split_once("wrapper.h:")
            .and_then(|(_, rest)| rest.split(':').next())
            .and_then(|line| line.parse::<usize>().ok());
        let probe = line
            .and_then(|line| line.checked_sub(includes.lines().count() + 1))
            .and_then(|line| probes.at(line));
        match probe {
            Some(probed) => Error::NotUnderstood {
                place: probed.location.to_string(),
                what: format!("the macro {}, which is no constant expression", probed.name),
            },
            None => Error::Clang {
                release: self.tree.label.clone(),
                arch: arch.name(),
                diagnostic: first
                    .replace(&format!("{}/", self.tree.root.display()), "")
                    .trim()
                    .to_owned(),
            },
        }
    }
}

/// `path` as a header of the tree at `root`, or `None` for a file of ours.
fn relative(root: &Path, path: &str) -> Option<String> {
    let mut clean = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    Some(clean.strip_prefix(root).ok()?.to_string_lossy().into_owned())
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.header, self.line)
    }
}
