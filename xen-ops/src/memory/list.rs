//! Lists that Xen fills in.

use super::Error;
use crate::hypercall;

/// The first `written` elements of `buffer`; an error if Xen reports more than the buffer holds.
pub(super) fn written<'a, T>(
    operation: &'static str,
    buffer: &'a [T],
    written: u32,
) -> Result<&'a [T], Error> {
    usize::try_from(written)
        .ok()
        .and_then(|written| buffer.get(..written))
        .ok_or_else(|| impossible(operation, written))
}

/// The error for a count that cannot be. With 32 bits the largest ones are no result, and count as the
/// largest result: none is an error number.
pub(super) fn impossible(operation: &'static str, count: u32) -> Error {
    let count = isize::try_from(count).unwrap_or(isize::MAX);
    hypercall::Error::from_result(operation, count).into()
}

/// The number of elements that a list holds, as a count of 32 bits.
pub(super) fn capacity<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}
