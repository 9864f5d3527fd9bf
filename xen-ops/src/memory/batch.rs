//! Placing many pages in the guest-physical map with one call, and a result for each.

#![allow(unsafe_code, reason = "changes which memory is at a guest frame")]

use core::fmt;

use xen_abi::Errno;
use xen_abi::xen::{domid_t, xen_pfn_t, xen_ulong_t};

use super::{BatchSpace, Error, frame};
use crate::hypercall::{Hypercall, memory_op};

/// An entry's result before Xen has written it. It is not an error number of Xen's.
pub const UNTOUCHED: i32 = i32::MIN;

/// The maximum of entries that one hypercall takes: `size` has 16 bits.
const CHUNK: usize = u16::MAX as usize;

/// The results of a batch: that of the hypercalls, and each entry's.
///
/// Either can fail without the other. Xen returns success even if entries fail, and a call that fails
/// half way leaves the later entries [`UNTOUCHED`].
#[derive(Clone, Copy, Debug)]
#[must_use = "a batch can succeed as a whole and fail in each entry"]
pub struct Placed<'a> {
    /// Whether Xen went through all entries.
    pub result: Result<(), Error>,
    /// Each entry's result as Xen wrote it: 0, a negative error number, or [`UNTOUCHED`]. In the
    /// order of the arguments.
    pub errs: &'a [i32],
}

/// An entry that was not placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which entry.
    pub index: usize,
    /// Why.
    pub cause: FailureCause,
}

/// Why an entry was not placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureCause {
    /// Xen's error number for it.
    Errno(Errno),
    /// Xen did not reach it: the call ended before.
    Untouched,
    /// A result that is neither success nor an error number.
    Unexpected(i32),
}

/// The error of [`Placed::complete`]: the hypercall's failure, or else the first entry's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchError {
    /// The call as a whole was refused or failed; entries before that point may be placed.
    Call(Error),
    /// The first entry that is not placed; later ones may be.
    Entry(Failure),
}

impl<'a> Placed<'a> {
    /// The entries that were not placed, in order.
    pub fn failures(&self) -> impl Iterator<Item = Failure> + Clone + 'a {
        self.errs.iter().enumerate().filter_map(|(index, err)| {
            let cause = match *err {
                0 => return None,
                UNTOUCHED => FailureCause::Untouched,
                err => match isize::try_from(err).ok().and_then(Errno::from_result) {
                    Some(errno) => FailureCause::Errno(errno),
                    None => FailureCause::Unexpected(err),
                },
            };
            Some(Failure { index, cause })
        })
    }

    /// Success if every entry was placed.
    ///
    /// # Errors
    ///
    /// The hypercall's failure, or else that of the first entry which has one.
    pub fn complete(&self) -> Result<(), BatchError> {
        self.result.map_err(BatchError::Call)?;
        self.failures().next().map_or(Ok(()), |failure| Err(BatchError::Entry(failure)))
    }
}

/// Places page `idxs[i]` of `space` at guest frame `gpfns[i]` of domain `domid`, for each `i`, and
/// stores the result in `errs[i]`.
///
/// `DOMID_SELF` is the caller. An unprivileged caller may not name another domain. Translated guests
/// only (HVM, PVH, Arm). What was at the guest frames before is removed, and if it was memory of the
/// domain, Xen frees it. There may be any number of entries: one hypercall is made for each 65535 of
/// them, and none after one that fails.
///
/// `XENMEM_add_to_physmap_batch` of `memory.h`.
///
/// # Errors
///
/// In [`Placed::result`]: [`Error::Lengths`] unless the slices are of equal length and
/// [`Error::NotAFrame`] for any of `gpfns`, before Xen is asked. Of Xen's, in the order in which it checks:
/// -ESRCH (no such domain), -EACCES (a PV guest; device memory for other than the hardware domain), -EPERM
/// (another domain, for an unprivileged caller).
///
/// For each entry, see [`Placed::failures`]: what [`add_to_physmap`](super::add_to_physmap) has;
/// for [`BatchSpace::GmfnForeign`] -EPERM (x86: up to 4.18 `domid` is not the hardware domain, from 4.19 on it
/// has alternate views of its memory or nested virtualisation), -ESRCH (no such other domain), -EINVAL,
/// -EPERM or -ESRCH (the caller's own domain, by release), -EPERM (the caller may not map its memory),
/// -EINVAL (nothing at the frame).
///
/// # Safety
///
/// If `domid` is the caller: nothing relies on what is at the guest frames `gpfns`, nor, for
/// [`BatchSpace::Gmfn`], on what is at the frames `idxs`. The pages placed are
/// accessed as shared memory only.
pub unsafe fn add_to_physmap_batch<'a, H>(
    xen: &H,
    domid: domid_t,
    space: BatchSpace,
    idxs: &[xen_ulong_t],
    gpfns: &[xen_pfn_t],
    errs: &'a mut [i32],
) -> Placed<'a>
where
    H: Hypercall + ?Sized,
{
    errs.fill(UNTOUCHED);
    let result = check(idxs, gpfns, errs).and_then(|()| {
        let (space, extra) = space.encode();
        let chunks = idxs.chunks(CHUNK).zip(gpfns.chunks(CHUNK)).zip(errs.chunks_mut(CHUNK));
        for ((idxs, gpfns), errs) in chunks {
            // SAFETY: the caller's promise, for a part of the entries.
            unsafe {
                memory_op::add_to_physmap_batch(xen, domid, space, extra, idxs, gpfns, errs)
            }?;
        }
        Ok(())
    });
    Placed { result, errs }
}

fn check(idxs: &[xen_ulong_t], gpfns: &[xen_pfn_t], errs: &[i32]) -> Result<(), Error> {
    for found in [gpfns.len(), errs.len()] {
        if found != idxs.len() {
            return Err(Error::Lengths { expected: idxs.len(), found });
        }
    }
    // Xen would end the call at such a frame, and write nothing to `errs`.
    frame::check(gpfns)
}

impl fmt::Display for FailureCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errno(errno) => errno.fmt(f),
            Self::Untouched => f.write_str("not reached before the call ended"),
            Self::Unexpected(err) => write!(f, "unexpected result {err}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "XENMEM_add_to_physmap_batch, entry {}: {}", self.index, self.cause)
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Entry(failure) => failure.fmt(f),
        }
    }
}

impl core::error::Error for Failure {}
impl core::error::Error for BatchError {}
