//! Places in arrays that are shared one frame at a time.

/// Bytes of a frame as Xen counts them. They do not depend on the guest's page size.
///
/// `1 << XEN_PAGE_SHIFT` of `io/ring.h`; grant frames and event arrays use the same unit.
pub const FRAME_SIZE: u32 = 1 << 12;

#[cfg(feature = "io")]
const _: () = assert!(FRAME_SIZE == 1 << crate::io::ring::XEN_PAGE_SHIFT);

/// Where an element lies in an array spread over frames of [`FRAME_SIZE`] bytes, which need not be
/// neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// Which frame of the array, from 0.
    pub frame: u32,
    /// Which element of that frame, from 0.
    pub index: u32,
}

impl Slot {
    /// Element `number` of an array of `T`, which fits into a frame and is not empty.
    pub(super) const fn of<T>(number: u32) -> Self {
        let per_frame = per_frame::<T>();
        Self { frame: number / per_frame, index: number % per_frame }
    }
}

/// Elements of type `T` in a frame.
pub(super) const fn per_frame<T>() -> u32 {
    FRAME_SIZE / size_of::<T>() as u32
}
