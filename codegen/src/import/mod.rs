//! Headers to IR: one run of bindgen for the types, with the constants' probes after the headers.

mod bounds;
mod clang;
mod constants;
mod handles;
mod included;
mod kernel;
mod layout;
mod limit;
mod macros;
mod quiet;
mod rust;
mod tags;
mod wrapper;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use devtools::Arch;
use xen_headers::{HeaderTree, LinuxTree};

use crate::error::Error;
use crate::ir::{Abi, Location, Profile, Unknown};

pub use clang::time_bindgen;
pub use macros::{Macro, MacroKind, Macros};
pub use wrapper::{includes, write_stubs};

/// How often clang is asked again without a header that it rejects.
const MAX_REJECTED: usize = 16;

/// The headers that clang rejects, and why.
#[derive(Default)]
struct Rejected {
    headers: BTreeSet<String>,
    unknown: Unknown,
    times: usize,
}

/// How often clang is asked again without a macro that it rejects: each time costs a second.
const MAX_NO_CONSTANTS: usize = 32;

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
    /// For a copy in a kernel.
    kernel: Option<kernel::Kernel>,
    /// Whether it is the copy in EDK II, whose integers have names of its own.
    is_of_edk2: bool,
    /// The headers of the tree that each includes.
    included: BTreeMap<String, BTreeSet<String>>,
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
            kernel: None,
            is_of_edk2: false,
            included: BTreeMap::new(),
        };
        let of_linux = source
            .linux
            .iter()
            .flat_map(|linux| linux.headers.keys().map(|header| (&linux.root, header)));
        let of_xen = source.tree.headers.iter().map(|header| (&source.tree.root, header));
        let mut chains = bounds::Chains::default();
        let mut texts = Vec::new();
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
            chains.scan(header, &text)?;
            if header == "xen.h" {
                source.kernel = kernel::Kernel::detect(&text);
                source.is_of_edk2 = text.contains("MDE_CPU_X64");
            }
            texts.push((header.clone(), text));
        }
        source.check_includes(&texts)?;
        if let Some(kernel) = source.kernel {
            source.handles.scan_as(kernel::INTERFACE, |_| kernel.location());
        }
        bounds::check_macros(&source.macros)?;
        source.tags.add_renamed(&source.macros);
        source.ignored = source.macros.without_strings();
        Ok(source)
    }

    /// Fails if a header of the tree includes anything else. Linux's are pinned, so that they need no
    /// look.
    fn check_includes(&mut self, texts: &[(String, String)]) -> Result<(), Error> {
        let headers = self.tree.headers.iter().map(String::as_str).collect();
        let included = included::Included { headers, root: &self.tree.root };
        let of_tree = |header: &String| self.tree.headers.binary_search(header).is_ok();
        let mut targets = BTreeMap::new();
        for (header, text) in texts.iter().filter(|(header, _)| of_tree(header)) {
            included.check(header, text)?;
            targets.insert(header.clone(), included.targets(header, text));
        }
        self.included = targets;
        Ok(())
    }

    /// A header with all that include it, directly or not.
    fn with_includers(&self, header: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut new = vec![header.to_owned()];
        while let Some(header) = new.pop() {
            let includers = self.included.iter().filter(|(_, targets)| targets.contains(&header));
            new.extend(
                includers.map(|(name, _)| name.clone()).filter(|name| !found.contains(name)),
            );
            found.insert(header);
        }
        found
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
        wrapper::check_arch(self, arch).is_ok()
    }

    /// The ABI as bindgen sees it: types laid out, constants evaluated, names still C's.
    pub fn import(&self, arch: Arch, profile: Profile) -> Result<Abi, Error> {
        wrapper::check_profile(self, arch, profile)?;
        // A macro that is no constant expression is left out, and so is a header that clang rejects,
        // with those that include it; the rest is read again.
        let mut no_constants = BTreeSet::new();
        let mut rejected = Rejected::default();
        let (run, includes) = loop {
            let includes = wrapper::includes_but(self, arch, profile, &rejected.headers);
            let probes = constants::Probes::new(&self.macros, &includes.headers, &no_constants);
            let wrapper = format!("{}{}", includes.text, probes.text);
            let job = clang::Job { source: self, arch, profile, wrapper: &wrapper };
            match clang::run(&job) {
                Ok(run) => break (run, includes),
                Err(clang::Failure::Error(error)) => return Err(error),
                Err(clang::Failure::Diagnostic(text)) => {
                    match self.rejected(&text, &includes.text, &probes) {
                        Some(name) if no_constants.len() < MAX_NO_CONSTANTS => {
                            no_constants.insert(name);
                        }
                        Some(_) => return Err(self.explain(&text, arch, profile)),
                        None if self.leave_out(&text, &mut rejected) => {}
                        None => return Err(self.explain(&text, arch, profile)),
                    }
                }
            }
        };
        let mut raw = rust::parse(&run.rust, arch, &self.handles)?;
        let mut abi = Abi {
            release: self.tree.label.clone(),
            linux: self.linux.as_ref().map(|linux| linux.headers.clone()).unwrap_or_default(),
            arch,
            profile,
            headers: includes.headers,
            types: Default::default(),
            constants: Default::default(),
            omitted: includes.omitted,
            unknown: rejected.unknown,
        };
        let odd = layout::Types { raw: &raw, places: &run.places, tags: &self.tags }.fill(&mut abi);
        for (name, odd) in odd {
            // A stand-in for what a kernel defines elsewhere: what holds it is named.
            let is_stand_in = odd.root == name && !run.places.contains_key(&name);
            if is_stand_in && self.kernel.is_some() {
                continue;
            }
            abi.leave_out(&name, self.location_of(&odd.root, &run), &odd.what);
        }
        self.handles.omit(&mut abi);
        self.tags.omit(&mut abi);
        if self.kernel.is_some() {
            // A variable is the kernel's own, and no part of the interface.
            raw.statics.retain(|name| name.starts_with(constants::PREFIX));
        }
        constants::constants(&mut abi, &raw, &run, &self.macros, &no_constants)?;
        Ok(abi)
    }

    /// Where bindgen's type `name` is defined: the whole that it is in if it has no place of its own.
    fn location_of(&self, name: &str, run: &clang::Run) -> Location {
        let whole = name.split("__bindgen_").next().unwrap_or(name);
        let place = [name, whole].into_iter().find_map(|name| run.places.get(name));
        let location = place.map(|place| place.location.clone());
        let location = location.or_else(|| self.tags.location(whole).cloned());
        // Where a kernel's copy takes in what is not in it.
        let location = location.or_else(|| Some(self.kernel?.location()));
        location.unwrap_or_else(|| Location { header: "xen.h".to_owned(), line: 1 })
    }

    /// The macro whose probe clang rejects first, if it is a probe. Later complaints may be of clang's
    /// confusion.
    fn rejected(
        &self,
        text: &str,
        includes: &str,
        probes: &constants::Probes<'_>,
    ) -> Option<String> {
        let first = text.lines().find(|line| line.contains("error:"))?;
        let (_, rest) = first.split_once("wrapper.h:")?;
        let line: usize = rest.split(':').next()?.parse().ok()?;
        let probe = probes.at(line.checked_sub(includes.lines().count() + 1)?)?;
        Some(probe.name.clone())
    }

    /// Leaves out the header that clang rejects first, if the tree can be read without it.
    fn leave_out(&self, text: &str, rejected: &mut Rejected) -> bool {
        let complaint = || -> Option<(Location, &str)> {
            let first = text.lines().find(|line| line.contains("error:"))?;
            let (place, what) = first.split_once("error:")?;
            let mut parts = place.rsplit(':').skip(1);
            let (_, line) = (parts.next()?, parts.next()?.parse().ok()?);
            let path: Vec<_> = parts.collect();
            let path: String = path.into_iter().rev().collect::<Vec<_>>().join(":");
            let header = self.header_at(Path::new(path.trim()))?;
            Some((Location { header, line }, what.trim()))
        };
        let Some((location, what)) = complaint() else { return false };
        let without = self.with_includers(&location.header);
        rejected.times += 1;
        if rejected.times > MAX_REJECTED {
            return false;
        }
        // Everything needs it.
        if without.contains("xen.h") || !self.included.contains_key(&location.header) {
            return false;
        }
        for header in without {
            let why = match header == location.header {
                true => format!("the header {header}, which clang rejects: {what}"),
                false => format!(
                    "the header {header}, which includes {}, which clang rejects: {what}",
                    location.header
                ),
            };
            rejected.unknown.insert(header.clone(), (location.clone(), why));
            // One that was left out before is read through another.
            if !rejected.headers.insert(header.clone()) && header == location.header {
                return false;
            }
        }
        true
    }

    /// Clang's complaint as an error.
    fn explain(&self, text: &str, arch: Arch, profile: Profile) -> Error {
        let first = text.lines().find(|line| line.contains("error:")).unwrap_or(text);
        if first.contains(wrapper::OVERRIDDEN) {
            return self.overridden(profile);
        }
        Error::Clang {
            release: self.tree.label.clone(),
            arch: arch.name(),
            diagnostic: self
                .roots()
                .fold(first.to_owned(), |text, root| {
                    text.replace(&format!("{}/", root.display()), "")
                })
                .trim()
                .to_owned(),
        }
    }

    /// The definition of the interface version that is not upstream's own.
    fn overridden(&self, profile: Profile) -> Error {
        const NAME: &str = "__XEN_INTERFACE_VERSION__";
        let definitions = self.macros.0.get(NAME).into_iter().flatten();
        let upstream = ["__XEN_LATEST_INTERFACE_VERSION__", "0x00000000"];
        let own = |found: &&Macro| !upstream.contains(&found.body.as_str());
        let all = definitions.clone();
        let found =
            definitions.clone().find(own).or_else(|| all.min_by_key(|found| found.location.line));
        let place = found.map_or_else(|| NAME.to_owned(), |found| found.location.to_string());
        let wanted = match profile {
            Profile::Tools => String::from("the tree's latest"),
            Profile::Guest(version) => format!("{version:#010x}"),
        };
        Error::InterfaceVersion { place, wanted }
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.header, self.line)
    }
}
