//! The other side of the protocols, as Xen does it: what the tests race against.

use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

use xen_abi::grant_table::{
    GTF_permit_access, GTF_reading, GTF_readonly, GTF_type_mask, GTF_writing,
};
use xen_abi::xen::domid_t;

use super::{COMMITTED, COMPLETED, EntryV1, EntryV2, Header, Status};
use crate::gnttab::references::fence;

/// How often Xen tries to claim an entry of version 1.
const TRIES: u32 = 5;

fn bits(write: bool) -> u16 {
    if write { (GTF_reading | GTF_writing).bits() } else { GTF_reading.bits() }
}

fn allows(header: u32, peer: domid_t, write: bool) -> bool {
    let header = Header(header);
    header.flags() & GTF_type_mask == GTF_permit_access
        && header.peer() == peer
        && !(write && header.flags().contains(GTF_readonly))
}

impl EntryV1 {
    /// Claims the entry for `peer`: gives the frame.
    pub fn claim(&self, peer: domid_t, write: bool) -> Option<u64> {
        let mut seen = self.header.load(Relaxed);
        for _ in 0..TRIES {
            if !allows(seen, peer, write) {
                return None;
            }
            let claimed = seen | u32::from(bits(write));
            match self.header.compare_exchange(seen, claimed, AcqRel, Relaxed) {
                Ok(_) => return Some(self.frame.load(Relaxed).into()),
                Err(now) => seen = now,
            }
        }
        None
    }

    /// Lets the entry go.
    pub fn unclaim(&self) {
        self.header.fetch_and(!u32::from(bits(true)), Release);
    }

    /// Puts a frame into an accept-transfer entry.
    pub fn complete(&self, frame: u32) {
        self.header.fetch_or(COMMITTED, Relaxed);
        self.frame.store(frame, Relaxed);
        self.header.fetch_or(COMPLETED, Release);
    }
}

impl EntryV2 {
    /// Claims the entry for `peer`: gives the frame.
    pub fn claim(&self, status: &Status, peer: domid_t, write: bool) -> Option<u64> {
        let before = status.0.fetch_or(bits(write), AcqRel);
        fence(SeqCst);
        if allows(self.header.load(Acquire), peer, write) {
            return Some(self.frame.load(Relaxed));
        }
        status.0.fetch_and(!(bits(write) & !before), Release);
        None
    }
}

impl Status {
    /// Lets the entry go.
    pub fn unclaim(&self) {
        self.0.fetch_and(!bits(true), Release);
    }
}
