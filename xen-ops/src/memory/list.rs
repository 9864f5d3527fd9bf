//! Lists that Xen fills in.

use super::Error;
use crate::hypercall;

/// The first `written` elements of `room`; an error if Xen says it wrote more than there is room
/// for.
pub(super) fn written<'a, T>(
    operation: &'static str,
    room: &'a [T],
    written: u32,
) -> Result<&'a [T], Error> {
    usize::try_from(written)
        .ok()
        .and_then(|written| room.get(..written))
        .ok_or_else(|| hypercall::Error::from_result(operation, written as isize).into())
}

/// As many elements as there is room for, as a count of 32 bits.
pub(super) fn room<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}
