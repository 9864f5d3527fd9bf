//! Configuration of machines and domains.

use std::fmt;

use xen_abi::xen::domid_t;

/// Kind of guest, which decides how it addresses memory and which hypercalls it may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestKind {
    /// Paravirtualised x86: uses machine frame numbers, maps grants at virtual addresses.
    Pv,
    /// Translated x86 (HVM or PVH): uses guest frame numbers.
    Pvh,
    /// Translated Arm: uses guest frame numbers; grant tables have version 1 only.
    Arm,
}

impl GuestKind {
    /// Whether the guest's frame numbers are guest frames, which Xen translates to machine frames.
    #[must_use]
    pub const fn is_translated(self) -> bool {
        !matches!(self, Self::Pv)
    }
}

/// Release of Xen to behave like, where releases differ. The default is 4.20, the newest that the test run compares
/// with real hypervisors. Later ones are compared with PV and PVH hypervisors that are built from upstream's source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Release {
    /// Xen 4.14.
    V4_14,
    /// Xen 4.17.
    V4_17,
    /// Xen 4.20.
    #[default]
    V4_20,
    /// Xen 4.21.
    V4_21,
    /// Xen 4.22.
    V4_22,
}

impl Release {
    /// Major and minor number.
    #[must_use]
    pub const fn number(self) -> (u16, u16) {
        match self {
            Self::V4_14 => (4, 14),
            Self::V4_17 => (4, 17),
            Self::V4_20 => (4, 20),
            Self::V4_21 => (4, 21),
            Self::V4_22 => (4, 22),
        }
    }
}

/// Policy of Xen's security modules (XSM): which domains may communicate by grants and event
/// channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Xsm {
    /// `xsm=dummy`: any two domains. The default on x86.
    #[default]
    Dummy,
    /// `xsm=silo`: unprivileged domains communicate only with privileged ones. Debian's default on
    /// Arm.
    Silo,
}

/// Properties of a domain to be created by [`Xen::domain`](crate::Xen::domain).
///
/// ```
/// use xen_sim::{DomainConfig, GuestKind};
///
/// let config = DomainConfig::new(GuestKind::Arm).pages(16).max_grant_frames(4);
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
pub struct DomainConfig {
    pub(crate) kind: GuestKind,
    pub(crate) domid: Option<domid_t>,
    pub(crate) pages: usize,
    pub(crate) max_pages: Option<usize>,
    pub(crate) max_grant_frames: u32,
    pub(crate) max_maptrack_frames: u32,
    pub(crate) max_grant_version: u32,
    pub(crate) privileged: bool,
    pub(crate) vcpus: u32,
    pub(crate) dom0less: bool,
}

impl DomainConfig {
    /// An unprivileged domain with 64 pages, and Xen's default limits: 64 grant frames, 1024
    /// maptrack frames, and version 2 of the grant table except on Arm.
    #[must_use]
    pub const fn new(kind: GuestKind) -> Self {
        Self {
            kind,
            domid: None,
            pages: 64,
            max_pages: None,
            max_grant_frames: 64,
            max_maptrack_frames: 1024,
            max_grant_version: if matches!(kind, GuestKind::Arm) { 1 } else { 2 },
            privileged: false,
            vcpus: 1,
            dom0less: false,
        }
    }

    /// The domain id. The default is the lowest free one from 1 on.
    #[must_use]
    pub const fn domid(self, domid: domid_t) -> Self {
        Self { domid: Some(domid), ..self }
    }

    /// Number of pages of 4096 bytes that the domain starts with.
    #[must_use]
    pub const fn pages(self, pages: usize) -> Self {
        Self { pages, ..self }
    }

    /// Maximum number of pages. The default is twice the number that it starts with.
    #[must_use]
    pub const fn max_pages(self, pages: usize) -> Self {
        Self { max_pages: Some(pages), ..self }
    }

    /// Maximum number of grant table frames, 1 to 4096. The table starts with one.
    #[must_use]
    pub const fn max_grant_frames(self, frames: u32) -> Self {
        Self { max_grant_frames: frames, ..self }
    }

    /// Maximum number of maptrack frames, up to 4096. A frame holds 256 handles of mapped grants;
    /// one handle always stays unused.
    #[must_use]
    pub const fn max_maptrack_frames(self, frames: u32) -> Self {
        Self { max_maptrack_frames: frames, ..self }
    }

    /// The highest version of the grant table that the domain may choose: 1 or 2.
    #[must_use]
    pub const fn max_grant_version(self, version: u32) -> Self {
        Self { max_grant_version: version, ..self }
    }

    /// Makes it a control domain, as dom0 is: it may act on others. On Arm its guest frame numbers
    /// are machine frame numbers.
    #[must_use]
    pub const fn privileged(self) -> Self {
        Self { privileged: true, ..self }
    }

    /// Number of vCPUs, 1 to 128; others are clamped. The first one is up, and makes the hypercalls. The others
    /// can be initialised and brought up by `vcpu_op`, but run no code, and ports cannot be bound to them.
    #[must_use]
    pub const fn vcpus(self, vcpus: u32) -> Self {
        let vcpus = if vcpus > 128 {
            128
        } else if vcpus == 0 {
            1
        } else {
            vcpus
        };
        Self { vcpus, ..self }
    }

    /// Makes it a domain that Xen starts by itself when the machine boots, which upstream calls dom0less: it
    /// may use Xen's console, and no toolstack has set its `HVM_PARAM_CALLBACK_IRQ`.
    #[must_use]
    pub const fn dom0less(self) -> Self {
        Self { dom0less: true, ..self }
    }

    /// Checks the grant table's limits, as Xen does when it creates the domain.
    pub(crate) fn check_limits(&self) -> Result<(), CreateError> {
        let versions = if self.kind == GuestKind::Arm { 1..=1 } else { 1..=2 };
        let frames = [self.max_grant_frames, self.max_maptrack_frames];
        if !versions.contains(&self.max_grant_version)
            || self.max_grant_frames == 0
            || frames.into_iter().any(|frames| frames > 4096)
        {
            return Err(CreateError::BadLimit);
        }
        Ok(())
    }
}

/// Why a domain could not be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateError {
    /// The domain id is in use.
    Exists(domid_t),
    /// The domain id is `DOMID_FIRST_RESERVED` or above, or all ids are in use.
    NoDomid,
    /// The machine has too few free frames.
    NoMemory,
    /// Xen refuses a limit: no grant frames, more than 4096 grant or maptrack frames, a version
    /// other than 1 and 2, or version 2 on Arm.
    BadLimit,
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(domid) => write!(f, "domain id {} is in use", domid.0),
            Self::NoDomid => write!(f, "the domain id is reserved, or none is free"),
            Self::NoMemory => {
                write!(f, "too few free frames for the domain's pages: build the machine with more")
            }
            Self::BadLimit => write!(
                f,
                "Xen refuses a limit of the grant table: frames are 1 to 4096, versions 1 and 2, on Arm 1"
            ),
        }
    }
}

impl std::error::Error for CreateError {}
