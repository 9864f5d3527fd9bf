//! A domain's grant table: entries in memory that it shares with Xen, and Xen's record of those in
//! use.

#![allow(unsafe_code, reason = "reaches into the shared entries, atomically")]

use std::collections::{BTreeMap, BTreeSet};
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, fence};

use xen_abi::grant_table::*;
use xen_abi::xen::domid_t;
use xen_ops::page::PAGE_SIZE;

use crate::config::DomainConfig;
use crate::state::frames::{Frames, Mfn};
use crate::state::pins::Active;

/// Number of entries reserved for the toolstack.
pub(crate) const RESERVED: u32 = GNTTAB_NR_RESERVED_ENTRIES;

pub(crate) struct GrantTable {
    /// 1 until the domain chooses.
    pub(crate) version: u32,
    pub(crate) max_version: u32,
    pub(crate) frames: u32,
    pub(crate) max_frames: u32,
    /// Frames of status words; none in version 1.
    pub(crate) status_frames: u32,
    shared: Region,
    status: Region,
    /// Entries in use, by reference. Others have no pin.
    pub(crate) active: BTreeMap<u32, Active>,
    /// Frames that the guest has mapped at some time: what it writes to others is lost.
    exposed: BTreeSet<u32>,
}

/// Contiguous memory for as many frames as the table can have.
#[derive(Clone, Copy)]
struct Region {
    base: NonNull<u8>,
    first: Mfn,
}

// SAFETY: a region is memory of the machine's, accessed atomically.
unsafe impl Send for Region {}

/// One entry of the table, and its status word if it has one.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    shared: NonNull<u8>,
    status: Option<NonNull<u8>>,
    exposed: bool,
}

impl GrantTable {
    /// A table of version 1 with one frame.
    pub(crate) fn new(frames: &mut Frames, domid: domid_t, config: &DomainConfig) -> Self {
        let max = config.max_grant_frames;
        let mut table = Self {
            version: 1,
            max_version: config.max_grant_version,
            frames: 0,
            max_frames: max,
            status_frames: 0,
            shared: Region::new(frames, max),
            status: Region::new(frames, status_frames(max)),
            active: BTreeMap::new(),
            exposed: BTreeSet::new(),
        };
        table.grow(frames, domid, 1);
        table
    }

    /// Grows the table to `count` frames if it has fewer, with the status frames that those need.
    pub(crate) fn grow(&mut self, frames: &mut Frames, domid: domid_t, count: u32) {
        for at in self.frames..count.min(self.max_frames) {
            frames.assign(self.shared_mfn(at), domid);
        }
        self.frames = self.frames.max(count.min(self.max_frames));
        if self.version == 2 {
            self.add_status_frames(frames, domid);
        }
    }

    /// Adds the status frames that a table of version 2 needs.
    pub(crate) fn add_status_frames(&mut self, frames: &mut Frames, domid: domid_t) {
        let needed = status_frames(self.frames);
        for at in self.status_frames..needed {
            frames.assign(self.status_mfn(at), domid);
        }
        self.status_frames = self.status_frames.max(needed);
    }

    /// The frame of entries with index `at`.
    pub(crate) fn shared_mfn(&self, at: u32) -> Mfn {
        Mfn(self.shared.first.0 + u64::from(at))
    }

    /// The frame of status words with index `at`.
    pub(crate) fn status_mfn(&self, at: u32) -> Mfn {
        Mfn(self.status.first.0 + u64::from(at))
    }

    /// The addresses of the first entry and the first status word.
    pub(crate) fn bases(&self) -> (NonNull<u8>, NonNull<u8>) {
        (self.shared.base, self.status.base)
    }

    /// Number of entries.
    pub(crate) fn entries(&self) -> u32 {
        self.frames.saturating_mul(self.per_frame())
    }

    fn per_frame(&self) -> u32 {
        (PAGE_SIZE / self.entry_size()) as u32
    }

    fn entry_size(&self) -> usize {
        if self.version == 1 { size_of::<grant_entry_v1>() } else { size_of::<grant_entry_v2>() }
    }

    /// The entry with reference `ref_`, or `None` beyond the end of the table.
    pub(crate) fn entry(&self, ref_: u32) -> Option<Entry> {
        if ref_ >= self.entries() {
            return None;
        }
        let index = ref_ as usize;
        let status = (self.version == 2)
            // SAFETY: there are status words for all entries.
            .then(|| unsafe { self.status.base.add(index * size_of::<u16>()) });
        Some(Entry {
            // SAFETY: inside the table.
            shared: unsafe { self.shared.base.add(index * self.entry_size()) },
            status,
            exposed: ref_ < RESERVED || self.exposed.contains(&(ref_ / self.per_frame())),
        })
    }

    /// Notes that a guest has mapped a frame of entries. What was written to it before is lost.
    pub(crate) fn expose(&mut self, at: u32) {
        if self.exposed.insert(at) {
            let first = (at * self.per_frame()).max(RESERVED);
            for ref_ in first..(at + 1) * self.per_frame() {
                if let Some(entry) = self.entry(ref_) {
                    entry.clear(self.entry_size());
                }
            }
        }
    }

    /// Notes that Xen itself writes an entry, which is then there whether the guest has mapped the
    /// frame or not.
    pub(crate) fn expose_entry(&mut self, ref_: u32) {
        self.expose(ref_ / self.per_frame());
    }

    /// Clears all entries.
    pub(crate) fn clear(&self) {
        for ref_ in 0..self.entries() {
            if let Some(entry) = self.entry(ref_) {
                entry.clear(self.entry_size());
            }
        }
    }
}

/// Frames of status words that `frames` frames of entries need.
pub(crate) const fn status_frames(frames: u32) -> u32 {
    const ENTRIES: u32 = (PAGE_SIZE / size_of::<grant_entry_v2>()) as u32;
    const WORDS: u32 = (PAGE_SIZE / size_of::<grant_status_t>()) as u32;
    (frames * ENTRIES).div_ceil(WORDS)
}

impl Region {
    fn new(frames: &mut Frames, count: u32) -> Self {
        let first = frames.reserve(count as usize);
        let base = frames.address(first).unwrap_or(NonNull::dangling());
        Self { base, first }
    }
}

impl Entry {
    fn word(&self, at: usize) -> &AtomicU32 {
        // SAFETY: entries are 8 bytes or more, aligned to 8, and valid as long as the machine;
        // their words are accessed atomically only.
        unsafe { self.shared.add(at).cast::<AtomicU32>().as_ref() }
    }

    fn long(&self) -> &AtomicU64 {
        // SAFETY: version 2 entries are 16 bytes, aligned to 8, and valid as long as the machine.
        unsafe { self.shared.add(8).cast::<AtomicU64>().as_ref() }
    }

    fn status_word(&self) -> Option<&AtomicU16> {
        // SAFETY: a status word, aligned, valid as long as the machine.
        self.status.map(|status| unsafe { status.cast::<AtomicU16>().as_ref() })
    }

    fn clear(&self, size: usize) {
        for at in (0..size).step_by(size_of::<u32>()) {
            self.word(at).store(0, Relaxed);
        }
    }

    /// Whether it is of version 2.
    pub(crate) fn is_v2(&self) -> bool {
        self.status.is_some()
    }

    /// Flags in the low half, domain in the high one.
    pub(crate) fn header(&self) -> Header {
        Header(if self.exposed { self.word(0).load(Acquire) } else { 0 })
    }

    /// Replaces the header if it still is `old`.
    ///
    /// # Errors
    ///
    /// The header as it is, if the guest has changed it.
    pub(crate) fn exchange(&self, old: Header, new: Header) -> Result<(), Header> {
        match self.word(0).compare_exchange(old.0, new.0, AcqRel, Acquire) {
            Ok(_) => Ok(()),
            Err(actual) => Err(Header(actual)),
        }
    }

    /// Writes the header.
    pub(crate) fn set_header(&self, header: Header) {
        self.word(0).store(header.0, Release);
    }

    /// Sets flags in the header.
    pub(crate) fn set_flags(&self, flags: GrantEntryFlags) {
        self.word(0).fetch_or(flags.bits().into(), AcqRel);
    }

    /// The reading and writing bits, wherever this version has them.
    pub(crate) fn status(&self) -> GrantEntryFlags {
        let word = self.status_word().map(|word| GrantEntryFlags(word.load(Acquire)));
        word.unwrap_or_else(|| self.header().flags()) & (GTF_reading | GTF_writing)
    }

    /// Sets bits in the status word of version 2. Either the guest that clears the header reads the
    /// bits, or Xen reads the cleared header.
    pub(crate) fn raise(&self, flags: GrantEntryFlags) {
        if let Some(word) = self.status_word() {
            word.fetch_or(flags.bits(), AcqRel);
            fence(SeqCst);
        }
    }

    /// Clears reading and writing bits, wherever this version has them.
    pub(crate) fn lower(&self, flags: GrantEntryFlags) {
        match self.status_word() {
            Some(word) => word.fetch_and(!flags.bits(), AcqRel),
            None => self.word(0).fetch_and(!u32::from(flags.bits()), AcqRel) as u16,
        };
    }

    /// Writes the status word of version 2.
    pub(crate) fn set_status(&self, flags: GrantEntryFlags) {
        if let Some(word) = self.status_word() {
            word.store(flags.bits(), Release);
        }
    }

    /// The frame number.
    pub(crate) fn frame(&self) -> u64 {
        if self.is_v2() { self.long().load(Relaxed) } else { u64::from(self.word(4).load(Relaxed)) }
    }

    /// Writes the frame number, of which version 1 keeps 32 bits.
    pub(crate) fn set_frame(&self, frame: u64) {
        if self.is_v2() {
            self.long().store(frame, Relaxed);
        } else {
            self.word(4).store(frame as u32, Relaxed);
        }
    }

    /// Offset and length, in bytes, of a version 2 sub-page grant.
    pub(crate) fn window(&self) -> (u16, u16) {
        let word = self.word(4).load(Relaxed);
        (word as u16, (word >> 16) as u16)
    }

    /// Domain and reference that a version 2 transitive grant names.
    pub(crate) fn transitive(&self) -> (domid_t, u32) {
        (domid_t(self.word(4).load(Relaxed) as u16), self.long().load(Relaxed) as u32)
    }

    /// The words of the entry, for moving it.
    pub(crate) fn words(&self) -> [u32; 4] {
        let words = if self.is_v2() { 4 } else { 2 };
        std::array::from_fn(|at| if at < words { self.word(at * 4).load(Acquire) } else { 0 })
    }

    /// Writes all words of the entry, the header last.
    pub(crate) fn set_words(&self, words: [u32; 4]) {
        let count = if self.is_v2() { 4 } else { 2 };
        for (at, word) in words.into_iter().enumerate().take(count).skip(1) {
            self.word(at * 4).store(word, Relaxed);
        }
        self.word(0).store(words[0], Release);
    }
}

/// First word of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header(pub(crate) u32);

impl Header {
    pub(crate) fn new(flags: GrantEntryFlags, domid: domid_t) -> Self {
        Self(u32::from(flags.bits()) | u32::from(domid.0) << 16)
    }

    pub(crate) fn flags(self) -> GrantEntryFlags {
        GrantEntryFlags(self.0 as u16)
    }

    pub(crate) fn domid(self) -> domid_t {
        domid_t((self.0 >> 16) as u16)
    }

    pub(crate) fn with(self, flags: GrantEntryFlags) -> Self {
        Self(self.0 | u32::from(flags.bits()))
    }
}
