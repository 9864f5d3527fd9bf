//! Pages that Xen or a toolstack keeps for another domain, mapped into the caller: its grant table,
//! its request pages, its trace buffers.

#![allow(unsafe_code, reason = "changes which memory is behind an address")]

use core::fmt;

use xen_abi::errno::XEN_ENOENT;
use xen_abi::memory::{
    XENMEM_resource_grant_table, XENMEM_resource_grant_table_id_shared,
    XENMEM_resource_grant_table_id_status, XENMEM_resource_ioreq_server,
    XENMEM_resource_vmtrace_buf,
};
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};

use super::{Error, frame, remove_from_physmap};
use crate::hypercall::{self, Hypercall, memory_op};

/// Something of another domain's that has pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resource {
    /// The request pages of an I/O emulation server of an HVM domain. Frame 0 is the buffered ring
    /// (`XENMEM_resource_ioreq_server_frame_bufioreq`), those from 1 on are the vCPUs' requests.
    IoreqServer {
        /// The server's number.
        id: u16,
    },
    /// The grant table; mapping a frame it does not have yet makes it grow.
    GrantTable {
        /// The frames of a version 2 table's status words, rather than those of its entries.
        status: bool,
    },
    /// The buffer into which a vCPU is traced.
    Vmtrace {
        /// The vCPU's number.
        vcpu: u32,
    },
}

impl Resource {
    /// `type` and `id` of `xen_mem_acquire_resource`.
    #[must_use]
    pub const fn encode(self) -> (u16, u32) {
        let shared = XENMEM_resource_grant_table_id_shared;
        let statuses = XENMEM_resource_grant_table_id_status;
        match self {
            Self::IoreqServer { id } => (XENMEM_resource_ioreq_server as u16, id as u32),
            Self::GrantTable { status: false } => (XENMEM_resource_grant_table as u16, shared),
            Self::GrantTable { status: true } => (XENMEM_resource_grant_table as u16, statuses),
            Self::Vmtrace { vcpu } => (XENMEM_resource_vmtrace_buf as u16, vcpu),
        }
    }
}

/// How many frames `resource` of domain `domid` has at most. Never 0.
///
/// Xen before 4.15 answers with the frames that one of its calls maps, 32, whatever the resource
/// and the domain are.
///
/// `XENMEM_acquire_resource` of `memory.h` without a list.
///
/// # Errors
///
/// [`Error::Xen`]: -EINVAL (no such resource), -ESRCH (no such domain; `DOMID_SELF` is none here),
/// -EPERM (the caller's own number; not allowed), -EACCES (x86: a translated caller that is not the
/// hardware domain).
pub fn size<H>(xen: &H, domid: domid_t, resource: Resource) -> Result<u32, Error>
where
    H: Hypercall + ?Sized,
{
    let (kind, id) = resource.encode();
    match memory_op::acquire_resource_size(xen, domid, kind, id)? {
        0 => Err(hypercall::Error::from_result("XENMEM_acquire_resource", 0).into()),
        frames => Ok(frames),
    }
}

/// Maps `frames.len()` frames of `resource` of domain `domid`, from frame `first` of it on, at the
/// guest frames `frames` of the caller, which is translated (HVM, PVH, Arm). A PV guest uses
/// [`machine_frames`].
///
/// All are mapped or none: what is mapped when Xen fails is removed again. Any number of frames can
/// be asked for: one hypercall is made for each 32 of them, which is what every release takes.
///
/// [`unmap`] takes the frames away again.
///
/// `XENMEM_acquire_resource` of `memory.h`.
///
/// # Errors
///
/// [`AcquireError::Failed`]: nothing is mapped. [`Error::NoFrames`], [`Error::NotAFrame`] and
/// [`Error::TooMany`] (a range that ends behind what 32 bits count), before Xen is asked. Of Xen's:
/// those of [`size`], -EINVAL (frames the resource does not have), -ENOENT (no such server or
/// vCPU), -EIO, -ENOMEM.
///
/// [`AcquireError::Stranded`]: removing failed too.
///
/// # Safety
///
/// The caller is a translated guest. Nothing is behind the guest frames `frames`. Nobody uses the
/// pages mapped there but as the shared memory they are.
pub unsafe fn map<H>(
    xen: &H,
    domid: domid_t,
    resource: Resource,
    first: u32,
    frames: &mut [xen_pfn_t],
) -> Result<(), AcquireError>
where
    H: Hypercall + ?Sized,
{
    frame::check(frames)?;
    // SAFETY: the caller's promise.
    match unsafe { acquire(xen, domid, resource, first, frames) } {
        Err(error @ Error::Xen(_)) => {
            // SAFETY: nothing but what this call mapped is behind these frames.
            Err(match unsafe { remove(xen, frames, true) } {
                Ok(()) => AcquireError::Failed(error),
                Err(left) => AcquireError::Stranded { error, left },
            })
        }
        result => Ok(result?),
    }
}

/// The machine frames that `frames.len()` frames of `resource` of domain `domid` are, from frame
/// `first` of it on, for a PV caller to map with its page tables. To a translated caller, the
/// contents of `frames` would say where to map them, see [`map`].
///
/// If it fails, some of `frames` may be written; they stand for nothing.
///
/// `XENMEM_acquire_resource` of `memory.h`.
///
/// # Errors
///
/// As [`map`], without [`Error::NotAFrame`] since what is in `frames` before does not matter.
///
/// # Safety
///
/// The caller is a PV guest.
pub unsafe fn machine_frames<H>(
    xen: &H,
    domid: domid_t,
    resource: Resource,
    first: u32,
    frames: &mut [xen_pfn_t],
) -> Result<(), Error>
where
    H: Hypercall + ?Sized,
{
    // SAFETY: no map of a PV guest's changes.
    unsafe { acquire(xen, domid, resource, first, frames) }
}

/// Removes what [`map`] has mapped at the caller's guest frames `frames`. Frames with nothing
/// behind them are passed over.
///
/// # Errors
///
/// [`StillMapped`] if Xen did not remove some. All are tried.
///
/// # Safety
///
/// Nothing relies on what is behind `frames`.
pub unsafe fn unmap<H>(xen: &H, frames: &[xen_pfn_t]) -> Result<(), StillMapped>
where
    H: Hypercall + ?Sized,
{
    // SAFETY: the caller's promise.
    unsafe { remove(xen, frames, false) }
}

/// # Safety
///
/// As [`map`] or [`machine_frames`], after whichever kind of guest the caller is.
unsafe fn acquire<H>(
    xen: &H,
    domid: domid_t,
    resource: Resource,
    first: u32,
    frames: &mut [xen_pfn_t],
) -> Result<(), Error>
where
    H: Hypercall + ?Sized,
{
    if frames.is_empty() {
        // Xen would take it for a question about the size, or for an error.
        return Err(Error::NoFrames);
    }
    let limit = (u32::MAX - first) as usize;
    if frames.len() > limit {
        return Err(Error::TooMany { asked: frames.len(), limit });
    }
    let (kind, id) = resource.encode();
    let mut frame = u64::from(first);
    for frames in frames.chunks_mut(CHUNK) {
        // The count that comes back is of no use: Xen changes it while a call continues.
        // SAFETY: the caller's promise, for a part of the frames.
        let _count = unsafe { memory_op::acquire_resource(xen, domid, kind, id, frame, frames) }?;
        frame += CHUNK as u64;
    }
    Ok(())
}

/// The most frames that every release takes in one call: 4.14 answers -E2BIG above.
const CHUNK: usize = 32;

/// Removes what is behind the caller's frames. `in_order` says that frames behind an empty one are
/// empty too, as Xen maps one after the other.
///
/// # Safety
///
/// Nothing relies on what is behind `frames`.
unsafe fn remove<H>(xen: &H, frames: &[xen_pfn_t], in_order: bool) -> Result<(), StillMapped>
where
    H: Hypercall + ?Sized,
{
    let mut left: Option<StillMapped> = None;
    for (index, frame) in frames.iter().enumerate() {
        // SAFETY: the caller's promise.
        let Err(cause) = (unsafe { remove_from_physmap(xen, DOMID_SELF, *frame) }) else {
            continue;
        };
        if cause.errno() == Some(XEN_ENOENT) {
            if in_order {
                break;
            }
            continue;
        }
        left.get_or_insert(StillMapped { first: index, count: 0, cause }).count += 1;
    }
    left.map_or(Ok(()), Err)
}

/// Frames that Xen did not remove from the caller's guest-physical map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StillMapped {
    /// Index of the first of them in the list given.
    pub first: usize,
    /// How many there are.
    pub count: usize,
    /// Why the first one was not removed.
    pub cause: Error,
}

/// Why [`map`] did not map everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcquireError {
    /// The guest frames are empty as before.
    Failed(Error),
    /// Some of the frames are mapped, and could not be removed: they must not be used for anything
    /// else before [`unmap`] has succeeded for them.
    Stranded {
        /// Why mapping failed.
        error: Error,
        /// What is still mapped.
        left: StillMapped,
    },
}

impl From<Error> for AcquireError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for StillMapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, count, cause } = self;
        write!(f, "{count} frames still mapped, the first at index {first}: {cause}")
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Stranded { error, left } => write!(f, "{error}; {left}"),
        }
    }
}

impl core::error::Error for StillMapped {}
impl core::error::Error for AcquireError {}
