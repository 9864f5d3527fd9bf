//! A plain guest on the model: everything that a [`GrantTable`] needs.

#![allow(unsafe_code, reason = "starts the table, and says where its memory is")]

use std::fmt;
use std::ops::Range;
use std::ptr::NonNull;

use xen_abi::xen::{DOMID_SELF, xen_pfn_t};
use xen_ops::gnttab::{
    BitmapLine, Config, FrameRange, GrantTable, PageAllocator, ReaperSlot, StartError, TableFrames,
    TableStorage, Translated, Version,
};
use xen_ops::hypercall::{Error, Hypercall, grant_table_op};
use xen_ops::page::Exhausted;

use crate::config::GuestKind;
use crate::domain::Domain;
use crate::page::{Page, Table};

/// Where a translated guest of the model puts its grant table, and the status frames.
const TABLE_GFN: u64 = 0xf_0000;
const STATUS_GFN: u64 = 0xf_8000;

/// Where a domain's grant table appears; [`Domain::table_frames`] gives it, to one at a time.
///
/// A translated guest places the frames by `XENMEM_add_to_physmap`, a PV guest has them listed by
/// `GNTTABOP_setup_table`.
#[derive(Debug)]
pub struct Frames {
    table: Table,
    capacity: u32,
    shared: NonNull<u8>,
    status: Option<NonNull<u8>>,
}

// SAFETY: addresses of the machine's memory, which is accessed atomically from any thread.
unsafe impl Send for Frames {}
// SAFETY: as above.
unsafe impl Sync for Frames {}

// SAFETY: the table has its own memory there, in one piece, for as many frames as there can be, as long
// as the machine, which the value holds.
unsafe impl TableFrames for Frames {
    fn capacity(&self) -> u32 {
        self.capacity
    }

    fn shared(&self) -> NonNull<u8> {
        self.shared
    }

    fn status(&self) -> Option<NonNull<u8>> {
        self.status
    }

    fn attach<X: Hypercall>(
        &mut self,
        xen: &X,
        version: Version,
        frames: Range<u32>,
    ) -> Result<(), Error> {
        if self.table.domain.kind == GuestKind::Pv {
            // Listing them is what makes them a PV guest's to map; they are mapped already.
            let mut list = vec![xen_pfn_t(0); frames.end as usize];
            grant_table_op::setup_table(xen, DOMID_SELF, &mut list)?;
            if version == Version::V2 {
                let mut list = vec![0; frames.end.div_ceil(8) as usize];
                grant_table_op::get_status_frames(xen, DOMID_SELF, &mut list)?;
            }
            return Ok(());
        }
        let area = |address, frame| FrameRange { address, frame: xen_pfn_t(frame) };
        // SAFETY: the model's guests have nothing else at these frame numbers, and the value is the only
        // one of its domain.
        let mut translated = unsafe {
            let translated = Translated::new(area(self.shared, TABLE_GFN), self.capacity);
            match self.status {
                Some(status) => translated.with_status(area(status, STATUS_GFN)),
                None => translated,
            }
        };
        translated.attach(xen, version, frames)
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        let mut state = self.table.domain.machine.lock();
        if let Some(domain) = state.domain_mut(self.table.domain.domid) {
            domain.table_taken = false;
        }
    }
}

/// Memory for the state of one [`GrantTable`].
pub struct Storage {
    lines: Vec<BitmapLine>,
    slots: Vec<ReaperSlot<Page>>,
}

impl Storage {
    /// For a table of up to `frames` frames of version 1, or twice as many of version 2, and for
    /// `deferred` grants that were dropped in use.
    #[must_use]
    pub fn new(frames: usize, deferred: usize) -> Self {
        Self {
            lines: std::iter::repeat_with(BitmapLine::new).take(2 * frames).collect(),
            slots: std::iter::repeat_with(ReaperSlot::new).take(deferred).collect(),
        }
    }

    /// The memory, for one table.
    pub fn room(&mut self) -> TableStorage<'_, Page> {
        TableStorage::new(&mut self.lines, &mut self.slots)
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("lines", &self.lines.len()).finish_non_exhaustive()
    }
}

/// A table that was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableError {
    /// The domain's table is in use already: drop what [`Domain::grant_table`] or
    /// [`Domain::table_frames`] gave before.
    Taken,
    /// It did not start.
    Start(StartError),
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => write!(f, "the domain's grant table is in use already"),
            Self::Start(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for TableError {}

impl Domain {
    /// Where the domain's grant table appears, or `None` while somebody has it.
    #[must_use]
    pub fn table_frames(&self) -> Option<Frames> {
        let mut state = self.machine.lock();
        let domain = state.domain_mut(self.domid)?;
        if std::mem::replace(&mut domain.table_taken, true) {
            return None;
        }
        let (shared, status) = domain.grants.bases();
        let capacity = domain.grants.max_frames;
        drop(state);
        let status = (self.kind != GuestKind::Arm).then_some(status);
        Some(Frames { table: self.table(), capacity, shared, status })
    }

    /// The domain's grant table, started.
    ///
    /// ```
    /// use xen_sim::{DomainConfig, GuestKind, Storage, Xen};
    ///
    /// let xen = Xen::new();
    /// let guest = xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
    /// let mut storage = Storage::new(64, 16);
    /// let table = guest.grant_table(&mut storage, Default::default()).unwrap();
    /// assert_eq!((table.frames(), table.max_frames()), (1, 64));
    /// assert_eq!(table.free_refs(), 512 - 8);
    /// ```
    ///
    /// # Errors
    ///
    /// [`TableError::Taken`] if it is in use already, [`TableError::Start`] if it does not start.
    pub fn grant_table<'s>(
        &self,
        storage: &'s mut Storage,
        config: Config,
    ) -> Result<GrantTable<'s, Self, Frames, Page>, TableError> {
        let frames = self.table_frames().ok_or(TableError::Taken)?;
        // SAFETY: there is one `Frames` of a domain at a time, and who writes entries otherwise does so
        // by unsafe code.
        let table = unsafe { GrantTable::start(self.clone(), frames, storage.room(), config) };
        table.map_err(TableError::Start)
    }
}

impl PageAllocator for Domain {
    type Page = Page;

    fn take(&self) -> Result<Page, Exhausted> {
        self.page().ok_or(Exhausted)
    }
}
