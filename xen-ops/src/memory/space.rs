//! What can be placed in a domain's guest-physical map.

use xen_abi::memory::{
    XENMAPIDX_grant_table_status, XENMAPSPACE_dev_mmio, XENMAPSPACE_gmfn, XENMAPSPACE_gmfn_foreign,
    XENMAPSPACE_gmfn_range, XENMAPSPACE_grant_table, XENMAPSPACE_shared_info,
    xen_add_to_physmap_batch_extra,
};
use xen_abi::xen::{domid_t, xen_pfn_t, xen_ulong_t};

use super::{Error, frame};

/// What [`add_to_physmap`](super::add_to_physmap) places: a space with the index that goes with it.
///
/// There is no variant for pages of another domain, since Xen places them in a batch only: see
/// [`BatchSpace::GmfnForeign`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// The domain's `shared_info` page (`XENMAPSPACE_shared_info`).
    SharedInfo,
    /// A frame of the domain's grant table, counted from 0 (`XENMAPSPACE_grant_table`). Xen grows
    /// the table to hold it: placing the highest frame first grows it once.
    GrantTable {
        /// Which frame of the table.
        frame: u32,
    },
    /// A frame of the status words of a version 2 grant table, counted from 0
    /// (`XENMAPSPACE_grant_table` with `XENMAPIDX_grant_table_status`).
    GrantStatus {
        /// Which frame of the status words.
        frame: u32,
    },
    /// A page of the domain's, which moves from `frame` (`XENMAPSPACE_gmfn`, x86 only).
    Gmfn {
        /// The frame that the page moves from.
        frame: xen_pfn_t,
    },
    /// `count` consecutive pages of the domain's, which move (`XENMAPSPACE_gmfn_range`, x86 only). A
    /// call that fails may have moved some, and Xen does not report how many.
    ///
    /// Xen goes from the first page to the last, from 4.20.4, 4.21.2 and 4.22 on from the last to the first
    /// if the destination overlaps the source and is above it. Earlier releases move the same page again
    /// and again then, and the pages that it overwrites are lost: move such a range with
    /// [`Gmfn`](Self::Gmfn), from the last page to the first.
    GmfnRange {
        /// The frame that the first page moves from.
        first: xen_pfn_t,
        /// How many pages.
        count: u16,
    },
    /// A page of device memory, by machine frame (`XENMAPSPACE_dev_mmio`, Arm only, the hardware
    /// domain for itself).
    DevMmio {
        /// The machine frame.
        frame: xen_pfn_t,
    },
}

/// `space`, `size` and `idx` of `xen_add_to_physmap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Encoded {
    pub(super) space: u32,
    pub(super) size: u16,
    pub(super) idx: xen_ulong_t,
}

impl Space {
    #[allow(clippy::useless_conversion, reason = "32 bits on 32-bit x86")]
    pub(super) fn encode(self) -> Result<Encoded, Error> {
        let one = |space, idx| Ok(Encoded { space, size: 0, idx });
        match self {
            Self::SharedInfo => one(XENMAPSPACE_shared_info, 0),
            Self::GrantTable { frame } => one(XENMAPSPACE_grant_table, table(frame)?.into()),
            Self::GrantStatus { frame } => {
                let index = table(frame)? | XENMAPIDX_grant_table_status;
                one(XENMAPSPACE_grant_table, index.into())
            }
            Self::Gmfn { frame } => one(XENMAPSPACE_gmfn, own(frame)?),
            Self::GmfnRange { first, count } => {
                Ok(Encoded { space: XENMAPSPACE_gmfn_range, size: count, idx: own(first)? })
            }
            Self::DevMmio { frame } => one(XENMAPSPACE_dev_mmio, own(frame)?),
        }
    }
}

fn table(frame: u32) -> Result<u32, Error> {
    if frame & XENMAPIDX_grant_table_status == 0 {
        Ok(frame)
    } else {
        Err(Error::GrantFrame { frame })
    }
}

fn own(frame: xen_pfn_t) -> Result<xen_ulong_t, Error> {
    frame::check(&[frame])?;
    Ok(frame::index(frame))
}

/// The space of the indexes of [`add_to_physmap_batch`](super::add_to_physmap_batch).
///
/// There is no variant for a range of pages (`XENMAPSPACE_gmfn_range`), which Xen refuses in a batch, nor
/// for `shared_info`, which is a single page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSpace {
    /// Frames of the domain's grant table, from 0; those with `XENMAPIDX_grant_table_status` added
    /// are frames of status words.
    GrantTable,
    /// Pages of the domain's, by the frames they move from; x86 only.
    Gmfn,
    /// Pages of another domain, by guest frame there. Xen refuses the caller's own domain.
    GmfnForeign {
        /// The other domain.
        domid: domid_t,
    },
    /// Pages of device memory, by machine frame; Arm only, the hardware domain for itself.
    DevMmio,
}

impl BatchSpace {
    /// `space` and `u` of `xen_add_to_physmap_batch`.
    pub(super) const fn encode(self) -> (u16, xen_add_to_physmap_batch_extra) {
        let none = xen_add_to_physmap_batch_extra::ZERO;
        match self {
            Self::GrantTable => (XENMAPSPACE_grant_table as u16, none),
            Self::Gmfn => (XENMAPSPACE_gmfn as u16, none),
            Self::GmfnForeign { domid } => (
                XENMAPSPACE_gmfn_foreign as u16,
                xen_add_to_physmap_batch_extra::from_foreign_domid(domid),
            ),
            Self::DevMmio => (XENMAPSPACE_dev_mmio as u16, none),
        }
    }
}
