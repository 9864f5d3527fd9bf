//! Releases and the versions of their interfaces.

use core::fmt;

use xen_abi::toolstack::{v4_17, v4_18, v4_19, v4_20, v4_21, v4_22};

/// A release whose toolstack interfaces this crate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Release {
    /// Xen 4.17.
    V4_17,
    /// Xen 4.18.
    V4_18,
    /// Xen 4.19.
    V4_19,
    /// Xen 4.20.
    V4_20,
    /// Xen 4.21.
    V4_21,
    /// Xen 4.22.
    V4_22,
}

/// The interface versions that a hypervisor wants to see in each call.
///
/// A version does not tell the release: 4.19, 4.20 and 4.21 have the same one for domctl.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Versions {
    /// `XEN_DOMCTL_INTERFACE_VERSION`.
    pub domctl: u32,
    /// `XEN_SYSCTL_INTERFACE_VERSION`.
    pub sysctl: u32,
}

macro_rules! versions {
    ($module:ident) => {
        Versions {
            domctl: $module::domctl::XEN_DOMCTL_INTERFACE_VERSION,
            sysctl: $module::sysctl::XEN_SYSCTL_INTERFACE_VERSION,
        }
    };
}

impl Release {
    /// All of them, oldest first.
    pub const ALL: [Self; 6] =
        [Self::V4_17, Self::V4_18, Self::V4_19, Self::V4_20, Self::V4_21, Self::V4_22];

    /// Major and minor number.
    #[must_use]
    pub const fn number(self) -> (u16, u16) {
        (4, 17 + self as u16)
    }

    /// The release with this number, or `None` if this crate does not know it.
    #[must_use]
    pub fn from_number(number: (u16, u16)) -> Option<Self> {
        Self::ALL.into_iter().find(|release| release.number() == number)
    }

    /// The interface versions of its headers.
    #[must_use]
    pub const fn versions(self) -> Versions {
        match self {
            Self::V4_17 => versions!(v4_17),
            Self::V4_18 => versions!(v4_18),
            Self::V4_19 => versions!(v4_19),
            Self::V4_20 => versions!(v4_20),
            Self::V4_21 => versions!(v4_21),
            Self::V4_22 => versions!(v4_22),
        }
    }
}

/// `4.20`.
impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.number();
        write!(f, "{major}.{minor}")
    }
}
