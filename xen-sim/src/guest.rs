//! A guest's grant table, started by xen-ops: where its frames are mapped, and memory for its
//! state.

#![allow(unsafe_code, reason = "starts the table, and says where its memory is")]

use std::fmt;
use std::ops::Range;
use std::ptr::NonNull;

use xen_abi::xen::{DOMID_SELF, xen_pfn_t};
use xen_ops::gnttab::{
    BitmapLine, Config, FrameRange, GrantTable, ReaperSlot, StartError, TableFrames, TableStorage,
    Translated, Version,
};
use xen_ops::hypercall::{Error, Hypercall, grant_table_op};

use crate::abi::pfn;
use crate::config::GuestKind;
use crate::domain::Domain;
use crate::page::GuestPage;

/// First guest frames of the grant table and of its status words in a translated guest.
const TABLE_GFN: u64 = 0xf_0000;
const STATUS_GFN: u64 = 0xf_8000;

/// The frames of a domain's grant table, mapped; [`Domain::table_frames`] returns them. A domain
/// has one such value at a time.
///
/// A translated guest maps the frames by `XENMEM_add_to_physmap`, a PV guest by
/// `GNTTABOP_setup_table`.
#[derive(Debug)]
pub struct GrantFrames {
    domain: Domain,
    capacity: u32,
    shared: NonNull<u8>,
    status: Option<NonNull<u8>>,
}

// SAFETY: addresses of the machine's memory, which is accessed atomically from any thread.
unsafe impl Send for GrantFrames {}
// SAFETY: as above.
unsafe impl Sync for GrantFrames {}

// SAFETY: the table has its own contiguous memory, for as many frames as it can have, valid as long
// as the machine, which the value holds.
unsafe impl TableFrames for GrantFrames {
    fn capacity(&self) -> u32 {
        self.capacity
    }

    fn shared(&self) -> NonNull<u8> {
        self.shared
    }

    fn status(&self) -> Option<NonNull<u8>> {
        self.status
    }

    fn attach<H: Hypercall>(
        &mut self,
        xen: &H,
        version: Version,
        frames: Range<u32>,
    ) -> Result<(), Error> {
        if self.domain.kind == GuestKind::Pv {
            // A PV guest may map the frames once Xen has listed them. Here they are mapped already.
            let mut list = vec![xen_pfn_t(0); frames.end as usize];
            grant_table_op::setup_table(xen, DOMID_SELF, &mut list)?;
            if version == Version::V2 {
                let mut list = vec![0; frames.end.div_ceil(8) as usize];
                grant_table_op::get_status_frames(xen, DOMID_SELF, &mut list)?;
            }
            return Ok(());
        }
        let range = |address, frame| FrameRange { address, frame: pfn(frame) };
        // SAFETY: no guest has anything else at these frame numbers, and a domain has one value of
        // this type.
        let mut translated = unsafe {
            let translated = Translated::new(range(self.shared, TABLE_GFN), self.capacity);
            match self.status {
                Some(status) => translated.with_status(range(status, STATUS_GFN)),
                None => translated,
            }
        };
        translated.attach(xen, version, frames)
    }
}

impl Drop for GrantFrames {
    fn drop(&mut self) {
        let mut state = self.domain.machine.lock();
        if let Some(domain) = state.domain_mut(self.domain.domid) {
            domain.table_taken = false;
        }
    }
}

/// Memory for the state of one [`GrantTable`]: what a [`TableStorage`] borrows.
pub struct TableMemory {
    lines: Vec<BitmapLine>,
    slots: Vec<ReaperSlot<GuestPage>>,
}

impl TableMemory {
    /// Memory for a table of up to `frames` frames of version 1, or twice as many of version 2, and
    /// for up to `deferred` grants that are dropped while they are in use.
    #[must_use]
    pub fn new(frames: usize, deferred: usize) -> Self {
        Self {
            lines: std::iter::repeat_with(BitmapLine::new).take(2 * frames).collect(),
            slots: std::iter::repeat_with(ReaperSlot::new).take(deferred).collect(),
        }
    }

    /// Borrows the memory for a table.
    pub fn storage(&mut self) -> TableStorage<'_, GuestPage> {
        TableStorage::new(&mut self.lines, &mut self.slots)
    }
}

impl fmt::Debug for TableMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableMemory").field("lines", &self.lines.len()).finish_non_exhaustive()
    }
}

/// Why a domain's grant table was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableError {
    /// The domain's table is in use. Drop the value of [`Domain::grant_table`] or
    /// [`Domain::table_frames`] first.
    Taken,
    /// Xen refused a hypercall, or the memory is too small.
    Start(StartError),
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => {
                write!(f, "the domain's grant table is in use: drop the other value first")
            }
            Self::Start(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for TableError {}

impl Domain {
    /// The frames of the domain's grant table, or `None` while another value has them.
    #[must_use]
    pub fn table_frames(&self) -> Option<GrantFrames> {
        let mut state = self.machine.lock();
        let domain = state.domain_mut(self.domid)?;
        if std::mem::replace(&mut domain.table_taken, true) {
            return None;
        }
        let (shared, status) = domain.grants.bases();
        let capacity = domain.grants.max_frames;
        drop(state);
        let status = (self.kind != GuestKind::Arm).then_some(status);
        Some(GrantFrames { domain: self.clone(), capacity, shared, status })
    }

    /// Starts the domain's grant table.
    ///
    /// ```
    /// use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};
    ///
    /// let xen = Xen::new();
    /// let guest = xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
    /// let mut memory = TableMemory::new(64, 16);
    /// let table = guest.grant_table(&mut memory, Default::default()).unwrap();
    /// assert_eq!((table.frames(), table.max_frames()), (1, 64));
    /// assert_eq!(table.free_refs(), 512 - 8);
    /// ```
    ///
    /// # Errors
    ///
    /// [`TableError::Taken`] if it is in use, [`TableError::Start`] if xen-ops cannot start it.
    pub fn grant_table<'s>(
        &self,
        memory: &'s mut TableMemory,
        config: Config,
    ) -> Result<GrantTable<'s, Self, GrantFrames, GuestPage>, TableError> {
        let frames = self.table_frames().ok_or(TableError::Taken)?;
        // SAFETY: a domain has one `GrantFrames` at a time, and any other access to entries is
        // unsafe code's responsibility.
        let table = unsafe { GrantTable::start(self.clone(), frames, memory.storage(), config) };
        table.map_err(TableError::Start)
    }
}
