//! Copies of the headers in kernels. Linux and U-Boot keep those that every architecture shares, and have their
//! own for the architecture, outside of the copy: `xen.h` takes it in by the kernel's include path.
//!
//! Stand-ins define what the kernels' header does as far as the copy needs it to be read. Structures that
//! only the kernels define stay absent, and so does what holds them.

use std::path::Path;

use devtools::Arch;

use super::included::{logical_lines, named_by};
use crate::ir::Location;

/// What stands for the kernel's header of the architecture, below the stand-ins' directory.
const INTERFACES: [&str; 2] = ["asm/xen/interface.h", "xen/arm/interface.h"];

/// The include path by which the headers of a copy name each other.
const PREFIX: &str = "xen/interface/";

/// The stand-in's text.
pub(super) const INTERFACE: &str = include_str!("../../stubs/kernel_interface.h");
const TYPES: &str = include_str!("../../stubs/kernel_types.h");

/// The stand-ins beside those that every tree gets.
const STUBS: [(&str, &str); 6] = [
    (INTERFACES[0], INTERFACE),
    (INTERFACES[1], INTERFACE),
    ("xen-abi/absent.h", include_str!("../../stubs/kernel_absent.h")),
    ("linux/types.h", TYPES),
    // For a lock beside the ABI.
    ("linux/spinlock.h", "typedef int spinlock_t;\n"),
    ("linux/net.h", ""),
];

/// A kernel's copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernel {
    /// The line of `xen.h` that includes the kernel's header of the architecture.
    line: usize,
    is_arm: bool,
}

impl Kernel {
    /// Whether `xen.h`, whose comments are gone, is of a kernel's copy.
    pub(super) fn detect(text: &str) -> Option<Self> {
        logical_lines(text).find_map(|(line, logical)| {
            let named = named_by(&logical)?;
            let at = INTERFACES.iter().position(|name| named == format!("<{name}>"))?;
            Some(Self { line, is_arm: at == 1 })
        })
    }

    /// Whether the copy serves `arch`.
    pub(super) fn has(self, arch: Arch) -> bool {
        match arch {
            Arch::Aarch64 | Arch::Arm => true,
            Arch::X86_64 | Arch::X86_32 => !self.is_arm,
            Arch::Riscv64 | Arch::Ppc64le => false,
        }
    }

    /// The files that stand for the kernel's, by path: `headers` are those of the copy.
    pub(super) fn stubs(headers: &[String]) -> Vec<(String, String)> {
        let own = STUBS.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let through = headers.iter();
        let through =
            through.map(|name| (format!("{PREFIX}{name}"), format!("#include <{name}>\n")));
        own.chain(through).collect()
    }

    /// The place of what is defined in the file at `path`, if that is the stand-in.
    pub(super) fn place(self, path: &Path) -> Option<Location> {
        INTERFACES.iter().any(|name| path.ends_with(name)).then(|| self.location())
    }

    /// Where `xen.h` includes the stand-in.
    pub(super) fn location(self) -> Location {
        Location { header: String::from("xen.h"), line: self.line }
    }
}

/// A header of the copy under the name that the tree has for it.
pub(super) fn in_tree(named: &str) -> &str {
    named.strip_prefix(PREFIX).unwrap_or(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_known_by_what_its_xen_h_includes() {
        let linux = Kernel::detect("#define A 1\n#include <asm/xen/interface.h>\n").unwrap();
        assert!(linux.has(Arch::X86_64) && linux.has(Arch::Arm) && !linux.has(Arch::Riscv64));
        assert_eq!(linux.line, 2);
        let uboot = Kernel::detect("#include <xen/arm/interface.h>\n").unwrap();
        assert!(uboot.has(Arch::Aarch64) && !uboot.has(Arch::X86_64));
        assert!(Kernel::detect("#include \"arch-x86/xen.h\"\n").is_none());
    }
}
