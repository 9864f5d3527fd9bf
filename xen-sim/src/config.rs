//! What machines and domains are made of.

use std::fmt;

use xen_abi::xen::domid_t;

/// Kind of guest: how it sees memory, and which hypercalls it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestKind {
    /// Paravirtualised x86: machine frame numbers, grants mapped at virtual addresses.
    Pv,
    /// Translated x86 (HVM or PVH): guest frame numbers.
    Pvh,
    /// Translated Arm: guest frame numbers, grant tables of version 1 only.
    Arm,
}

impl GuestKind {
    /// Whether the guest has guest frame numbers of its own.
    #[must_use]
    pub const fn is_translated(self) -> bool {
        !matches!(self, Self::Pv)
    }
}

/// Release of Xen whose behaviour the model has, where releases differ.
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
}

impl Release {
    /// Major and minor number.
    #[must_use]
    pub const fn number(self) -> (u16, u16) {
        match self {
            Self::V4_14 => (4, 14),
            Self::V4_17 => (4, 17),
            Self::V4_20 => (4, 20),
        }
    }
}

/// Security module: who may deal with whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Xsm {
    /// Everybody with everybody: x86's default.
    #[default]
    Dummy,
    /// Unprivileged domains only with privileged ones: Debian's default on Arm.
    Silo,
}

/// A domain to be created: [`Xen::domain`](crate::Xen::domain) takes it.
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
}

impl DomainConfig {
    /// An unprivileged domain with 64 pages and Xen's defaults: 64 frames of grant table, 1024
    /// frames of mapping handles, version 2 where the architecture has it.
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
        }
    }

    /// The domain's number, instead of the lowest free one from 1 up.
    #[must_use]
    pub const fn domid(self, domid: domid_t) -> Self {
        Self { domid: Some(domid), ..self }
    }

    /// How many pages of memory it starts with.
    #[must_use]
    pub const fn pages(self, pages: usize) -> Self {
        Self { pages, ..self }
    }

    /// How many pages it may have at most, instead of twice those it starts with.
    #[must_use]
    pub const fn max_pages(self, pages: usize) -> Self {
        Self { max_pages: Some(pages), ..self }
    }

    /// How many frames its grant table can grow to; it starts with one.
    #[must_use]
    pub const fn max_grant_frames(self, frames: u32) -> Self {
        Self { max_grant_frames: frames, ..self }
    }

    /// How many frames of 256 mapping handles it can have. One handle always stays unused.
    #[must_use]
    pub const fn max_maptrack_frames(self, frames: u32) -> Self {
        Self { max_maptrack_frames: frames, ..self }
    }

    /// The highest version of the grant table it may choose: 1 or 2.
    #[must_use]
    pub const fn max_grant_version(self, version: u32) -> Self {
        Self { max_grant_version: version, ..self }
    }

    /// Makes it a control domain, which may act on others. On Arm its guest frames are the machine's.
    #[must_use]
    pub const fn privileged(self) -> Self {
        Self { privileged: true, ..self }
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

/// A domain that could not be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateError {
    /// There is a domain of this number.
    Exists(domid_t),
    /// Numbers from `DOMID_FIRST_RESERVED` up name no domain; or all others are taken.
    NoDomid,
    /// Not enough frames are left in the machine for the pages asked for.
    NoMemory,
    /// A limit that Xen refuses: no grant frames, more than 4096 of them or of mapping handles, a
    /// version other than 1 and 2, or version 2 on Arm.
    BadLimit,
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(domid) => write!(f, "domain {} exists already", domid.0),
            Self::NoDomid => write!(f, "no such domain number, or none left"),
            Self::NoMemory => write!(f, "too little memory left for the domain's pages"),
            Self::BadLimit => write!(f, "a limit of the grant table that Xen refuses"),
        }
    }
}

impl std::error::Error for CreateError {}
