//! The version numbers that a header tree carries in itself.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The numbers by which a tree's headers call themselves; 0 for one that they do not define.
///
/// They do not identify a layout: releases changed layouts without changing any of them. They
/// serve to say what a tree is near to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// `__XEN_LATEST_INTERFACE_VERSION__` of xen-compat.h.
    pub interface: u32,
    /// `XEN_DOMCTL_INTERFACE_VERSION` of domctl.h.
    pub domctl: u32,
    /// `XEN_SYSCTL_INTERFACE_VERSION` of sysctl.h.
    pub sysctl: u32,
}

impl Versions {
    /// Reads the numbers from the headers in `root`; `has` knows which there are.
    pub(crate) fn read(root: &Path, has: impl Fn(&str) -> bool) -> Result<Self, Error> {
        let number = |file: &'static str, name: &'static str| {
            if !has(file) {
                return Ok::<_, Error>(0);
            }
            let path = root.join(file);
            let text = fs::read(&path).map_err(|source| Error::read(&path, source))?;
            Ok(defined_number(&String::from_utf8_lossy(&text), name).unwrap_or(0))
        };
        Ok(Self {
            interface: number("xen-compat.h", "__XEN_LATEST_INTERFACE_VERSION__")?,
            domctl: number("domctl.h", "XEN_DOMCTL_INTERFACE_VERSION")?,
            sysctl: number("sysctl.h", "XEN_SYSCTL_INTERFACE_VERSION")?,
        })
    }

    /// Whether no number is missing.
    pub(crate) fn are_all_there(&self) -> bool {
        ![self.interface, self.domctl, self.sysctl].contains(&0)
    }

    /// Whether any number is above `other`'s.
    pub(crate) fn exceeds(&self, other: &Self) -> bool {
        self.interface > other.interface || self.domctl > other.domctl || self.sysctl > other.sysctl
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interface, domctl, sysctl } = self;
        write!(f, "interface {interface:#x}, domctl {domctl:#x}, sysctl {sysctl:#x}")
    }
}

/// The value of `#define name NUMBER`.
fn defined_number(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut words = line.trim_start().strip_prefix('#')?.split_whitespace();
        let (directive, macro_name, value) = (words.next()?, words.next()?, words.next()?);
        (directive == "define" && macro_name == name).then(|| number(value)).flatten()
    })
}

/// A C integer constant, decimal or hexadecimal, with or without its suffix.
fn number(text: &str) -> Option<u32> {
    let text = text.trim_end_matches(['u', 'U', 'l', 'L']);
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The file that names the release in an upstream checkout, beside its directory of headers.
pub(crate) const MAKEFILE: &str = "Makefile";

/// The release that an upstream checkout's `xen/Makefile` announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    /// What follows the numbers, for example ".3" or "-unstable".
    pub(crate) extra: String,
}

impl Announced {
    /// Reads `xen/Makefile` of the checkout whose public headers are in `root`, when there is one.
    pub(crate) fn read(root: &Path) -> Option<Self> {
        let makefile = root.parent()?.parent()?.join(MAKEFILE);
        Self::parse(&fs::read_to_string(makefile).ok()?)
    }

    fn parse(makefile: &str) -> Option<Self> {
        let extra = assigned(makefile, "XEN_EXTRAVERSION").unwrap_or_default();
        // "-unstable$(XEN_VENDORVERSION)": the variable is the builder's, not the release's.
        let extra = extra.split('$').next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
        Some(Self {
            major: assigned(makefile, "XEN_VERSION")?.parse().ok()?,
            minor: assigned(makefile, "XEN_SUBVERSION")?.parse().ok()?,
            extra: extra.chars().filter(|c| plain(*c)).collect(),
        })
    }
}

impl fmt::Display for Announced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}{}", self.major, self.minor, self.extra)
    }
}

/// The value of make's `export NAME = VALUE`, with any of its assignment operators.
fn assigned<'a>(makefile: &'a str, name: &str) -> Option<&'a str> {
    makefile.lines().find_map(|line| {
        let rest = line.strip_prefix("export").unwrap_or(line).trim_start().strip_prefix(name)?;
        let (operator, value) = rest.split_once('=')?;
        matches!(operator.trim(), "" | "?" | ":" | "::").then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_writes_them() {
        let text = "/* A */\n#define  AB 1\n # define A  0x0000001fU /* x */\n#define C yes\n";
        assert_eq!(defined_number(text, "A"), Some(0x1f));
        assert_eq!(defined_number(text, "AB"), Some(1));
        assert_eq!(defined_number(text, "C"), None);
        assert_eq!(defined_number(text, "D"), None);
    }

    #[test]
    fn the_makefile_names_the_release() {
        let parse = |text: &str| Announced::parse(text).map(|found| found.to_string());
        let unstable = "export XEN_VERSION       = 4\nexport XEN_SUBVERSION    = 23\n\
                        export XEN_EXTRAVERSION ?= -unstable$(XEN_VENDORVERSION)\n";
        assert_eq!(parse(unstable).as_deref(), Some("4.23-unstable"));
        assert_eq!(parse("XEN_VERSION=4\nXEN_SUBVERSION:=9\n").as_deref(), Some("4.9"));
        assert_eq!(parse("all:\n"), None);
    }

    #[test]
    fn one_larger_number_is_enough_to_exceed() {
        let base = Versions { interface: 2, domctl: 2, sysctl: 2 };
        assert!(!base.exceeds(&base));
        assert!(Versions { sysctl: 3, interface: 1, ..base }.exceeds(&base));
        assert!(!Versions { domctl: 1, ..base }.exceeds(&base));
    }
}
