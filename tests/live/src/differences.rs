//! Where hypervisors really differ from the reference, each with the reason.

use crate::{Arch, Mode, Row};

/// Where a transcript was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Where {
    /// The release of Xen.
    pub release: (u32, u32),
    /// The kind of guest.
    pub arch: Arch,
    /// The mode of the guest.
    pub mode: Mode,
}

impl From<Row> for Where {
    fn from(row: Row) -> Self {
        let (major, minor) = row.release.split_once('.').unwrap_or_default();
        let release = (major.parse().unwrap_or(0), minor.parse().unwrap_or(0));
        Self { release, arch: row.arch, mode: row.mode }
    }
}

/// Steps of a scenario with other results at some places.
pub(crate) struct Difference {
    /// The places.
    pub(crate) place: fn(Where) -> bool,
    /// The scenario.
    pub(crate) scenario: &'static str,
    /// The steps, each with the result there; with none if it is not done there.
    pub(crate) steps: &'static [(&'static str, Option<&'static str>)],
    /// Why.
    #[allow(dead_code, reason = "for whoever reads the table")]
    pub(crate) reason: &'static str,
}

/// All differences that are known. A later one has the last word.
pub(crate) const DIFFERENCES: &[Difference] = &[];
