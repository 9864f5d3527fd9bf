//! The one translation unit that takes in every header of an architecture.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use devtools::Arch;
use xen_headers::HeaderTree;

use super::Source;
use super::kernel::Kernel;
use crate::error::Error;
use crate::exceptions;
use crate::ir::{Location, Omission, Profile};

/// The headers in the order they must be read.
#[derive(Debug)]
pub struct Includes {
    /// The `#include` lines.
    pub text: String,
    /// Every header that takes part, sorted, whether named in `text` or reached through another.
    pub headers: Vec<String>,
    /// The headers left out, with the reason.
    pub omitted: BTreeMap<String, Omission>,
}

impl Includes {
    fn include(&mut self, header: &str) {
        writeln!(self.text, "#include <{header}>").expect("writing to a string");
    }
}

/// Our stand-ins for headers of the C library and the kernel, in the directory layout that those of
/// the ABI expect.
const STUBS: [(&str, &str); 11] = [
    ("stdint.h", include_str!("../../stubs/stdint.h")),
    ("inttypes.h", "#include <stdint.h>\n"),
    ("stddef.h", include_str!("../../stubs/stddef.h")),
    ("sys/types.h", "#include <stddef.h>\n#include <stdint.h>\n"),
    ("string.h", "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\n"),
    // smccc.h reaches for xen.h by the hypervisor's own include path.
    ("public/xen.h", "#include <xen.h>\n"),
    // The kernel's headers know Xen's by the kernel's own include path.
    ("xen/interface/xen.h", "#include <xen.h>\n"),
    // Of the kernel's types only those that are the same everywhere are asked for.
    ("asm/bitsperlong.h", ""),
    ("linux/types.h", include_str!("../../stubs/linux_types.h")),
    // Every architecture of ours has the generic one.
    ("linux/ioctl.h", "#include <asm-generic/ioctl.h>\n"),
    (EDK2, include_str!("../../stubs/edk2.h")),
];

/// What EDK II's copy takes from the firmware's own headers without naming them.
const EDK2: &str = "xen-abi/edk2.h";

/// Writes the stand-ins for headers that are not of the ABI, and that those of `source` need, into `dir`.
pub fn write_stubs(source: &Source, dir: &Path) -> Result<(), Error> {
    let always = STUBS.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    // Those of a kernel's copy take the place of others.
    let of_kernel = source.kernel.map(|_| Kernel::stubs(&source.tree.headers));
    for (name, text) in always.chain(of_kernel.into_iter().flatten()) {
        let path = dir.join(name);
        let parent = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|source| Error::Io { action: "write", path, source, hint: "" })?;
    }
    Ok(())
}

/// Whether `name` is one of the stand-ins.
pub(super) fn is_stub(name: &str) -> bool {
    STUBS.iter().any(|(stub, _)| *stub == name)
}

/// What the preprocessor says where a header sets the interface version itself.
pub(super) const OVERRIDDEN: &str = "the interface version is not the one asked for";

/// The header of interface versions, which a copy in another project may lack.
const VERSIONS: &str = "xen-compat.h";

/// Stops where the headers do not have the interface version that is asked for.
fn check_version(source: &Source, profile: Profile) -> String {
    if !has(&source.tree, VERSIONS) {
        return String::new();
    }
    let wanted = match profile {
        Profile::Tools => String::from("__XEN_LATEST_INTERFACE_VERSION__"),
        Profile::Guest(version) => format!("{version:#x}"),
    };
    format!(
        "#include <xen-compat.h>\n#if __XEN_INTERFACE_VERSION__ != {wanted}\n\
         #error {OVERRIDDEN}\n#endif\n"
    )
}

fn has(tree: &HeaderTree, header: &str) -> bool {
    tree.headers.iter().any(|known| known == header)
}

/// Fails for an architecture that this tree is not of, and for a version where it has none.
pub(super) fn check_profile(source: &Source, arch: Arch, profile: Profile) -> Result<(), Error> {
    check_arch(source, arch)?;
    match profile {
        Profile::Guest(_) if !has(&source.tree, VERSIONS) => {
            Err(Error::NoInterfaceVersion { release: source.tree.label.clone() })
        }
        _ => Ok(()),
    }
}

/// Fails for an architecture that has no header of its own in this tree.
pub(super) fn check_arch(source: &Source, arch: Arch) -> Result<(), Error> {
    let (tree, prefix) = (&source.tree, arch.header_prefix());
    let is_of_kernel = source.kernel.is_some_and(|kernel| kernel.has(arch));
    if is_of_kernel || tree.headers.iter().any(|header| header.starts_with(prefix)) {
        return Ok(());
    }
    Err(Error::NoSuchArch {
        release: tree.label.clone(),
        header: format!("{prefix}.h"),
        arch: arch.name(),
    })
}

/// Chooses and orders the headers of `source` for one architecture.
#[must_use]
pub fn includes(source: &Source, arch: Arch, profile: Profile) -> Includes {
    includes_but(source, arch, profile, &BTreeSet::new())
}

/// The same without the headers that clang has rejected.
pub(super) fn includes_but(
    source: &Source,
    arch: Arch,
    profile: Profile,
    rejected: &BTreeSet<String>,
) -> Includes {
    let edk2 = if source.is_of_edk2 { format!("#include <{EDK2}>\n") } else { String::new() };
    let mut out = Includes {
        text: format!(
            "#include <stdint.h>\n#include <string.h>\n{edk2}{}#include <xen.h>\n",
            check_version(source, profile)
        ),
        headers: Vec::new(),
        omitted: BTreeMap::new(),
    };
    for header in &source.tree.headers {
        if header.starts_with("arch-") && !header.starts_with(arch.header_prefix()) {
            continue;
        }
        if rejected.contains(header) {
            continue;
        }
        if let Some(reason) = exceptions::skipped_header(header, arch, profile) {
            let location = Location { header: header.clone(), line: 1 };
            out.omitted.insert(header.clone(), Omission { location, reason });
            continue;
        }
        out.headers.push(header.clone());
        if header != "xen.h" && !exceptions::indirect_header(header) {
            out.include(header);
        }
    }
    if let Some(linux) = &source.linux {
        // They name types of Xen's, and ioctl.h's macros, without including either.
        out.include("linux/ioctl.h");
        linux.headers.keys().for_each(|header| out.include(header));
        out.headers.extend(linux.headers.keys().cloned());
        out.headers.sort();
    }
    out
}
