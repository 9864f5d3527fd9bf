//! Structures of the kernel's that end in as many elements as they say.

#![allow(unsafe_code, reason = "reads a structure out of memory that is an array")]

use std::fmt;
use std::marker::PhantomData;

use xen_abi::{Plain, as_bytes, from_bytes, zeroed};

/// A structure whose last member is an array with its first element, behind which the others lie.
pub(crate) trait Head: Plain {
    /// What the array is of.
    type Element: Plain;

    /// Where the array begins, in bytes: a multiple of the element's size.
    const OFFSET: usize;
}

/// A `H` with all of its elements, in the kernel's own layout.
///
/// All of it is kept as elements: the first few are what comes before the array.
pub(crate) struct Tailed<H: Head> {
    units: Vec<H::Element>,
    count: usize,
    head: PhantomData<H>,
}

impl<H: Head> Tailed<H> {
    const UNIT: usize = size_of::<H::Element>();
    /// How many units come before the array.
    const BEFORE: usize = H::OFFSET / Self::UNIT;
    /// How many units the kernel reads and writes whatever the count.
    const LEAST: usize = size_of::<H>().div_ceil(Self::UNIT);

    /// One without elements, and with room for `count` of them.
    pub(crate) fn with_capacity(count: usize) -> Self {
        const { assert!(H::OFFSET % size_of::<H::Element>() == 0) };
        let mut units = Vec::with_capacity((Self::BEFORE.saturating_add(count)).max(Self::LEAST));
        units.resize(Self::BEFORE, zeroed());
        Self { units, count: 0, head: PhantomData }
    }

    /// One with these elements.
    pub(crate) fn of(elements: impl ExactSizeIterator<Item = H::Element>) -> Self {
        let mut tailed = Self::with_capacity(elements.len());
        elements.for_each(|element| tailed.push(element));
        tailed
    }

    pub(crate) fn push(&mut self, element: H::Element) {
        // What may be there to make up `LEAST`.
        self.units.truncate(Self::BEFORE + self.count);
        self.units.push(element);
        self.count += 1;
    }

    pub(crate) fn clear(&mut self) {
        self.count = 0;
    }

    pub(crate) fn elements(&self) -> &[H::Element] {
        self.units.get(Self::BEFORE..).and_then(|units| units.get(..self.count)).unwrap_or_default()
    }

    /// What goes to the kernel: all of `head` but its array, and the elements. It is not aligned for
    /// a `H`, which the kernel does not ask for.
    pub(crate) fn argument(&mut self, head: &H) -> *mut H {
        self.units.truncate(Self::BEFORE + self.count);
        self.units.resize(self.units.len().max(Self::LEAST), zeroed());
        let values = as_bytes(head).chunks_exact(Self::UNIT).filter_map(from_bytes);
        for (unit, value) in self.units.iter_mut().zip(values).take(Self::BEFORE) {
            *unit = value;
        }
        self.units.as_mut_ptr().cast()
    }

    /// What the kernel has made of the head, after [`argument`](Self::argument).
    pub(crate) fn head(&self) -> H {
        if self.units.len() < Self::LEAST {
            return zeroed();
        }
        // SAFETY: there are as many bytes, all of them of plain elements; any are a `H`, which is plain
        // too. The read asks for no alignment.
        unsafe { self.units.as_ptr().cast::<H>().read_unaligned() }
    }
}

impl<H: Head> Clone for Tailed<H> {
    fn clone(&self) -> Self {
        Self { units: self.units.clone(), count: self.count, head: PhantomData }
    }
}

impl<H: Head<Element: fmt::Debug>> fmt::Debug for Tailed<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.elements()).finish()
    }
}

#[cfg(test)]
mod tests {
    use xen_abi::linux::gntalloc::ioctl_gntalloc_alloc_gref;
    use xen_abi::linux::gntdev::{ioctl_gntdev_grant_ref, ioctl_gntdev_map_grant_ref};

    use super::*;

    fn grant(number: u32) -> ioctl_gntdev_grant_ref {
        ioctl_gntdev_grant_ref { domid: 1, ref_: number }
    }

    /// The argument as numbers of 32 bits.
    fn words<H: Head>(list: &mut Tailed<H>, head: &H, count: usize) -> Vec<u32> {
        let start = list.argument(head).cast::<u32>();
        // SAFETY: as many as the kernel would read.
        unsafe { std::slice::from_raw_parts(start, count) }.to_vec()
    }

    #[test]
    fn elements_follow_the_head() {
        let mut list = Tailed::<ioctl_gntdev_map_grant_ref>::of([grant(8), grant(9)].into_iter());
        let head = ioctl_gntdev_map_grant_ref {
            count: 2,
            // What the kernel must not see: the list has its own.
            refs: [grant(7)],
            ..ioctl_gntdev_map_grant_ref::ZERO
        };
        assert_eq!(words(&mut list, &head, 8), [2, 0, 0, 0, 1, 8, 1, 9]);
        list.clear();
        list.push(grant(5));
        assert_eq!(list.elements(), [grant(5)]);
        assert_eq!(words(&mut list, &head, 6), [2, 0, 0, 0, 1, 5]);
    }

    #[test]
    fn what_the_kernel_writes_is_read_back() {
        let mut list = Tailed::<ioctl_gntdev_map_grant_ref>::of([grant(8)].into_iter());
        let argument = list.argument(&ioctl_gntdev_map_grant_ref::ZERO);
        let index = 0x1_2345_6000;
        // SAFETY: the kernel's part, which writes all of the structure.
        unsafe {
            argument.write_unaligned(ioctl_gntdev_map_grant_ref {
                index,
                refs: [grant(8)],
                ..ioctl_gntdev_map_grant_ref::ZERO
            });
        }
        assert_eq!(list.head().index, index);
        assert_eq!(list.elements(), [grant(8)]);
    }

    /// The kernel reads and writes all of the structure, padding behind the one reference included.
    #[test]
    fn one_element_may_be_less_than_the_structure() {
        let mut list = Tailed::<ioctl_gntalloc_alloc_gref>::of([3].into_iter());
        list.argument(&ioctl_gntalloc_alloc_gref::ZERO);
        assert!(list.units.len() * 4 >= size_of::<ioctl_gntalloc_alloc_gref>());
        assert_eq!(list.elements(), [3]);
        list.push(4);
        assert_eq!(list.elements(), [3, 4]);
        assert_eq!(words(&mut list, &ioctl_gntalloc_alloc_gref::ZERO, 6), [0, 0, 0, 0, 3, 4]);
    }
}
