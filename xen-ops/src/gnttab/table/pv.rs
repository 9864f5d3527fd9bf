//! The table's frames in a PV guest.

#![allow(unsafe_code, reason = "places the table's frames in memory")]

use core::fmt;
use core::ops::Range;
use core::ptr::NonNull;

use xen_abi::xen::{DOMID_SELF, xen_pfn_t};

use super::frames::{TableFrames, status_frames};
use crate::gnttab::granting::Version;
use crate::hypercall::{Error, Hypercall, grant_table_op};
use crate::page::{PAGE_SIZE, pfn_to_u64};

/// Maps machine frames in the guest's page tables.
///
/// # Safety
///
/// Where [`map`](Self::map) succeeds, the frame can be read and written at the address, from every
/// CPU, until another is mapped there.
pub unsafe trait MapFrames {
    /// Maps a machine frame at an address, in place of what was there.
    ///
    /// # Errors
    ///
    /// Why it is not mapped.
    ///
    /// # Safety
    ///
    /// Xen allows this domain to map the frame, and nothing else uses the page at the address.
    unsafe fn map(&mut self, at: NonNull<u8>, frame: u64) -> Result<(), Error>;
}

/// The table's frames in a PV guest: Xen lists them, and the guest maps them into its page tables.
pub struct Paravirtual<'l, M> {
    map: M,
    shared: NonNull<u8>,
    status: Option<NonNull<u8>>,
    frames: &'l mut [xen_pfn_t],
    status_frames: &'l mut [u64],
}

// SAFETY: addresses of memory that is reachable from every CPU.
unsafe impl<M: Send> Send for Paravirtual<'_, M> {}
// SAFETY: as above; a shared reference does not access them.
unsafe impl<M: Sync> Sync for Paravirtual<'_, M> {}

impl<'l, M: MapFrames> Paravirtual<'l, M> {
    /// Places the table at `shared`: up to as many frames as `list` has elements, where Xen writes their
    /// numbers.
    ///
    /// # Safety
    ///
    /// `shared` is aligned to [`PAGE_SIZE`], and nothing else uses so many pages of address space from
    /// there on while the value lives.
    #[must_use]
    pub const unsafe fn new(map: M, shared: NonNull<u8>, list: &'l mut [xen_pfn_t]) -> Self {
        Self { map, shared, status: None, frames: list, status_frames: &mut [] }
    }

    /// Places the status frames of version 2 at `status`, as many as `list` has elements: one for each 8
    /// frames of the table, rounded up. If there are fewer, they limit the table's size.
    ///
    /// # Safety
    ///
    /// As for [`new`](Self::new).
    #[must_use]
    pub unsafe fn with_status(self, status: NonNull<u8>, list: &'l mut [u64]) -> Self {
        Self { status: Some(status), status_frames: list, ..self }
    }
}

// SAFETY: the caller of `new` promises the address space; the frames are mapped there in order.
unsafe impl<M: MapFrames> TableFrames for Paravirtual<'_, M> {
    fn capacity(&self) -> u32 {
        let frames = match self.status {
            Some(_) => self.frames.len().min(8 * self.status_frames.len()),
            None => self.frames.len(),
        };
        u32::try_from(frames).unwrap_or(u32::MAX)
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
        // Xen lists the frames from the first on.
        let end = (frames.end as usize).min(self.frames.len());
        let list = &mut self.frames[..end];
        grant_table_op::setup_table(xen, DOMID_SELF, list)?;
        for (at, frame) in list.iter().enumerate().skip(frames.start as usize) {
            // SAFETY: the frame is the table's, and the page is in the address space for it.
            unsafe { self.map.map(self.shared.add(at * PAGE_SIZE), pfn_to_u64(*frame))? };
        }
        if let (Version::V2, Some(status)) = (version, self.status) {
            let frames = status_frames(&frames);
            let end = (frames.end as usize).min(self.status_frames.len());
            let list = &mut self.status_frames[..end];
            grant_table_op::get_status_frames(xen, DOMID_SELF, list)?;
            for (at, frame) in list.iter().enumerate().skip(frames.start as usize) {
                // SAFETY: as above.
                unsafe { self.map.map(status.add(at * PAGE_SIZE), *frame)? };
            }
        }
        Ok(())
    }
}

impl<M> fmt::Debug for Paravirtual<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paravirtual")
            .field("shared", &self.shared)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
