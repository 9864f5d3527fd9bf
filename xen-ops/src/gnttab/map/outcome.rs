//! What Xen's answer means: mapped, not mapped, or unknown.

use xen_abi::GrantStatus;
use xen_abi::grant_table::{
    GNTST_bad_dev_addr, GNTST_eagain, GNTST_permission_denied, grant_handle_t,
};

use crate::gnttab::batch::may_have_begun;
use crate::hypercall::grant_table_op::{MapGrantRef, UnmapGrantRef};
use crate::hypercall::{Batch, Done, Error, UNTOUCHED};

const MAP: &str = "GNTTABOP_map_grant_ref";
const UNMAP: &str = "GNTTABOP_unmap_grant_ref";

/// The outcome of one element of a map.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Mapped {
        handle: grant_handle_t,
        host_addr: u64,
        machine_addr: u64,
    },
    /// Not mapped; another try may succeed.
    Again,
    /// Not mapped.
    Refused(Error),
    /// Mapped or not: the answer does not tell.
    Unknown(Error),
}

/// The outcome of a map of one element.
pub(super) fn mapped_one(batch: Batch<'_, MapGrantRef<Done>>) -> Outcome {
    mapped(batch).next().unwrap_or(Outcome::Unknown(no_map_answer()))
}

/// The error of a map that has no answer.
pub(super) fn no_map_answer() -> Error {
    Error::from_status(MAP, UNTOUCHED)
}

/// The outcome of each element of a map, in order.
pub(super) fn mapped<'a>(
    batch: Batch<'a, MapGrantRef<Done>>,
) -> impl Iterator<Item = Outcome> + use<'a> {
    let Batch { result, elements } = batch;
    let mut first = true;
    elements.iter().map(move |element| {
        let status = element.status();
        if status == UNTOUCHED {
            return untouched(result, core::mem::replace(&mut first, false));
        }
        if status.is_okay() {
            Outcome::Mapped {
                handle: element.handle(),
                host_addr: element.host_addr(),
                machine_addr: element.dev_bus_addr(),
            }
        } else if status == GNTST_eagain {
            Outcome::Again
        } else if status.name().is_some() {
            Outcome::Refused(Error::from_status(MAP, status))
        } else {
            Outcome::Unknown(Error::from_status(MAP, status))
        }
    })
}

/// An element without an answer.
fn untouched(result: Result<(), Error>, first: bool) -> Outcome {
    match result {
        Ok(()) => Outcome::Unknown(no_map_answer()),
        Err(error) if first && may_have_begun(error) => Outcome::Unknown(error),
        Err(error) => Outcome::Refused(error),
    }
}

/// The error of a map whose last try was answered with `GNTST_eagain`.
pub(super) fn still_eagain() -> Error {
    Error::from_status(MAP, GNTST_eagain)
}

/// The outcome of one element of an unmap.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::gnttab) enum Unmapped {
    Done,
    /// Mapped as before.
    Intact(Error),
    /// Mapped or not: the answer does not tell. The handle may be another mapping's by now, so trying
    /// again could unmap that one.
    Unknown(Error),
}

/// The outcome of an unmap of one element.
pub(super) fn unmapped_one(batch: Batch<'_, UnmapGrantRef<Done>>) -> Unmapped {
    unmapped(batch).next().unwrap_or(Unmapped::Unknown(no_unmap_answer()))
}

/// The error of an unmap that has no answer.
pub(super) fn no_unmap_answer() -> Error {
    Error::from_status(UNMAP, UNTOUCHED)
}

/// The outcome of each element of an unmap, in order.
pub(super) fn unmapped<'a>(
    batch: Batch<'a, UnmapGrantRef<Done>>,
) -> impl Iterator<Item = Unmapped> + use<'a> {
    let Batch { result, elements } = batch;
    let mut first = true;
    elements.iter().map(move |element| {
        let status = element.status();
        let reached = status != UNTOUCHED || core::mem::replace(&mut first, false);
        unmapped_status(UNMAP, status, result, reached)
    })
}

/// What the status of an unmap and the result of its hypercall mean. `reached` says whether Xen may have
/// begun with the element.
pub(in crate::gnttab) fn unmapped_status(
    operation: &'static str,
    status: GrantStatus,
    result: Result<(), Error>,
    reached: bool,
) -> Unmapped {
    let error = Error::from_status(operation, status);
    if status.is_okay() {
        return Unmapped::Done;
    }
    match result {
        Err(failed) if status == UNTOUCHED && reached && may_have_begun(failed) => {
            Unmapped::Unknown(failed)
        }
        Err(failed) if status == UNTOUCHED => Unmapped::Intact(failed),
        // Xen checks for both before it changes anything.
        _ if [GNTST_permission_denied, GNTST_bad_dev_addr].contains(&status) => {
            Unmapped::Intact(error)
        }
        // After a general error all but the last step may be done.
        _ => Unmapped::Unknown(error),
    }
}
