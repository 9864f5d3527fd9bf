//! Headers to IR: one run of bindgen for the types, with the constants' probes after the headers.

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

use devtools::Arch;
use xen_headers::{HeaderTree, LinuxTree};

use crate::error::Error;
use crate::ir::{Abi, Location, Profile};

pub use clang::time_bindgen;
pub use macros::{Macro, MacroKind, Macros};
pub use wrapper::{includes, write_stubs};

/// A header tree with what is common to its architectures, read off the text.
#[derive(Debug)]
pub struct Source {
    /// The tree.
    pub tree: HeaderTree,
    /// Linux's headers, read after the tree.
    pub linux: Option<LinuxTree>,
    /// Every `#define` in them.
    pub macros: Macros,
    tags: tags::Tags,
    handles: handles::Handles,
    ignored: BTreeSet<String>,
}

impl Source {
    /// Reads every header of `tree` once, and those of `linux` after them.
    pub fn new(mut tree: HeaderTree, mut linux: Option<LinuxTree>) -> Result<Self, Error> {
        // Clang's places are compared with it, so it must not depend on how the user wrote it.
        for root in [&mut tree.root].into_iter().chain(linux.as_mut().map(|linux| &mut linux.root))
        {
            *root = root.canonicalize().map_err(|source| Error::Io {
                action: "find",
                path: root.clone(),
                source,
                hint: "",
            })?;
        }
        let mut source = Self {
            tree,
            linux,
            macros: Macros::default(),
            tags: tags::Tags::default(),
            handles: handles::Handles::default(),
            ignored: BTreeSet::new(),
        };
        let of_linux = source
            .linux
            .iter()
            .flat_map(|linux| linux.headers.keys().map(|header| (&linux.root, header)));
        let of_xen = source.tree.headers.iter().map(|header| (&source.tree.root, header));
        for (root, header) in of_xen.chain(of_linux) {
            let path = root.join(header);
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

    /// The directories that headers are in.
    pub fn roots(&self) -> impl Iterator<Item = &Path> {
        let linux = self.linux.as_ref().map(|linux| linux.root.as_path());
        [self.tree.root.as_path()].into_iter().chain(linux)
    }

    /// The header at `path` as the ABI names it, or `None` for a file that is not of the ABI.
    #[must_use]
    pub fn header_at(&self, path: &Path) -> Option<String> {
        let mut clean = PathBuf::new();
        for component in path.components() {
            match component {
                Component::ParentDir => {
                    clean.pop();
                }
                Component::CurDir => {}
                other => clean.push(other),
            }
        }
        if let Ok(header) = clean.strip_prefix(&self.tree.root) {
            return Some(header.to_string_lossy().into_owned());
        }
        let linux = self.linux.as_ref()?;
        let header = clean.strip_prefix(&linux.root).ok()?.to_string_lossy().into_owned();
        linux.headers.contains_key(&header).then_some(header)
    }

    /// Whether the tree has a port to `arch`.
    #[must_use]
    pub fn has(&self, arch: Arch) -> bool {
        wrapper::check_arch(&self.tree, arch).is_ok()
    }

    /// The ABI as bindgen sees it: types laid out, constants evaluated, names still C's.
    pub fn import(&self, arch: Arch, profile: Profile) -> Result<Abi, Error> {
        wrapper::check_arch(&self.tree, arch)?;
        let includes = wrapper::includes(self, arch, profile);
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
            linux: self.linux.as_ref().map(|linux| linux.headers.clone()).unwrap_or_default(),
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

    /// Clang's complaint as an error: about one of our probes if its line comes after the headers.
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
                diagnostic: self
                    .roots()
                    .fold(first.to_owned(), |text, root| {
                        text.replace(&format!("{}/", root.display()), "")
                    })
                    .trim()
                    .to_owned(),
            },
        }
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.header, self.line)
    }
}
