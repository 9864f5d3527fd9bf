//! Names of grants on the command line.

use std::str::FromStr;

use xen_linux::xen_ops::page::PAGE_SIZE;
use xen_linux::{DomainId, RemoteGrant, domid_t, grant_ref_t};

/// How many grants one name can have.
const MAX_GRANTS: u32 = 65_536;

/// Consecutive grants of one domain: `3:8`, or `3:8-15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grants {
    domain: DomainId,
    first: u32,
    last: u32,
}

impl Grants {
    pub(crate) fn iter(self) -> impl ExactSizeIterator<Item = RemoteGrant> + Clone {
        // At most `MAX_GRANTS`; and a range of `usize` has a length.
        let count = (self.last - self.first + 1) as usize;
        (0..count).map(move |n| RemoteGrant::new(self.domain, grant_ref_t(self.first + n as u32)))
    }
}

impl FromStr for Grants {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("`{text}` is not a grant: write DOMAIN:REFERENCE, as 3:8 or 3:8-15");
        let (domain, references) = text.split_once(':').ok_or_else(form)?;
        let domain = self::domain(domain)?;
        let (first, last) = references.split_once('-').unwrap_or((references, references));
        let (first, last) = (number(first)?, number(last)?);
        match last.checked_sub(first) {
            Some(count) if count < MAX_GRANTS => Ok(Self { domain, first, last }),
            Some(_) => Err(format!("`{text}` are more than {MAX_GRANTS} grants")),
            None => Err(format!("`{text}` ends before it begins")),
        }
    }
}

/// Either side of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Grants, and the byte in the first of them at which the copy begins: `3:8`, or `3:8+0x40`.
    Grants { grants: Grants, offset: usize },
    /// A file.
    File(String),
    /// Standard input or output: `-`.
    Standard,
}

impl FromStr for End {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A path can begin with `./`.
        let is_grant = text.contains(':') && text.starts_with(|first: char| first.is_ascii_digit());
        match text {
            "-" => Ok(Self::Standard),
            _ if is_grant => {
                let (grants, offset) = text.split_once('+').unwrap_or((text, "0"));
                Ok(Self::Grants { grants: grants.parse()?, offset: offset_in_page(offset)? })
            }
            _ => Ok(Self::File(text.to_owned())),
        }
    }
}

/// The number of a domain.
pub(crate) fn domain(text: &str) -> Result<DomainId, String> {
    let number = number(text)?;
    let domid = u16::try_from(number).map_err(|_| format!("{number} is not a domain"))?;
    DomainId::new(domid_t(domid)).map_err(|error| error.to_string())
}

/// A byte in a page.
pub(crate) fn offset_in_page(text: &str) -> Result<usize, String> {
    match number(text)? as usize {
        offset if offset < PAGE_SIZE => Ok(offset),
        offset => Err(format!("byte {offset} is outside the page, which has {PAGE_SIZE}")),
    }
}

/// A number, decimal or hexadecimal.
pub(crate) fn number(text: &str) -> Result<u32, String> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = hexadecimal.map_or((text, 10), |digits| (digits, 16));
    let number = u32::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'));
    number.ok_or_else(|| format!("`{text}` is not a number from 0 to {}", u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.parse::<Grants>().unwrap().iter().map(|grant| grant.to_string()).collect()
    }

    #[test]
    fn grants_have_names() {
        assert_eq!(names("3:8"), ["grant 8 of d3"]);
        assert_eq!(names("0x10:0xff-256"), ["grant 255 of d16", "grant 256 of d16"]);
        assert_eq!(names("3:4294967295").len(), 1);
    }

    #[test]
    fn bad_names_are_explained() {
        for (text, why) in [
            ("8", "write DOMAIN:REFERENCE"),
            ("", "write DOMAIN:REFERENCE"),
            ("3:", "`` is not a number"),
            (":8", "`` is not a number"),
            ("3:-1", "`` is not a number"),
            ("3:8-", "`` is not a number"),
            ("3:8-7", "ends before it begins"),
            ("3:0-65536", "more than 65536 grants"),
            ("3:0-4294967295", "more than 65536 grants"),
            ("3:4294967296", "`4294967296` is not a number"),
            ("0x7ff0:1", "0x7ff0 is a reserved domain id"),
            ("65536:1", "65536 is not a domain"),
            ("3:+8", "`+8` is not a number"),
            ("3:0x+8", "`0x+8` is not a number"),
            ("3:0x", "`0x` is not a number"),
        ] {
            let error = text.parse::<Grants>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_copy_has_two_ends() {
        let grants = |text: &str| text.parse().unwrap();
        let end = |text: &str| text.parse::<End>();
        assert_eq!(end("-"), Ok(End::Standard));
        assert_eq!(end("data:8"), Ok(End::File("data:8".into())));
        assert_eq!(end("./3:8"), Ok(End::File("./3:8".into())));
        assert_eq!(end("3:8"), Ok(End::Grants { grants: grants("3:8"), offset: 0 }));
        assert_eq!(end("3:8-9+0xfff"), Ok(End::Grants { grants: grants("3:8-9"), offset: 4095 }));
        assert!(end("3:8+4096").unwrap_err().contains("outside the page"));
        assert!(end("3:8+").unwrap_err().contains("`` is not a number"));
    }
}
