//! Entries of the table, and the protocols by which they are shared with Xen.
//!
//! Xen sets and clears the in-use bits at any time, from another CPU. In version 1 they are in the
//! entry's first 32 bits, beside everything that Xen checks, and Xen claims an entry by a
//! compare-and-swap of these 32 bits; so they are one atomic integer here too. In version 2 they are
//! in a word of their own, in the status frames.

#[cfg(loom)]
mod xen_side;

use core::fmt;
use core::sync::atomic::Ordering::{Acquire, Relaxed};

use xen_abi::grant_table::{
    GTF_accept_transfer, GTF_permit_access, GTF_reading, GTF_readonly, GTF_sub_page,
    GTF_transfer_committed, GTF_transfer_completed, GTF_transitive, GTF_writing, GrantEntryFlags,
    grant_ref_t,
};
use xen_abi::xen::domid_t;

use crate::gnttab::references::Orders;
use crate::gnttab::references::{AtomicU16, AtomicU32, AtomicU64};

/// Reading or writing: the peer uses the entry.
const IN_USE: u32 = low(GTF_reading.union(GTF_writing));
const WRITING: u32 = low(GTF_writing);
const READONLY: u32 = low(GTF_readonly);
const COMMITTED: u32 = low(GTF_transfer_committed);
const COMPLETED: u32 = low(GTF_transfer_completed);

/// Flags as the low half of an entry's first 32 bits.
const fn low(flags: GrantEntryFlags) -> u32 {
    flags.bits() as u32
}

/// The flags of a grant of this type.
const fn typed(type_: GrantEntryFlags, readonly: bool) -> GrantEntryFlags {
    if readonly { type_.union(GTF_readonly) } else { type_ }
}

/// How often a compare-and-swap is tried while the peer begins and ends to read.
const TRIES: u32 = 8;

/// The first 32 bits of an entry: the kind of the grant, and the domain that may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header(u32);

impl Header {
    const fn new(flags: GrantEntryFlags, peer: domid_t) -> Self {
        Self(low(flags) | (peer.0 as u32) << 16)
    }

    /// The peer may map and copy the whole page, and write it unless `readonly`.
    #[inline]
    #[must_use]
    pub const fn access(peer: domid_t, readonly: bool) -> Self {
        Self::new(typed(GTF_permit_access, readonly), peer)
    }

    /// The peer may copy from, and unless `readonly` to, a part of the page. Version 2.
    #[must_use]
    pub const fn sub_page(peer: domid_t, readonly: bool) -> Self {
        Self(Self::access(peer, readonly).0 | low(GTF_sub_page))
    }

    /// The peer may copy through a grant that a third domain made to this one. Version 2.
    #[must_use]
    pub const fn transitive(peer: domid_t, readonly: bool) -> Self {
        Self::new(typed(GTF_transitive, readonly), peer)
    }

    /// The peer may transfer a page. PV.
    #[must_use]
    pub const fn accept_transfer(peer: domid_t) -> Self {
        Self::new(GTF_accept_transfer, peer)
    }

    /// `GTF_*`.
    #[must_use]
    pub const fn flags(self) -> GrantEntryFlags {
        GrantEntryFlags(self.0 as u16)
    }

    /// The domain that may use the entry.
    #[must_use]
    pub const fn peer(self) -> domid_t {
        domid_t((self.0 >> 16) as u16)
    }
}

/// The peer still uses the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StillInUse;

impl fmt::Display for StillInUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer still uses the grant: end it again later, or let the reaper do it")
    }
}

impl core::error::Error for StillInUse {}

/// How far a transfer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// None has begun.
    Awaited,
    /// Xen has begun it, and will complete it soon.
    Committed,
    /// This frame has been received.
    Completed(u64),
}

/// The part of an entry that follows its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    word: u32,
    frame: u64,
}

impl Body {
    /// A whole page.
    #[inline]
    #[must_use]
    pub const fn page(frame: u64) -> Self {
        Self { word: 0, frame }
    }

    /// `length` bytes from `offset` on. Version 2.
    #[must_use]
    pub const fn sub_page(frame: u64, offset: u16, length: u16) -> Self {
        Self { word: offset as u32 | (length as u32) << 16, frame }
    }

    /// A grant of `owner`'s. Version 2.
    #[must_use]
    pub const fn transitive(owner: domid_t, reference: grant_ref_t) -> Self {
        Self { word: owner.0 as u32, frame: reference.0 as u64 }
    }
}

/// An entry of version 1.
#[derive(Debug, Default)]
#[repr(C)]
pub struct EntryV1 {
    header: AtomicU32,
    frame: AtomicU32,
}

/// An entry of version 2, without its status word.
#[derive(Debug, Default)]
#[repr(C)]
pub struct EntryV2 {
    header: AtomicU32,
    word: AtomicU32,
    frame: AtomicU64,
}

/// The status word of an entry of version 2. Xen writes it.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Status(AtomicU16);

#[cfg(not(loom))]
const _: () = {
    use core::mem::offset_of;
    use xen_abi::grant_table::{
        grant_entry_v1, grant_entry_v2, grant_entry_v2_full_page, grant_entry_v2_sub_page,
        grant_entry_v2_transitive, grant_status_t,
    };

    assert!(size_of::<EntryV1>() == size_of::<grant_entry_v1>());
    assert!(offset_of!(EntryV1, frame) == offset_of!(grant_entry_v1, frame));
    assert!(offset_of!(grant_entry_v1, flags) == 0 && offset_of!(grant_entry_v1, domid) == 2);
    assert!(size_of::<EntryV2>() == size_of::<grant_entry_v2>());
    assert!(offset_of!(EntryV2, frame) == offset_of!(grant_entry_v2_full_page, frame));
    assert!(offset_of!(EntryV2, frame) == offset_of!(grant_entry_v2_sub_page, frame));
    assert!(offset_of!(EntryV2, frame) == offset_of!(grant_entry_v2_transitive, gref));
    assert!(offset_of!(EntryV2, word) == offset_of!(grant_entry_v2_sub_page, page_off));
    assert!(offset_of!(EntryV2, word) + 2 == offset_of!(grant_entry_v2_sub_page, length));
    assert!(offset_of!(EntryV2, word) == offset_of!(grant_entry_v2_transitive, trans_domid));
    assert!(size_of::<Status>() == size_of::<grant_status_t>());
};

impl EntryV1 {
    /// Lets the peer use the entry. The entry must be unused: that of a free reference. Only
    /// the low 32 bits of the frame number are used.
    #[inline]
    pub fn publish<O: Orders>(&self, header: Header, body: Body) {
        self.frame.store(body.frame as u32, Relaxed);
        self.header.store(header.0, O::PUBLISH);
    }

    /// Ends the grant, or does nothing.
    ///
    /// # Errors
    ///
    /// [`StillInUse`] if the peer uses the entry.
    #[inline]
    pub fn end<O: Orders>(&self) -> Result<(), StillInUse> {
        let header = self.header.load(Relaxed);
        if header & IN_USE != 0 {
            return Err(StillInUse);
        }
        // Apart from its owner only Xen changes the header, when the peer begins or ends to use the
        // entry. So if it has changed since it was loaded, the peer uses the entry.
        match self.header.compare_exchange(header, 0, O::END, Relaxed) {
            Ok(_) => Ok(()),
            Err(_) => Err(StillInUse),
        }
    }

    /// As [`end`](Self::end), for an entry under which `header` was published: saves loading it first.
    #[inline]
    pub fn end_published<O: Orders>(&self, header: Header) -> Result<(), StillInUse> {
        match self.header.compare_exchange(header.0, 0, O::END, Relaxed) {
            Ok(_) => Ok(()),
            // In use, or empty after a suspend.
            Err(_) => self.end::<O>(),
        }
    }

    /// Makes the entry read-only, or does nothing.
    ///
    /// # Errors
    ///
    /// [`StillInUse`] if the peer can write the page now, or if its uses changed during every try.
    pub fn forbid_writing<O: Orders>(&self) -> Result<(), StillInUse> {
        let mut header = self.header.load(Relaxed);
        for _ in 0..TRIES {
            if header & WRITING != 0 {
                break;
            }
            match self.header.compare_exchange(header, header | READONLY, O::END, Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => header = now,
            }
        }
        Err(StillInUse)
    }

    /// Makes the entry writable.
    pub fn allow_writing<O: Orders>(&self) {
        self.header.fetch_and(!READONLY, O::PUBLISH);
    }

    /// How far the transfer has come that the entry accepts.
    #[must_use]
    pub fn transfer<O: Orders>(&self) -> Transfer {
        transfer::<O>(&self.header, || self.frame.load(Relaxed).into())
    }

    /// Ends an accept-transfer entry if no transfer has begun, or does nothing.
    ///
    /// # Errors
    ///
    /// [`StillInUse`] if a transfer has begun.
    pub fn end_transfer(&self) -> Result<(), StillInUse> {
        end_transfer(&self.header)
    }

    /// Clears the entry, which Xen no longer uses: that of a completed transfer.
    pub fn clear(&self) {
        self.header.store(0, Relaxed);
    }

    /// The entry's header and frame.
    #[must_use]
    pub fn read(&self) -> (Header, u64) {
        (Header(self.header.load(Acquire)), self.frame.load(Relaxed).into())
    }
}

impl EntryV2 {
    /// Lets the peer use the entry. The entry must be unused: that of a free reference.
    #[inline]
    pub fn publish<O: Orders>(&self, header: Header, body: Body) {
        self.word.store(body.word, Relaxed);
        self.frame.store(body.frame, Relaxed);
        self.header.store(header.0, O::PUBLISH);
    }

    /// Ends the grant: from now on the peer cannot begin to use the entry.
    ///
    /// # Errors
    ///
    /// [`StillInUse`] if it uses the entry already. Call this again later.
    #[inline]
    pub fn end<O: Orders>(&self, status: &Status) -> Result<(), StillInUse> {
        self.header.store(0, Relaxed);
        O::end_fence();
        status.without::<O>(GTF_reading | GTF_writing)
    }

    /// Makes the entry read-only, or leaves it as it was.
    ///
    /// The entry is read-only for a moment in any case: Xen refuses a peer that begins to write then.
    ///
    /// # Errors
    ///
    /// [`StillInUse`] if the peer can write the page now.
    pub fn forbid_writing<O: Orders>(&self, status: &Status) -> Result<(), StillInUse> {
        let before = self.header.fetch_or(READONLY, Relaxed);
        O::end_fence();
        let unused = status.without::<O>(GTF_writing);
        if unused.is_err() && before & READONLY == 0 {
            self.allow_writing::<O>();
        }
        unused
    }

    /// Makes the entry writable.
    pub fn allow_writing<O: Orders>(&self) {
        self.header.fetch_and(!READONLY, O::PUBLISH);
    }

    /// How far the transfer has come that the entry accepts.
    #[must_use]
    pub fn transfer<O: Orders>(&self) -> Transfer {
        transfer::<O>(&self.header, || self.frame.load(Relaxed))
    }

    /// Ends an accept-transfer entry if no transfer has begun, or does nothing.
    ///
    /// # Errors
    ///
    /// [`StillInUse`] if a transfer has begun.
    pub fn end_transfer(&self) -> Result<(), StillInUse> {
        end_transfer(&self.header)
    }

    /// Clears the entry, which Xen no longer uses: that of a completed transfer.
    pub fn clear(&self) {
        self.header.store(0, Relaxed);
    }

    /// The entry's header and frame.
    #[must_use]
    pub fn read(&self) -> (Header, u64) {
        (Header(self.header.load(Acquire)), self.frame.load(Relaxed))
    }
}

impl Status {
    /// Whether the peer does not use the entry.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        self.0.load(Relaxed) & (GTF_reading | GTF_writing).bits() == 0
    }

    #[inline]
    fn without<O: Orders>(&self, flags: GrantEntryFlags) -> Result<(), StillInUse> {
        if self.0.load(O::STATUS) & flags.bits() == 0 { Ok(()) } else { Err(StillInUse) }
    }
}

fn transfer<O: Orders>(header: &AtomicU32, frame: impl FnOnce() -> u64) -> Transfer {
    let flags = header.load(O::TRANSFER);
    if flags & COMPLETED != 0 {
        Transfer::Completed(frame())
    } else if flags & COMMITTED != 0 {
        Transfer::Committed
    } else {
        Transfer::Awaited
    }
}

fn end_transfer(header: &AtomicU32) -> Result<(), StillInUse> {
    let before = header.load(Relaxed);
    if before & (COMMITTED | COMPLETED) != 0 {
        return Err(StillInUse);
    }
    // As for access: if the header has changed, Xen has begun a transfer. No page was shared, so there is
    // nothing to order.
    match header.compare_exchange(before, 0, Relaxed, Relaxed) {
        Ok(_) => Ok(()),
        Err(_) => Err(StillInUse),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::gnttab::references::Proven;

    fn entry(header: u32) -> EntryV1 {
        EntryV1 { header: AtomicU32::new(header), frame: AtomicU32::new(7) }
    }

    #[test]
    fn a_transfer_is_awaited_committed_and_completed() {
        for (flags, transfer) in [
            (0, Transfer::Awaited),
            (COMMITTED, Transfer::Committed),
            (COMMITTED | COMPLETED, Transfer::Completed(7)),
        ] {
            let entry = entry(low(GTF_accept_transfer) | flags);
            assert_eq!(entry.transfer::<Proven>(), transfer);
            assert_eq!(entry.end_transfer().is_ok(), transfer == Transfer::Awaited);
        }
    }

    #[test]
    fn a_read_only_entry_stays_read_only() {
        let entry = entry(low(GTF_permit_access) | READONLY);
        assert_eq!(entry.forbid_writing::<Proven>(), Ok(()));
        assert_eq!(entry.header.load(Relaxed), low(GTF_permit_access) | READONLY);
    }
}
