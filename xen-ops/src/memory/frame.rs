//! Frame numbers as Xen reads them.

use xen_abi::xen::{xen_pfn_t, xen_ulong_t};

use super::Error;

/// Refuses numbers that no frame can have.
///
/// Xen keeps a frame number in an `unsigned long`, the largest of which stands for no frame. Where
/// the ABI is wider than that (32-bit Arm), Xen would truncate the number silently.
pub(super) fn check(frames: &[xen_pfn_t]) -> Result<(), Error> {
    let mut frames = frames.iter().copied().enumerate();
    match frames.find(|(_, frame)| widen(*frame) >= usize::MAX as u64) {
        None => Ok(()),
        Some((index, frame)) => Err(Error::NotAFrame { index, frame }),
    }
}

/// `frame` as 64 bits.
pub(super) fn widen(frame: xen_pfn_t) -> u64 {
    #[allow(clippy::useless_conversion, reason = "32 bits on 32-bit x86")]
    frame.0.into()
}

/// `frame` as the index of a physmap space, which is no narrower than a frame number.
pub(super) fn index(frame: xen_pfn_t) -> xen_ulong_t {
    frame.0
}
