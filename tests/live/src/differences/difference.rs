//! A difference: where, in which steps, and why.

use crate::{Arch, Mode, Row, releases};

/// Where a transcript was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Where {
    /// The release of Xen: major and minor number.
    pub release: (u32, u32),
    /// The architecture of the guest.
    pub arch: Arch,
    /// The mode of the guest.
    pub mode: Mode,
    /// Whether it is the model, not a hypervisor.
    pub model: bool,
}

impl Where {
    /// In one of the domains of a hypervisor.
    #[must_use]
    pub fn new(row: Row, domid: u16) -> Self {
        Self {
            release: number(row.release),
            arch: row.arch,
            mode: row.mode_of(domid),
            model: false,
        }
    }

    /// The same place of the reference's release, if this one's is newer.
    pub(crate) fn of_reference(self) -> Self {
        let newest = releases().next_back().map_or(self.release, number);
        Self { release: self.release.min(newest), ..self }
    }

    pub(crate) const fn is_pv(self) -> bool {
        matches!(self.mode, Mode::Pv)
    }

    pub(crate) const fn is_pvh(self) -> bool {
        matches!(self.mode, Mode::Pvh)
    }

    pub(crate) const fn is_arm(self) -> bool {
        matches!(self.arch, Arch::Aarch64 | Arch::Arm)
    }

    /// Whether the release is older than 4.`minor`.
    pub(crate) const fn before(self, minor: u32) -> bool {
        self.release.1 < minor
    }
}

/// A release as two numbers.
fn number(release: &str) -> (u32, u32) {
    let (major, minor) = release.split_once('.').unwrap_or_default();
    (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

/// Steps, each with its result.
pub(crate) type Steps = &'static [(&'static str, Option<&'static str>)];

/// Steps of a scenario with other results at some places.
pub(crate) struct Difference {
    /// The places.
    pub(crate) place: fn(Where) -> bool,
    /// The scenario.
    pub(crate) scenario: &'static str,
    /// The steps, each with the result there; with none if it is not done there. A star stands for
    /// anything.
    pub(crate) steps: Steps,
    /// Why.
    pub(crate) reason: &'static str,
}

pub(crate) const EFAULT: Option<&str> = Some("-EFAULT");
pub(crate) const EINVAL: Option<&str> = Some("-EINVAL");
pub(crate) const ENOENT: Option<&str> = Some("-ENOENT");
pub(crate) const ENOSYS: Option<&str> = Some("-ENOSYS");
/// `-ENOSYS` in the lower half of a register.
pub(crate) const INT_ENOSYS: Option<&str> = Some("4294967258");
pub(crate) const EOPNOTSUPP: Option<&str> = Some("-EOPNOTSUPP");
pub(crate) const ZERO: Option<&str> = Some("0");
pub(crate) const OK: Option<&str> = Some("ok");
pub(crate) const UNTOUCHED: Option<&str> = Some("untouched");
pub(crate) const BAD_HANDLE: Option<&str> = Some("GNTST_bad_handle");
pub(crate) const GENERAL_ERROR: Option<&str> = Some("GNTST_general_error");
pub(crate) const PERMISSION_DENIED: Option<&str> = Some("GNTST_permission_denied");
