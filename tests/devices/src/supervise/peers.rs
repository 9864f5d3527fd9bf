//! The other domains, the same for every supervised program.
//!
//! The program runs in domain 0. Domains 1 to [`LAST`] exist, except [`GONE`]. Each of them has
//! granted domain 0 the pages with references from 8 to [`REFERENCES`] - 1, writable but for
//! [`READ_ONLY`]; a page's first eight bytes are domain and reference as two 32-bit numbers, the
//! rest is zero. Memory of theirs has frames from 0 to [`FRAMES`] - 1, except [`PAGED_OUT`], which
//! is there only later; a frame's first eight bytes are its number.
//!
//! A mapped page has its earlier contents. What the program writes to it becomes the page's when it is
//! unmapped: until then other mappings of the same page do not show it, but a grant copy does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

/// Bytes of a page.
pub const PAGE: u64 = 4096;
/// The last domain that there is.
pub const LAST: u16 = 99;
/// A domain that has been destroyed.
pub const GONE: u16 = 7;
/// References from here on are past a domain's table.
pub const REFERENCES: u32 = 1 << 15;
/// The reference of a page that is granted for reading.
pub const READ_ONLY: u32 = 9;
/// Frames from here on do not exist.
pub const FRAMES: u64 = 1 << 20;
/// A frame that is paged out.
pub const PAGED_OUT: u64 = 13;

/// Statuses of grant operations.
pub(crate) mod status {
    pub(crate) const GENERAL_ERROR: i16 = -1;
    pub(crate) const BAD_DOMAIN: i16 = -2;
    pub(crate) const BAD_GNTREF: i16 = -3;
}

/// Whether the domain exists.
pub(crate) fn exists(domid: u32) -> bool {
    domid <= u32::from(LAST) && domid != u32::from(GONE)
}

/// Where a page's bytes are.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) file: Rc<File>,
    pub(crate) offset: u64,
}

impl Page {
    pub(crate) fn read(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(bytes, self.offset + offset)
    }

    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.offset + offset)
    }

    pub(crate) fn copy_to(&self, other: &Self) -> io::Result<()> {
        let mut bytes = [0; PAGE as usize];
        self.read(0, &mut bytes)?;
        other.write(0, &bytes)
    }
}

/// A granted page: a domain and its reference.
pub(crate) type Grant = (u32, u32);

/// Every granted page: its domain, and its bytes.
#[derive(Debug)]
pub(crate) struct Grants {
    memory: Rc<File>,
    /// Bytes of `memory` in use.
    used: u64,
    places: BTreeMap<Grant, Page>,
    /// References of domain 0's own that are granted for reading.
    read_only: BTreeSet<u32>,
}

impl Grants {
    /// The other domains' pages are in a file, which grows.
    pub(crate) fn new(memory: File) -> Self {
        Self {
            memory: Rc::new(memory),
            used: 0,
            places: BTreeMap::new(),
            read_only: BTreeSet::new(),
        }
    }

    /// The page that a grant is of, if domain 0 may use it, or a status.
    pub(crate) fn find(&mut self, grant: Grant, writable: bool) -> Result<Page, i16> {
        let (domid, reference) = grant;
        if !exists(domid) {
            return Err(status::BAD_DOMAIN);
        }
        if !(8..REFERENCES).contains(&reference) {
            return Err(status::BAD_GNTREF);
        }
        let is_read_only =
            if domid == 0 { self.read_only.contains(&reference) } else { reference == READ_ONLY };
        if writable && is_read_only {
            return Err(status::GENERAL_ERROR);
        }
        if let Some(page) = self.places.get(&grant) {
            return Ok(page.clone());
        }
        if domid == 0 {
            return Err(status::GENERAL_ERROR);
        }
        let page = self.fresh().map_err(|_| status::GENERAL_ERROR)?;
        let names = [domid.to_ne_bytes(), reference.to_ne_bytes()].concat();
        page.write(0, &names).map_err(|_| status::GENERAL_ERROR)?;
        self.places.insert(grant, page.clone());
        Ok(page)
    }

    /// A page of zeroes.
    pub(crate) fn fresh(&mut self) -> io::Result<Page> {
        let page = Page { file: Rc::clone(&self.memory), offset: self.used };
        page.write(0, &[0; PAGE as usize])?;
        self.used += PAGE;
        Ok(page)
    }

    /// The page has moved.
    pub(crate) fn moved(&mut self, grant: Grant, to: Page) {
        self.places.insert(grant, to);
    }

    /// Grants a page of domain 0's own, under the lowest free reference.
    pub(crate) fn grant(&mut self, page: Page) -> Option<u32> {
        let mut references = 8..REFERENCES;
        let reference = references.find(|reference| !self.places.contains_key(&(0, *reference)))?;
        self.places.insert((0, reference), page);
        Some(reference)
    }

    /// As [`grant`](Self::grant), for reading.
    pub(crate) fn grant_read_only(&mut self, page: Page) -> Option<u32> {
        let reference = self.grant(page)?;
        self.read_only.insert(reference);
        Some(reference)
    }

    /// Ends a grant of domain 0's own.
    pub(crate) fn end(&mut self, reference: u32) {
        self.places.remove(&(0, reference));
        self.read_only.remove(&reference);
    }
}
