//! The architectures that Xen has a public ABI for: their names in each tool, and the layout rules of
//! C on each.

use std::env;
use std::fmt;
use std::str::FromStr;

/// An architecture, named as Rust names it except for the two 32-bit ones, which have Xen's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// 64-bit x86.
    X86_64,
    /// 32-bit x86: old PV guests, and the compat ABI of a 64-bit hypervisor.
    X86_32,
    /// 64-bit Arm.
    Aarch64,
    /// 32-bit Arm, hard float.
    Arm,
    /// 64-bit RISC-V: generated and checked, not shipped, since its header has another licence.
    Riscv64,
    /// 64-bit little-endian Power: read on request. Upstream's port has no guests yet.
    Ppc64le,
}

impl Arch {
    /// Every architecture that is generated and checked.
    pub const ALL: [Self; 5] =
        [Self::X86_64, Self::X86_32, Self::Aarch64, Self::Arm, Self::Riscv64];

    /// Every architecture whose headers can be read.
    pub const READABLE: [Self; 6] =
        [Self::X86_64, Self::X86_32, Self::Aarch64, Self::Arm, Self::Riscv64, Self::Ppc64le];

    /// The architectures whose modules `xen-abi` ships.
    pub const SHIPPED: [Self; 4] = [Self::X86_64, Self::X86_32, Self::Aarch64, Self::Arm];

    /// The name on command lines, in file names and of the module in `xen_abi::foreign`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::X86_32 => "x86_32",
            Self::Aarch64 => "aarch64",
            Self::Arm => "arm",
            Self::Riscv64 => "riscv64",
            Self::Ppc64le => "ppc64le",
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
            Self::Riscv64 => "riscv64",
            Self::Ppc64le => "ppc64el",
        }
    }

    /// Clang's target triple. Clang says `riscv64` where Rust says `riscv64gc`.
    #[must_use]
    pub const fn clang_triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::X86_32 => "i686-unknown-linux-gnu",
            Self::Aarch64 => "aarch64-unknown-linux-gnu",
            Self::Arm => "armv7-unknown-linux-gnueabihf",
            Self::Riscv64 => "riscv64-unknown-linux-gnu",
            Self::Ppc64le => "powerpc64le-unknown-linux-gnu",
        }
    }

    /// The triple in the names of Debian's cross compilers.
    #[must_use]
    pub const fn gnu_triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-linux-gnu",
            Self::X86_32 => "i686-linux-gnu",
            Self::Aarch64 => "aarch64-linux-gnu",
            Self::Arm => "arm-linux-gnueabihf",
            Self::Riscv64 => "riscv64-linux-gnu",
            Self::Ppc64le => "powerpc64le-linux-gnu",
        }
    }

    /// Rust's `target_arch`.
    #[must_use]
    pub const fn target_arch(self) -> &'static str {
        match self {
            Self::X86_32 => "x86",
            Self::Ppc64le => "powerpc64",
            other => other.name(),
        }
    }

    /// Whether this program runs on it.
    #[must_use]
    pub fn is_native(self) -> bool {
        self.target_arch() == env::consts::ARCH
    }

    /// Bytes of a pointer and of C's `long`.
    #[must_use]
    pub const fn pointer_bytes(self) -> u64 {
        match self {
            Self::X86_64 | Self::Aarch64 | Self::Riscv64 | Self::Ppc64le => 8,
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
            Self::Ppc64le => "arch-ppc",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no architecture of Xen's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown architecture {name:?}{}; known: {}", did_you_mean(nearest.as_deref()), known())]
pub struct UnknownArch {
    /// The text.
    pub name: String,
    /// The known name most like it, if one is.
    pub nearest: Option<String>,
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default()
}

fn known() -> String {
    Arch::READABLE.map(Arch::name).join(", ")
}

impl FromStr for Arch {
    type Err = UnknownArch;

    /// Takes the [`name`](Arch::name), Debian's, and other usual ones.
    fn from_str(text: &str) -> Result<Self, UnknownArch> {
        let known = match text {
            "x86" | "i686" | "i386" => Some(Self::X86_32),
            "amd64" | "x86-64" => Some(Self::X86_64),
            "arm64" => Some(Self::Aarch64),
            "arm32" | "armhf" => Some(Self::Arm),
            "ppc64el" | "powerpc64le" => Some(Self::Ppc64le),
            _ => Self::READABLE.into_iter().find(|arch| arch.name() == text),
        };
        let score = |arch: Self| strsim::jaro_winkler(text, arch.name());
        known.ok_or_else(|| {
            let alike = Self::READABLE.into_iter().filter(|arch| score(*arch) > 0.7);
            let nearest = alike.max_by(|a, b| score(*a).total_cmp(&score(*b)));
            UnknownArch {
                name: text.to_owned(),
                nearest: nearest.map(|arch| arch.name().to_owned()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for arch in Arch::READABLE {
            assert_eq!(arch.name().parse(), Ok(arch));
            assert_eq!(arch.debian().parse(), Ok(arch));
        }
        let error = "aarch46".parse::<Arch>().unwrap_err().to_string();
        assert!(error.contains("did you mean \"aarch64\"?"), "{error}");
        assert!(!"mips".parse::<Arch>().unwrap_err().to_string().contains("did you mean"));
    }
}
