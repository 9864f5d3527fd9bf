//! The architectures of what is booted.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;

/// An architecture, named as Rust names it except for the two of 32 bits, which have Xen's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Arch {
    /// 64-bit x86.
    #[value(name = "x86_64")]
    X86_64,
    /// 32-bit x86: guests only.
    #[value(name = "x86_32")]
    X86_32,
    /// 64-bit Arm.
    Aarch64,
    /// 32-bit Arm.
    Arm,
}

impl Arch {
    /// The name on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::X86_32 => "x86_32",
            Self::Aarch64 => "aarch64",
            Self::Arm => "arm",
        }
    }

    /// Debian's name.
    #[must_use]
    pub const fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::X86_32 => "i386",
            Self::Aarch64 => "arm64",
            Self::Arm => "armhf",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no architecture of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no architecture {0:?}; there are x86_64, x86_32, aarch64 and arm")]
pub struct UnknownArch(String);

impl FromStr for Arch {
    type Err = UnknownArch;

    fn from_str(text: &str) -> Result<Self, UnknownArch> {
        let all = [Self::X86_64, Self::X86_32, Self::Aarch64, Self::Arm];
        let found = all.into_iter().find(|arch| arch.name() == text);
        found.ok_or_else(|| UnknownArch(text.to_owned()))
    }
}
