//! The one translation unit that takes in every header of an architecture.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use xen_headers::HeaderTree;

use crate::arch::Arch;
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

/// Our stand-ins for the C library's headers, in the directory layout the public headers expect.
const STUBS: [(&str, &str); 6] = [
    ("stdint.h", include_str!("../../stubs/stdint.h")),
    ("inttypes.h", "#include <stdint.h>\n"),
    ("stddef.h", include_str!("../../stubs/stddef.h")),
    ("sys/types.h", "#include <stddef.h>\n#include <stdint.h>\n"),
    ("string.h", "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\n"),
    // smccc.h reaches for xen.h by the hypervisor's own include path.
    ("public/xen.h", "#include <xen.h>\n"),
];

/// Writes the stand-ins for the C library's headers into `dir`.
pub fn write_stubs(dir: &Path) -> Result<(), Error> {
    for (name, text) in STUBS {
        let path = dir.join(name);
        let parent = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|source| Error::Io { action: "write", path, source, hint: "" })?;
    }
    Ok(())
}

/// Fails for an architecture that has no header of its own in this tree.
pub(super) fn check_arch(tree: &HeaderTree, arch: Arch) -> Result<(), Error> {
    let prefix = arch.header_prefix();
    if tree.headers.iter().any(|header| header.starts_with(prefix)) {
        return Ok(());
    }
    Err(Error::NoSuchArch {
        release: tree.label.clone(),
        header: format!("{prefix}.h"),
        arch: arch.name(),
    })
}

/// Chooses and orders the headers of `tree` for one architecture.
#[must_use]
pub fn includes(tree: &HeaderTree, arch: Arch, profile: Profile) -> Includes {
    let mut out = Includes {
        text: String::from("#include <stdint.h>\n#include <string.h>\n#include <xen.h>\n"),
        headers: Vec::new(),
        omitted: BTreeMap::new(),
    };
    for header in &tree.headers {
        if header.starts_with("arch-") && !header.starts_with(arch.header_prefix()) {
            continue;
        }
        if let Some(reason) = exceptions::skipped_header(header, arch, profile) {
            let location = Location { header: header.clone(), line: 1 };
            out.omitted.insert(header.clone(), Omission { location, reason });
            continue;
        }
        out.headers.push(header.clone());
        if header != "xen.h" && !exceptions::indirect_header(header) {
            writeln!(out.text, "#include <{header}>").expect("writing to a string");
        }
    }
    out
}
