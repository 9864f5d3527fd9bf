//! What can go wrong, one line each: the thing, then the way out.

use crate::trees::TreeError;

/// Every failure of the commands.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The records in this program are not as they were written.
    #[error(transparent)]
    Records(#[from] xen_records::Error),
    /// A release that is not recorded.
    #[error("no release {name:?}{}; known are {known}", did_you_mean(.nearest))]
    UnknownRelease { name: String, nearest: Option<String>, known: String },
    /// An architecture that is not recorded.
    #[error("no architecture {name:?}{}; known are {known}", did_you_mean(.nearest))]
    UnknownArch { name: String, nearest: Option<String>, known: String },
    /// An architecture that is not in the release.
    #[error("Xen {release} has no {arch} in its public headers; it has {known}")]
    NotInRelease { release: String, arch: String, known: String },
    /// A name that the release does not have.
    #[error("no {what} {name:?} in Xen {release}{}", hint(.elsewhere, .nearest))]
    Unknown {
        what: &'static str,
        name: String,
        release: String,
        /// The releases that have it, as a scope.
        elsewhere: Option<String>,
        nearest: Option<String>,
    },
    /// Text that is no number.
    #[error("{text:?} is neither a number, such as -22 or 0x16, nor a name that is known here{}", did_you_mean(.nearest))]
    NotANumber { text: String, nearest: Option<String> },
    /// Trees cannot be read by this program.
    #[error(
        "xenabi answers from its records alone: `cargo run -p xenabi-headers` in a checkout of xen-abi reads \
         header trees too, with libclang"
    )]
    NoTrees,
    /// A header tree could not be read.
    #[error("{0}")]
    Tree(TreeError),
    /// Standard output could not be written.
    #[error("cannot write standard output: {0}")]
    Output(std::io::Error),
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean {name:?}?")).unwrap_or_default()
}

fn hint(elsewhere: &Option<String>, nearest: &Option<String>) -> String {
    match elsewhere {
        Some(scope) => format!("; it is in {scope}: name one with --release"),
        None => match did_you_mean(nearest) {
            hint if hint.is_empty() => String::from("; `xenabi find` searches by a part of a name"),
            hint => hint,
        },
    }
}

/// The candidate most like `name`, if any is alike at all.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let name = name.to_lowercase();
    candidates
        .map(|candidate| (strsim::jaro_winkler(&name, &candidate.to_lowercase()), candidate))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}
