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
