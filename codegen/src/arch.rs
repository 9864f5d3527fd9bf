//! The architectures Xen has a public ABI for, and what C makes of them.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, nearest};

/// An architecture, named as Rust names it except for the two 32-bit ones, which go by Xen's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// 64-bit x86.
    X86_64,
    /// 32-bit x86: PV guests of old, and the compat ABI of a 64-bit hypervisor.
    X86_32,
    /// 64-bit Arm.
    Aarch64,
    /// 32-bit Arm, hard float.
    Arm,
    /// 64-bit RISC-V: generated and checked, not shipped, since its header has another licence.
    Riscv64,
}

impl Arch {
    /// Every architecture the generator knows.
    pub const ALL: [Self; 5] =
        [Self::X86_64, Self::X86_32, Self::Aarch64, Self::Arm, Self::Riscv64];

    /// The architectures whose modules `xen-abi` ships.
    pub const SHIPPED: [Self; 4] = [Self::X86_64, Self::X86_32, Self::Aarch64, Self::Arm];

    /// The name used on the command line, in file names and for the module in `xen_abi::foreign`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::X86_32 => "x86_32",
            Self::Aarch64 => "aarch64",
            Self::Arm => "arm",
            Self::Riscv64 => "riscv64",
        }
    }

    /// Clang's target triple. Clang says `riscv64` where Rust says `riscv64gc`.
    #[must_use]
    pub const fn triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::X86_32 => "i686-unknown-linux-gnu",
            Self::Aarch64 => "aarch64-unknown-linux-gnu",
            Self::Arm => "armv7-unknown-linux-gnueabihf",
            Self::Riscv64 => "riscv64-unknown-linux-gnu",
        }
    }

    /// Rust's `target_arch`.
    #[must_use]
    pub const fn target_arch(self) -> &'static str {
        match self {
            Self::X86_32 => "x86",
            other => other.name(),
        }
    }

    /// Bytes of a pointer and of C's `long`.
    #[must_use]
    pub const fn pointer_bytes(self) -> u64 {
        match self {
            Self::X86_64 | Self::Aarch64 | Self::Riscv64 => 8,
            Self::X86_32 | Self::Arm => 4,
        }
    }

    /// Alignment of a 64-bit integer inside a structure: only the i386 ABI makes it 4.
    #[must_use]
    pub const fn u64_align(self) -> u64 {
        match self {
            Self::X86_32 => 4,
            _ => 8,
        }
    }

    /// The prefix of this architecture's own headers.
    #[must_use]
    pub const fn header_prefix(self) -> &'static str {
        match self {
            Self::X86_64 | Self::X86_32 => "arch-x86",
            Self::Aarch64 | Self::Arm => "arch-arm",
            Self::Riscv64 => "arch-riscv",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Arch {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = match text {
            "x86" | "i686" | "i386" => Some(Self::X86_32),
            "amd64" => Some(Self::X86_64),
            "arm64" => Some(Self::Aarch64),
            "arm32" | "armhf" => Some(Self::Arm),
            _ => Self::ALL.into_iter().find(|arch| arch.name() == text),
        };
        known.ok_or_else(|| Error::UnknownArch {
            name: text.to_owned(),
            nearest: nearest(text, Self::ALL.into_iter().map(Self::name)),
        })
    }
}
