//! Which hypervisor is running.

use core::fmt;

use xen_abi::Errno;
use xen_abi::errno::XEN_EACCES;
use xen_abi::xen::domid_t;
use xen_ops::Hypercall;
use xen_ops::hypercall::{self, xen_version};

use crate::raw::v4_20::{domctl, sysctl};
use crate::{Release, Versions};

/// Interface versions that are tried where the release's own is refused. Each release raises a version by
/// one at most: this goes from 4.6 to well after 4.22.
const PROBED: core::ops::RangeInclusive<u32> = 0x0b..=0x2f;

/// What a hypervisor says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detected {
    /// Major and minor number.
    pub number: (u16, u16),
    /// The text after the two numbers, such as `.2`: [`extraversion`](Self::extraversion) shows it.
    extraversion: [u8; 16],
    /// The domctl version that it takes, if one of those tried is.
    pub domctl: Option<u32>,
    /// The sysctl version that it takes, if one of those tried is.
    pub sysctl: Option<u32>,
}

/// Why the hypervisor cannot be controlled: nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DetectError {
    /// It does not tell its version.
    Hypercall(hypercall::Error),
    /// It is no release that this crate knows, or has other interface versions than that release.
    /// [`Reader::assume`](crate::Reader::assume) makes reading calls anyway.
    Unknown(Detected),
}

impl fmt::Display for DetectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = match self {
            Self::Hypercall(error) => return write!(f, "{error}"),
            Self::Unknown(found) => found,
        };
        write!(f, "{found} is not known: ")?;
        match Release::from_number(found.number).map(Release::versions) {
            Some(Versions { domctl, sysctl }) => {
                write!(f, "the release has domctl {domctl:#x} and sysctl {sysctl:#x}")?;
            }
            None => write!(f, "this crate knows 4.17 to 4.22")?,
        }
        write!(f, "; `Reader::assume` makes reading calls")
    }
}

impl core::error::Error for DetectError {}

impl From<hypercall::Error> for DetectError {
    fn from(error: hypercall::Error) -> Self {
        Self::Hypercall(error)
    }
}

impl Detected {
    /// Asks the hypervisor for its version, and finds the interface versions that it takes.
    ///
    /// It makes reading calls only: those of domctl and sysctl that ask for a domain and for the scheduler.
    /// A caller that may not make them learns the versions too, since Xen compares the version first.
    ///
    /// # Errors
    ///
    /// What [`xen_version::version`] and [`xen_version::extraversion`] return.
    pub fn new<H: Hypercall>(xen: &H) -> Result<Self, hypercall::Error> {
        let version = xen_version::version(xen)?;
        let number = ((version >> 16) as u16, version as u16);
        let extraversion = xen_version::extraversion(xen)?;
        let expected = Release::from_number(number).map(Release::versions);
        let domctl = probe(expected.map(|versions| versions.domctl), |version| {
            let mut argument = xen_abi::toolstack::v4_20::domctl::xen_domctl_getdomaininfo::ZERO;
            let asked = domctl::getdomaininfo.call_as(version, xen, domid_t(0), &mut argument);
            asked.err().and_then(|error| error.errno())
        });
        let sysctl = probe(expected.map(|versions| versions.sysctl), |version| {
            let mut argument = xen_abi::toolstack::v4_20::sysctl::xen_sysctl_sched_id::ZERO;
            let asked = sysctl::sched_id.call_as(version, xen, &mut argument);
            asked.err().and_then(|error| error.errno())
        });
        Ok(Self { number, extraversion, domctl, sysctl })
    }

    /// The release, if its number and both versions are one's that this crate knows.
    #[must_use]
    pub fn release(&self) -> Option<Release> {
        let release = Release::from_number(self.number)?;
        let Versions { domctl, sysctl } = release.versions();
        (self.domctl == Some(domctl) && self.sysctl == Some(sysctl)).then_some(release)
    }

    /// The text after the two numbers, such as `.2`; empty if it is no text.
    #[must_use]
    pub fn extraversion(&self) -> &str {
        let end = self.extraversion.iter().position(|byte| *byte == 0);
        let text = &self.extraversion[..end.unwrap_or(self.extraversion.len())];
        let printable = |text: &&str| text.chars().all(|c| !c.is_control());
        core::str::from_utf8(text).ok().filter(printable).unwrap_or("")
    }
}

/// The version for which `refusal` is not that of a wrong version: the expected one first.
fn probe(expected: Option<u32>, refusal: impl Fn(u32) -> Option<Errno>) -> Option<u32> {
    expected.into_iter().chain(PROBED).find(|version| refusal(*version) != Some(XEN_EACCES))
}

/// `Xen 4.20.1 (domctl 0x17, sysctl 0x15)`.
impl fmt::Display for Detected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.number;
        write!(f, "Xen {major}.{minor}{} (", self.extraversion())?;
        for (name, version, end) in [("domctl", self.domctl, ", "), ("sysctl", self.sysctl, ")")] {
            match version {
                Some(version) => write!(f, "{name} {version:#x}{end}")?,
                None => write!(f, "no known {name}{end}")?,
            }
        }
        Ok(())
    }
}
