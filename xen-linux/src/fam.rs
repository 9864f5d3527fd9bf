//! Flexible array members: structures whose last member is an array of as many elements as a count
//! before it says.
//!
//! C declares such a member as `refs[1]`, and the kernel reads and writes past the end of the Rust
//! structure. [`FamVec`] keeps a structure and its elements in one allocation, in the kernel's layout.
//!
//! The types of this crate use it themselves. It is public for programs that issue such an `ioctl` on
//! their own:
//!
//! ```no_run
//! # #![allow(unsafe_code)]
//! use std::ffi::c_ulong;
//! use std::fs::File;
//! use std::os::fd::AsRawFd;
//!
//! use xen_linux::fam::FamVec;
//! use xen_linux::xen_abi::linux::gntdev::{
//!     IOCTL_GNTDEV_MAP_GRANT_REF, ioctl_gntdev_grant_ref, ioctl_gntdev_map_grant_ref,
//! };
//!
//! let device = File::options().read(true).write(true).open("/dev/xen/gntdev")?;
//! let mut map: FamVec<ioctl_gntdev_map_grant_ref> =
//!     (8..12).map(|ref_| ioctl_gntdev_grant_ref { domid: 3, ref_ }).collect();
//! let argument = map.as_mut_ptr(ioctl_gntdev_map_grant_ref::ZERO)?;
//! // SAFETY: the argument has as many elements as its count says.
//! let result = unsafe {
//!     libc::ioctl(device.as_raw_fd(), IOCTL_GNTDEV_MAP_GRANT_REF as c_ulong, argument)
//! };
//! if result < 0 {
//!     return Err(std::io::Error::last_os_error().into());
//! }
//! println!("mapped at offset {:#x}", map.header().index);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`FamStruct`] is implemented for the four such structures of gntdev and gntalloc. For others,
//! implement it: say what the array holds, where it begins, and where the count is.

#![allow(unsafe_code, reason = "reads a structure from memory that is an array of elements")]

use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::mem::offset_of;

use xen_abi::linux::gntalloc::ioctl_gntalloc_alloc_gref;
use xen_abi::linux::gntdev::{
    ioctl_gntdev_dmabuf_exp_from_refs, ioctl_gntdev_dmabuf_imp_to_refs, ioctl_gntdev_grant_ref,
    ioctl_gntdev_map_grant_ref,
};
use xen_abi::{Plain, as_bytes, from_bytes, zeroed};

/// A structure whose last member is a flexible array member, declared with one element.
///
/// A wrong [`OFFSET`](Self::OFFSET) does not compile where a [`FamVec`] of the structure is made.
pub trait FamStruct: Plain {
    /// What the array holds.
    type Element: Plain;

    /// Offset of the array in bytes: `offset_of!`. A multiple of the size of an element.
    const OFFSET: usize;

    /// How many elements the kernel takes at most.
    const MAX_LEN: usize;

    /// Sets the member that says how many elements there are.
    fn set_len(&mut self, len: u32);
}

macro_rules! fam_structs {
    ($($name:ident: $member:ident of $element:ty;)*) => {$(
        impl FamStruct for $name {
            type Element = $element;

            const OFFSET: usize = offset_of!(Self, $member);
            /// The limits of both drivers, unless a parameter of the module is lower.
            const MAX_LEN: usize = 64 * 1024;

            fn set_len(&mut self, len: u32) {
                self.count = len;
            }
        }
    )*};
}

fam_structs! {
    ioctl_gntalloc_alloc_gref: gref_ids of u32;
    ioctl_gntdev_dmabuf_exp_from_refs: refs of u32;
    ioctl_gntdev_dmabuf_imp_to_refs: refs of u32;
    ioctl_gntdev_map_grant_ref: refs of ioctl_gntdev_grant_ref;
}

/// No elements, or more than the structure can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthError {
    /// How many elements there are.
    pub len: usize,
    /// How many there can be.
    pub max: usize,
}

impl fmt::Display for LengthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} elements; the kernel takes 1 to {}", self.len, self.max)
    }
}

impl std::error::Error for LengthError {}

/// A structure with a flexible array member, and all elements of the array.
///
/// It grows as a `Vec` does, and can be used for any number of calls.
pub struct FamVec<T: FamStruct> {
    /// The allocation, as elements: the first ones are what comes before the array.
    units: Vec<T::Element>,
    len: usize,
    header: PhantomData<T>,
}

impl<T: FamStruct> FamVec<T> {
    const UNIT: usize = size_of::<T::Element>();
    /// Units before the array.
    const BEFORE: usize = T::OFFSET / Self::UNIT;
    /// Units that the kernel reads and writes whatever the count.
    const MIN_UNITS: usize = size_of::<T>().div_ceil(Self::UNIT);

    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty list with capacity for `capacity` elements.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        const {
            assert!(size_of::<T::Element>() != 0, "an element has a size");
            assert!(T::OFFSET % size_of::<T::Element>() == 0, "the array is aligned");
            assert!(T::OFFSET < size_of::<T>(), "the array is inside the structure");
        }
        let capacity = Self::BEFORE.saturating_add(capacity).max(Self::MIN_UNITS);
        let mut units = Vec::with_capacity(capacity);
        units.resize(Self::BEFORE, zeroed());
        Self { units, len: 0, header: PhantomData }
    }

    /// `len` elements that are all zero, for the kernel to write.
    ///
    /// # Errors
    ///
    /// [`LengthError`] if `len` is 0 or above [`MAX_LEN`](FamStruct::MAX_LEN); then nothing is
    /// allocated.
    pub fn zeroed(len: usize) -> Result<Self, LengthError> {
        check::<T>(len)?;
        let mut list = Self::with_capacity(len);
        list.units.resize(Self::BEFORE + len, zeroed());
        list.len = len;
        Ok(list)
    }

    /// Appends an element.
    pub fn push(&mut self, element: T::Element) {
        // There may be units that only fill up `MIN_UNITS`.
        self.units.truncate(Self::BEFORE + self.len);
        self.units.push(element);
        self.len += 1;
    }

    /// Removes all elements. The capacity stays.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The elements: those that were pushed, or what the kernel has written in their place.
    #[must_use]
    pub fn as_slice(&self) -> &[T::Element] {
        self.units.get(Self::BEFORE..).and_then(|units| units.get(..self.len)).unwrap_or_default()
    }

    /// The argument of an `ioctl`: `header` with the count of the elements, and the elements. Both the
    /// count and the array in `header` are ignored.
    ///
    /// The pointer is valid for reads and writes of the structure and its elements until the list is
    /// used again. It is aligned for an element, not for a `T`, which the kernel does not ask for.
    ///
    /// # Errors
    ///
    /// [`LengthError`] if there are no elements, or more than [`MAX_LEN`](FamStruct::MAX_LEN).
    pub fn as_mut_ptr(&mut self, mut header: T) -> Result<*mut c_void, LengthError> {
        header.set_len(check::<T>(self.len)?);
        self.units.truncate(Self::BEFORE + self.len);
        self.units.resize(self.units.len().max(Self::MIN_UNITS), zeroed());
        let values = as_bytes(&header).chunks_exact(Self::UNIT).filter_map(from_bytes);
        for (unit, value) in self.units.iter_mut().zip(values).take(Self::BEFORE) {
            *unit = value;
        }
        Ok(self.units.as_mut_ptr().cast())
    }

    /// The structure as the kernel has left it after [`as_mut_ptr`](Self::as_mut_ptr), with the first
    /// element. Before that its other members are 0.
    #[must_use]
    pub fn header(&self) -> T {
        if self.units.len() < Self::MIN_UNITS {
            return zeroed();
        }
        // SAFETY: there are as many bytes, all of them of plain elements. Any bytes are a `T`, which is
        // plain too. The read needs no alignment.
        unsafe { self.units.as_ptr().cast::<T>().read_unaligned() }
    }
}

/// The length as the kernel counts it, if the kernel takes so many elements.
fn check<T: FamStruct>(len: usize) -> Result<u32, LengthError> {
    match u32::try_from(len) {
        Ok(count) if (1..=T::MAX_LEN).contains(&len) => Ok(count),
        _ => Err(LengthError { len, max: T::MAX_LEN }),
    }
}

impl<T: FamStruct> Default for FamVec<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: FamStruct> Extend<T::Element> for FamVec<T> {
    fn extend<I: IntoIterator<Item = T::Element>>(&mut self, elements: I) {
        elements.into_iter().for_each(|element| self.push(element));
    }
}

impl<T: FamStruct> FromIterator<T::Element> for FamVec<T> {
    fn from_iter<I: IntoIterator<Item = T::Element>>(elements: I) -> Self {
        let elements = elements.into_iter();
        let mut list = Self::with_capacity(elements.size_hint().0);
        list.extend(elements);
        list
    }
}

impl<T: FamStruct> Clone for FamVec<T> {
    fn clone(&self) -> Self {
        Self { units: self.units.clone(), len: self.len, header: PhantomData }
    }
}

impl<T: FamStruct<Element: fmt::Debug>> fmt::Debug for FamVec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(number: u32) -> ioctl_gntdev_grant_ref {
        ioctl_gntdev_grant_ref { domid: 1, ref_: number }
    }

    /// The argument as numbers of 32 bits.
    fn words<T: FamStruct>(list: &mut FamVec<T>, header: T, count: usize) -> Vec<u32> {
        let start = list.as_mut_ptr(header).unwrap().cast::<u32>();
        // SAFETY: as many as the kernel would read.
        unsafe { std::slice::from_raw_parts(start, count) }.to_vec()
    }

    #[test]
    fn elements_follow_the_header() {
        let mut list: FamVec<ioctl_gntdev_map_grant_ref> =
            [grant(8), grant(9)].into_iter().collect();
        let header = ioctl_gntdev_map_grant_ref {
            index: 5,
            // What the kernel must not see: the list has its own.
            count: 7,
            refs: [grant(7)],
            ..ioctl_gntdev_map_grant_ref::ZERO
        };
        assert_eq!(words(&mut list, header, 8), [2, 0, 5, 0, 1, 8, 1, 9]);
        let copy = list.clone();
        assert!(!list.is_empty());
        list.clear();
        assert_eq!((copy.as_slice(), copy.header().index), (&[grant(8), grant(9)][..], 5));
        assert!(list.is_empty());
        list.push(grant(5));
        assert_eq!(list.as_slice(), [grant(5)]);
        assert_eq!(words(&mut list, ioctl_gntdev_map_grant_ref::ZERO, 6), [1, 0, 0, 0, 1, 5]);
    }

    #[test]
    fn what_the_kernel_writes_is_read_back() {
        let mut list: FamVec<ioctl_gntdev_map_grant_ref> = [grant(8)].into_iter().collect();
        assert_eq!(list.header().index, 0);
        let argument = list.as_mut_ptr(ioctl_gntdev_map_grant_ref::ZERO).unwrap();
        let index = 0x1_2345_6000;
        // SAFETY: the kernel's part, which writes all of the structure.
        unsafe {
            argument.cast::<ioctl_gntdev_map_grant_ref>().write_unaligned(
                ioctl_gntdev_map_grant_ref {
                    index,
                    refs: [grant(8)],
                    ..ioctl_gntdev_map_grant_ref::ZERO
                },
            );
        }
        assert_eq!(list.header().index, index);
        assert_eq!(list.as_slice(), [grant(8)]);
    }

    /// The kernel reads and writes all of the structure, with the padding after its one reference.
    #[test]
    fn one_element_may_be_less_than_the_structure() {
        let mut list: FamVec<ioctl_gntalloc_alloc_gref> = [3].into_iter().collect();
        list.as_mut_ptr(ioctl_gntalloc_alloc_gref::ZERO).unwrap();
        assert!(list.units.len() * 4 >= size_of::<ioctl_gntalloc_alloc_gref>());
        assert_eq!(list.as_slice(), [3]);
        list.push(4);
        assert_eq!(list.as_slice(), [3, 4]);
        let words = words(&mut list, ioctl_gntalloc_alloc_gref::ZERO, 6);
        assert_eq!(words, [0, 2, 0, 0, 3, 4]);
        for len in [1, 2] {
            let list = FamVec::<ioctl_gntalloc_alloc_gref>::zeroed(len).unwrap();
            assert_eq!(list.as_slice(), [0, 0].get(..len).unwrap());
        }
    }

    #[test]
    fn a_length_that_the_kernel_refuses_is_an_error() {
        let max = ioctl_gntdev_map_grant_ref::MAX_LEN;
        let header = ioctl_gntdev_map_grant_ref::ZERO;
        for len in [0, max + 1] {
            let mut list: FamVec<_> = (0..len as u32).map(grant).collect();
            assert_eq!(list.as_mut_ptr(header), Err(LengthError { len, max }));
        }
        for len in [0, max + 1, usize::MAX] {
            let error = FamVec::<ioctl_gntdev_map_grant_ref>::zeroed(len).unwrap_err();
            assert_eq!(error, LengthError { len, max });
        }
        let mut list: FamVec<_> = (0..max as u32).map(grant).collect();
        assert!(list.as_mut_ptr(header).is_ok());
        let text = LengthError { len: 0, max: 8 }.to_string();
        assert_eq!(text, "0 elements; the kernel takes 1 to 8");
    }
}
