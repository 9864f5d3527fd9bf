//! Mapping resources of another domain: its grant table, its I/O request pages, its trace buffers.

#![allow(unsafe_code, reason = "changes which memory is at a guest frame")]

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

/// A resource of a domain, which consists of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resource {
    /// The request pages of an I/O emulation server of an HVM domain. Frame 0 is the buffered ring
    /// (`XENMEM_resource_ioreq_server_frame_bufioreq`), those from 1 on are the vCPUs' requests.
    IoreqServer {
        /// The server's number.
        id: u16,
    },
    /// The grant table. Mapping a frame that it does not have yet grows the table.
    GrantTable {
        /// The frames of a version 2 table's status words, rather than those of its entries.
        status: bool,
    },
    /// The processor trace buffer of a vCPU.
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

/// The maximum number of frames that `resource` of domain `domid` has. Never 0.
///
/// Xen before 4.15 always returns 32, the number of frames that one of its calls maps.
///
/// `XENMEM_acquire_resource` of `memory.h` without a list.
///
/// # Errors
///
/// [`Error::Xen`]: -EINVAL (no such resource), -ESRCH (no such domain, or `DOMID_SELF`),
/// -EPERM (the caller's own number, or an unprivileged caller), -EACCES (x86: up to 4.18 a
/// translated caller that is not the hardware domain; from 4.19 on one with alternate views of its memory
/// or nested virtualisation). Before 4.15 -EACCES only.
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
/// All are mapped or none: if Xen fails, the frames that are mapped are removed again. There may be any
/// number of frames: one hypercall is made for each 32 of them, which is what every release takes.
///
/// [`unmap`] removes the frames.
///
/// `XENMEM_acquire_resource` of `memory.h`.
///
/// # Errors
///
/// [`AcquireError::Failed`]: nothing is mapped. [`Error::NoFrames`], [`Error::NotAFrame`] and
/// [`Error::TooMany`] (a range that ends past the 32-bit frame numbers), before Xen is asked. Of Xen's:
/// those of [`size`], -EINVAL (frames the resource does not have), -ENOENT (no such server or
/// vCPU), -EIO, -ENOMEM.
///
/// [`AcquireError::Stranded`]: removing failed too.
///
/// # Safety
///
/// The caller is a translated guest. Nothing is at the guest frames `frames`. The pages mapped there are
/// accessed as shared memory only.
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
            // SAFETY: nothing is at these frames but what this call mapped.
            Err(match unsafe { remove(xen, frames, true) } {
                Ok(()) => AcquireError::Failed(error),
                Err(left) => AcquireError::Stranded { error, left },
            })
        }
        result => Ok(result?),
    }
}

/// Writes the machine frames of `frames.len()` frames of `resource` of domain `domid`, from frame `first`
/// of it on, to `frames`, for a PV caller to map with its page tables. In a translated guest, use
/// [`map`].
///
/// If it fails, some of `frames` may be written; ignore them.
///
/// `XENMEM_acquire_resource` of `memory.h`.
///
/// # Errors
///
/// As [`map`], without [`Error::NotAFrame`] since the previous contents of `frames` do not matter.
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
    // SAFETY: the guest-physical map of a PV guest does not change.
    unsafe { acquire(xen, domid, resource, first, frames) }
}

/// Removes what [`map`] has mapped at the caller's guest frames `frames`. Frames with nothing at them are
/// skipped.
///
/// # Errors
///
/// [`StillMapped`] if Xen did not remove some. All are tried.
///
/// # Safety
///
/// Nothing relies on what is at `frames`.
pub unsafe fn unmap<H>(xen: &H, frames: &[xen_pfn_t]) -> Result<(), StillMapped>
where
    H: Hypercall + ?Sized,
{
    // SAFETY: the caller's promise.
    unsafe { remove(xen, frames, false) }
}

/// # Safety
///
/// As [`map`] in a translated guest, as [`machine_frames`] in a PV guest.
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
        // For Xen that is a query of the size, or an error.
        return Err(Error::NoFrames);
    }
    let limit = (u32::MAX - first) as usize;
    if frames.len() > limit {
        return Err(Error::TooMany { asked: frames.len(), limit });
    }
    let (kind, id) = resource.encode();
    let mut frame = u64::from(first);
    for frames in frames.chunks_mut(CHUNK) {
        // The returned count is not reliable: Xen changes it when a call continues.
        // SAFETY: the caller's promise, for a part of the frames.
        let _count = unsafe { memory_op::acquire_resource(xen, domid, kind, id, frame, frames) }?;
        frame += CHUNK as u64;
    }
    Ok(())
}

/// The maximum of frames that every release takes in one call: 4.14 returns -E2BIG above.
const CHUNK: usize = 32;

/// Removes what is at the caller's frames. With `in_order`, all frames after an empty one are empty too,
/// as Xen maps them in order.
///
/// # Safety
///
/// Nothing relies on what is at `frames`.
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
    /// Nothing is mapped at the guest frames.
    Failed(Error),
    /// Some of the frames are mapped, and could not be removed. Do not use them for anything else before
    /// [`unmap`] has succeeded for them.
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
