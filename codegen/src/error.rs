//! What can go wrong, one line each: the thing, then the way out.

use std::path::{Path, PathBuf};

/// Every failure of the generator and its commands.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The header tree could not be found, fetched or trusted.
    #[error(transparent)]
    Headers(#[from] xen_headers::Error),
    /// The records could not be read or written.
    #[error(transparent)]
    Records(#[from] xen_records::Error),
    /// No usable libclang.
    #[error(
        "libclang cannot be used ({reason}); install version 14 or newer (Debian: apt-get install libclang1) or point LIBCLANG_PATH at the directory that holds it"
    )]
    Libclang {
        /// What the loader said.
        reason: String,
    },
    /// A variable that would change what the headers give.
    #[error("{name} is set and would change the result; unset it")]
    Environment {
        /// The variable.
        name: &'static str,
    },
    /// Clang refused the headers.
    #[error("clang rejects the {release} headers for {arch}: {diagnostic}")]
    Clang {
        /// The tree.
        release: String,
        /// The architecture.
        arch: &'static str,
        /// Clang's first complaint, with header and line.
        diagnostic: String,
    },
    /// Clang takes too long.
    #[error(
        "clang has not read the {release} headers for {arch} after {limit} s; name another tree with --headers, or try again when the machine has less to do"
    )]
    TimeLimit {
        /// The tree.
        release: String,
        /// The architecture.
        arch: &'static str,
        /// Seconds.
        limit: u64,
    },
    /// A construct the generator has no rule for.
    #[error(
        "{place}: the generator does not understand {what}; add a rule to codegen, or an entry with a reason to codegen/src/exceptions.rs"
    )]
    NotUnderstood {
        /// Header and line, or the type's name where bindgen gave no place.
        place: String,
        /// What was met.
        what: String,
    },
    /// Something that no header has, and that is not safe to read or to hand to clang.
    #[error("{place}: {what}; that is in no header of Xen's: name another tree with --headers")]
    Refused {
        /// Header and line.
        place: String,
        /// What was met.
        what: String,
    },
    /// The headers set the interface version whatever is asked for.
    #[error(
        "{place}: the headers set __XEN_INTERFACE_VERSION__ themselves, to another version than {wanted}; name a tree whose xen-compat.h does not"
    )]
    InterfaceVersion {
        /// Header and line of the definition.
        place: String,
        /// The version that is asked for.
        wanted: String,
    },
    /// The headers have one interface, and no version of it.
    #[error(
        "the {release} headers have no xen-compat.h, so that they have one interface and no versions of it; leave out --interface-version"
    )]
    NoInterfaceVersion {
        /// The tree.
        release: String,
    },
    /// Two things would get one name.
    #[error(
        "{place}: {name} is defined already at {other}; add a rename to codegen/src/exceptions.rs"
    )]
    Collision {
        /// The second place.
        place: String,
        /// The name.
        name: String,
        /// The first place.
        other: String,
    },
    /// The tree has no headers for the architecture.
    #[error(
        "the {release} headers have no {header}: {arch} is not in this tree; choose another --release, --headers or --arch"
    )]
    NoSuchArch {
        /// The tree.
        release: String,
        /// The missing header.
        header: String,
        /// The architecture.
        arch: &'static str,
    },
    /// The repository's modules are of one release.
    #[error(
        "xen-abi holds {shipped}, all architectures, as toolstacks see it; name another directory with --out"
    )]
    NotShipped {
        /// The release it holds.
        shipped: String,
    },
    /// Not inside the workspace.
    #[error(
        "no xen-abi/src here or above; run inside the workspace or name a directory with --out"
    )]
    NoWorkspace,
    /// A file in the way that is not generated.
    #[error("{} is not a generated file and would be replaced; choose another directory with --out", .path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// The documentation tables name something the headers do not define.
    #[error("codegen/docs/{file}: {message}")]
    Docs {
        /// The table.
        file: String,
        /// What is wrong with it.
        message: String,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}{}", .path.display(), .hint)]
    Io {
        /// `read`, `write`, `create`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
        /// The way out, starting with a semicolon, or nothing.
        hint: &'static str,
    },
}

impl Error {
    /// A construct without a rule: where it stands, and what it is.
    pub(crate) fn not_understood(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::NotUnderstood { place: place.into(), what: what.into() }
    }

    /// Wraps an I/O error on an output path, for which another `--out` is the way out.
    pub(crate) fn output(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        let hint = "; choose another directory with --out";
        Self::Io { action, path: path.to_owned(), source, hint }
    }
}
