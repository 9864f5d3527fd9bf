//! Calls bindgen and libclang.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bindgen::callbacks::{
    DiscoveredItem, DiscoveredItemId, MacroParsingBehavior, ParseCallbacks, SourceLocation,
};
use devtools::Arch;

use super::handles::PREFIX;
use super::limit::within;
use super::quiet::Quiet;
use super::{Source, wrapper};
use crate::error::Error;
use crate::ir::{Location, Profile};

/// What to run bindgen on.
pub(super) struct Job<'a> {
    pub(super) source: &'a Source,
    pub(super) arch: Arch,
    pub(super) profile: Profile,
    pub(super) wrapper: &'a str,
}

/// What a run of bindgen gives.
pub(super) struct Run {
    /// The bindings.
    pub(super) rust: String,
    /// Where each type is defined and what C calls it, by bindgen's name.
    pub(super) places: BTreeMap<String, Place>,
    /// The values of string macros.
    pub(super) strings: BTreeMap<String, Vec<u8>>,
}

/// Where a type is defined.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) location: Location,
    pub(super) c_name: Option<String>,
}

/// Why bindgen gave nothing.
pub(super) enum Failure {
    /// Clang's own words.
    Diagnostic(String),
    /// Anything else.
    Error(Error),
}

/// Loads libclang and checks its version, so that bindgen never meets a missing one.
fn check_libclang() -> Result<(), Error> {
    // Bindgen takes arguments from the environment: the same headers would not give the same text.
    let name = "BINDGEN_EXTRA_CLANG_ARGS";
    if std::env::vars_os().any(|(variable, _)| variable.to_string_lossy().starts_with(name)) {
        return Err(Error::Environment { name });
    }
    match devtools::libclang::find() {
        Ok(_) => Ok(()),
        Err(reason) => Err(Error::Libclang { reason }),
    }
}

/// Bytes of stack for bindgen, which recurses over types made of types.
const STACK: usize = 256 << 20;

/// How long clang may take: hundreds of times what it takes for upstream's headers.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs bindgen on a thread of its own, for as long as it may take. It is not a process of its own that
/// could be killed: the generator is a library too, and its callers have no program for that.
pub(super) fn run(job: &Job<'_>) -> Result<Run, Failure> {
    check_libclang().map_err(Failure::Error)?;
    let stubs = stubs(job.source).map_err(Failure::Error)?;
    let arguments = arguments(job, stubs.path());
    let (wrapper, ignored) = (job.wrapper.to_owned(), job.source.ignored.clone());
    let late = || {
        let release = job.source.tree.label.clone();
        Failure::Error(Error::TimeLimit { release, arch: job.arch.name(), limit: LIMIT.as_secs() })
    };
    let (rust, seen) = {
        // Here and not on the thread: one that is late must not keep the message from the user.
        let _quiet = Quiet::new();
        within(LIMIT, STACK, move || bindings(&wrapper, arguments, ignored))
            .map_err(|source| {
                let (action, path) = ("start", PathBuf::from("a thread"));
                Failure::Error(Error::Io { action, path, source, hint: "" })
            })?
            .ok_or_else(late)??
    };
    let places = seen.items.into_iter().filter_map(|(name, item)| {
        let file = Path::new(&item.file);
        let of_tree = job.source.header_at(file).map(|header| Location { header, line: item.line });
        let location = of_tree.or_else(|| job.source.kernel?.place(file))?;
        Some((name, Place { location, c_name: item.c_name }))
    });
    Ok(Run { rust, places: places.collect(), strings: seen.strings })
}

/// The bindings, and what the callbacks saw.
fn bindings(
    wrapper: &str,
    arguments: Vec<String>,
    ignored: BTreeSet<String>,
) -> Result<(String, Seen), Failure> {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let callbacks = Callbacks { seen: Rc::clone(&seen), ignored };
    let builder = builder(wrapper, arguments)
        .ignore_functions()
        .blocklist_type(format!("{PREFIX}.*"))
        // Beside Linux's headers, not of the ABI: the macros that ioctl numbers are made with.
        .blocklist_file(".*/asm-generic/ioctl\\.h")
        .prepend_enum_name(false)
        .derive_copy(false)
        .derive_debug(false)
        .default_enum_style(bindgen::EnumVariation::NewType { is_bitfield: false, is_global: true })
        .default_non_copy_union_style(bindgen::NonCopyUnionStyle::ManuallyDrop)
        .parse_callbacks(Box::new(callbacks));
    let rust = generate(builder)?.to_string();
    Ok((rust, seen.take()))
}

/// Runs bindgen. It panics when libclang lacks a function; the message of the panic becomes the error.
fn generate(builder: bindgen::Builder) -> Result<bindgen::Bindings, Failure> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| builder.generate())) {
        Ok(Ok(bindings)) => Ok(bindings),
        Ok(Err(bindgen::BindgenError::ClangDiagnostic(text))) => Err(Failure::Diagnostic(text)),
        Ok(Err(other)) => Err(Failure::Diagnostic(format!("error: {other}"))),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            let reason = text.unwrap_or("bindgen stopped").lines().next().unwrap_or_default();
            // clang-sys panics where the library or a function of it is missing.
            if reason.contains("libclang") {
                return Err(Failure::Error(Error::Libclang { reason: reason.to_owned() }));
            }
            Err(Failure::Diagnostic(format!("error: bindgen gave up: {reason}")))
        }
    }
}

/// The time bindgen takes by itself on the headers of one architecture, with its own defaults.
pub fn time_bindgen(source: &Source, arch: Arch) -> Result<Duration, Error> {
    check_libclang()?;
    let stubs = stubs(source)?;
    let includes = wrapper::includes(source, arch, Profile::Tools);
    let job = Job { source, arch, profile: Profile::Tools, wrapper: &includes.text };
    let start = Instant::now();
    let bindings = builder(job.wrapper, arguments(&job, stubs.path()))
        .generate_comments(true)
        .generate()
        .map_err(|error| Error::Clang {
            release: source.tree.label.clone(),
            arch: arch.name(),
            diagnostic: error.to_string(),
        })?;
    std::hint::black_box(bindings.to_string());
    Ok(start.elapsed())
}

fn stubs(source: &Source) -> Result<tempfile::TempDir, Error> {
    let dir = tempfile::tempdir().map_err(|source| Error::Io {
        action: "create",
        path: std::env::temp_dir(),
        source,
        hint: "; point TMPDIR at a directory that can be written",
    })?;
    wrapper::write_stubs(source, dir.path())?;
    Ok(dir)
}

/// What clang is told.
fn arguments(job: &Job<'_>, stubs: &Path) -> Vec<String> {
    // Without -nostdinc the host's own headers leak into cross targets.
    let mut arguments =
        ["-nostdinc", "-std=gnu11", "-w", "-Wfatal-errors"].map(str::to_owned).to_vec();
    arguments.push(format!("--target={}", job.arch.clang_triple()));
    arguments.push(format!("-I{}", stubs.display()));
    arguments.extend(job.source.roots().map(|root| format!("-I{}", root.display())));
    arguments.push(match job.profile {
        Profile::Tools => String::from("-D__XEN_TOOLS__=1"),
        Profile::Guest(version) => format!("-D__XEN_INTERFACE_VERSION__={version:#x}"),
    });
    arguments
}

/// What both a generating and a timed run ask of bindgen.
fn builder(wrapper: &str, arguments: Vec<String>) -> bindgen::Builder {
    bindgen::Builder::default()
        .header_contents("wrapper.h", wrapper)
        .clang_args(arguments)
        .rust_target(bindgen::RustTarget::stable(82, 0).unwrap_or_default())
        .rust_edition(bindgen::RustEdition::Edition2021)
        .use_core()
        .generate_comments(false)
        .formatter(bindgen::Formatter::None)
}

#[derive(Debug, Default)]
struct Seen {
    items: BTreeMap<String, SeenItem>,
    strings: BTreeMap<String, Vec<u8>>,
}

#[derive(Debug)]
struct SeenItem {
    file: String,
    line: usize,
    c_name: Option<String>,
}

#[derive(Debug)]
struct Callbacks {
    seen: Rc<RefCell<Seen>>,
    ignored: BTreeSet<String>,
}

impl ParseCallbacks for Callbacks {
    /// Integers come from the probes with their exact types; only strings are bindgen's to read.
    fn will_parse_macro(&self, name: &str) -> MacroParsingBehavior {
        if self.ignored.contains(name) {
            MacroParsingBehavior::Ignore
        } else {
            MacroParsingBehavior::Default
        }
    }

    fn str_macro(&self, name: &str, value: &[u8]) {
        self.seen.borrow_mut().strings.insert(name.to_owned(), value.to_owned());
    }

    fn new_item_found(
        &self,
        _: DiscoveredItemId,
        item: DiscoveredItem,
        location: Option<&SourceLocation>,
    ) {
        let (name, c_name) = match item {
            DiscoveredItem::Struct { original_name, final_name }
            | DiscoveredItem::Union { original_name, final_name } => (final_name, original_name),
            DiscoveredItem::Enum { final_name } => (final_name.clone(), Some(final_name)),
            DiscoveredItem::Alias { alias_name, .. } => (alias_name.clone(), Some(alias_name)),
            _ => return,
        };
        // An enumeration without a name is only its enumerators; this one is bindgen's.
        if name.starts_with("_bindgen_ty_") {
            return;
        }
        let Some(location) = location else { return };
        let file = location.file_name.clone().unwrap_or_default();
        let item = SeenItem { file, line: location.line, c_name };
        self.seen.borrow_mut().items.insert(name, item);
    }
}
