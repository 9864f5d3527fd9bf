//! Grants as memory of the crate `vm-memory`, under the feature `vm-memory`.
//!
//! [`Mapping::volatile_slice`] and [`Shared::volatile_slice`] give pages as one
//! `vm_memory::VolatileSlice`. A [`Region`] is a mapping as a region of a guest's memory, for code that
//! works on that: virtio queues, for example.
//!
//! Only pages that may be written have slices, since a slice can be written. And `vm-memory` requires that
//! all accesses of a process are volatile, whereas [views](xen_ops::view) are atomic. So while there is a
//! slice, or a region, there are no views of the same mapping. A program can have the same page twice: it
//! can map a grant twice, or map its own page of gntalloc by gntdev. Then it must not use a view of the
//! one while another thread uses a slice of the other.
//!
//! ```compile_fail,E0502
//! # use xen_linux::{Mapping, ReadWrite};
//! fn both(mapping: &mut Mapping<ReadWrite>) {
//!     let view = mapping.page(0);
//!     let slice = mapping.volatile_slice();
//!     drop((view, slice));
//! }
//! ```
//!
//! The feature `xen` of `vm-memory` maps grants in another way, and is not needed.
//!
//! ```no_run
//! use vm_memory::{Bytes, GuestAddress, GuestRegionCollection};
//! use xen_linux::volatile::Region;
//! use xen_linux::{DomainId, Gntdev, Grants, ReadWrite, RemoteGrant, domid_t, grant_ref_t};
//!
//! // Where Linux's virtio drivers have grants in the addresses that they pass to a backend.
//! const GRANTS: u64 = 1 << 63;
//!
//! let gntdev = Gntdev::open()?;
//! let guest = DomainId::new(domid_t(3))?;
//! let mut queue: Grants =
//!     (8..12).map(|number| RemoteGrant::new(guest, grant_ref_t(number))).collect();
//! let start = GuestAddress(GRANTS | 8 << 12);
//! let region = Region::new(gntdev.map_all(&mut queue, ReadWrite)?, start)?;
//! let memory = GuestRegionCollection::from_regions(vec![region])?;
//! let index: u16 = memory.read_obj(GuestAddress(start.0 + 2))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![allow(unsafe_code, reason = "slices of mapped memory")]

use rustix::io::Errno;
use vm_memory::bitmap::BS;
use vm_memory::{
    Address as _, GuestAddress, GuestMemoryError, GuestMemoryRegion, GuestMemoryRegionBytes,
    GuestUsize, MemoryRegionAddress, VolatileSlice,
};
use xen_ops::Failed;
use xen_ops::page::PAGE_SIZE;

use crate::gntalloc::Shared;
use crate::gntdev::Mapping;
use crate::pages::Pages;
use crate::{Cause, Error, ReadWrite};

impl Mapping<ReadWrite> {
    /// All of the grants as one slice.
    ///
    /// # Errors
    ///
    /// - [`Cause::KernelPages`] if there is more than one, and the kernel's pages are larger.
    /// - [`Cause::Forked`].
    pub fn volatile_slice(&mut self) -> Result<VolatileSlice<'_>, Error> {
        slice(&self.pages)
    }
}

impl Shared {
    /// All of the pages as one slice.
    ///
    /// # Errors
    ///
    /// - [`Cause::KernelPages`] if there is more than one, and the kernel's pages are larger.
    /// - [`Cause::Forked`].
    pub fn volatile_slice(&mut self) -> Result<VolatileSlice<'_>, Error> {
        slice(&self.pages)
    }
}

/// Pages that are mapped for writing, as one slice.
fn slice(pages: &Pages) -> Result<VolatileSlice<'_>, Error> {
    let (region, size) = (pages.region(), pages.stride());
    region.device().check_own("slice")?;
    if pages.count() > 1 && size != PAGE_SIZE {
        return Err(Error::new("slice", Cause::KernelPages { size }));
    }
    // SAFETY: mapped for reading and writing for as long as the borrow, and without a gap. Callers borrow
    // the mapping exclusively, so all users of it have such a slice. Other users of the pages are other
    // domains, unless the program has them twice: the module's documentation says what it must not do
    // then.
    Ok(unsafe { VolatileSlice::new(region.base().as_ptr(), pages.count() * PAGE_SIZE) })
}

/// Mapped grants at an address of a guest's memory.
#[derive(Debug)]
pub struct Region {
    mapping: Mapping<ReadWrite>,
    start: GuestAddress,
}

impl Region {
    /// The grants of `mapping`, one after the other from `start` on.
    ///
    /// # Errors
    ///
    /// As [`Mapping::volatile_slice`], and EOVERFLOW if the region ends past the last address. The mapping
    /// is returned.
    pub fn new(
        mut mapping: Mapping<ReadWrite>,
        start: GuestAddress,
    ) -> Result<Self, Failed<Error, Mapping<ReadWrite>>> {
        let length = match mapping.volatile_slice() {
            Ok(slice) => slice.len() as GuestUsize,
            Err(error) => return Err(Failed::returning(error, mapping)),
        };
        if start.checked_add(length).is_none() {
            let error = Error::new("region", Cause::Errno(Errno::OVERFLOW));
            return Err(Failed::returning(error, mapping));
        }
        Ok(Self { mapping, start })
    }

    /// The mapping alone.
    pub fn into_mapping(self) -> Mapping<ReadWrite> {
        self.mapping
    }
}

impl GuestMemoryRegion for Region {
    type B = ();

    fn len(&self) -> GuestUsize {
        (self.mapping.count() * PAGE_SIZE) as GuestUsize
    }

    fn start_addr(&self) -> GuestAddress {
        self.start
    }

    fn bitmap(&self) -> BS<'_, ()> {}

    fn get_host_address(&self, at: MemoryRegionAddress) -> Result<*mut u8, GuestMemoryError> {
        Ok(self.get_slice(at, 1)?.ptr_guard_mut().as_ptr())
    }

    fn get_slice(
        &self,
        offset: MemoryRegionAddress,
        count: usize,
    ) -> Result<VolatileSlice<'_>, GuestMemoryError> {
        // The region owns the mapping.
        let all =
            slice(&self.mapping.pages).map_err(|_| GuestMemoryError::HostAddressNotAvailable)?;
        let offset = usize::try_from(offset.raw_value())
            .map_err(|_| GuestMemoryError::InvalidBackendAddress)?;
        Ok(all.subslice(offset, count)?)
    }
}

impl GuestMemoryRegionBytes for Region {}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use rustix::mm::ProtFlags;
    use rustix::param::page_size;
    use vm_memory::{Bytes as _, GuestRegionCollection, VolatileMemory as _};

    use super::*;
    use crate::index::Index;
    use crate::testing::{in_child, memory};

    /// Two pages in place of grants, with a number across the end of the first.
    fn mapping(name: &str) -> Mapping<ReadWrite> {
        let (device, file) = memory(name, 2 * page_size());
        file.write_all_at(&0x1122_3344_5566_7788_u64.to_le_bytes(), 4092).unwrap();
        Mapping::new(&device, 0, 2).unwrap()
    }

    #[test]
    fn several_pages_are_one_slice() {
        let mut mapping = mapping("one-piece");
        let slice = mapping.volatile_slice().unwrap();
        assert_eq!(slice.len(), 2 * PAGE_SIZE);
        assert_eq!(slice.read_obj::<u64>(4092).unwrap(), 0x1122_3344_5566_7788);
        slice.get_ref::<u32>(4096).unwrap().store(7);
        assert!(slice.get_slice(2 * PAGE_SIZE - 1, 2).is_err());
        assert_eq!(mapping.page(1).unwrap().read_obj::<u32>(0), Ok(7));
    }

    /// As on a kernel with pages of 64 KiB.
    #[test]
    fn pages_with_gaps_between_them_are_refused() {
        let stride = 16 * PAGE_SIZE;
        let (device, _) = memory("gaps", 2 * stride);
        let pages = |count| {
            let index = Index::new(&device, 0, count, |_, _, _| Ok(()));
            Pages::with_stride(index, ProtFlags::READ | ProtFlags::WRITE, stride).unwrap()
        };
        assert_eq!(slice(&pages(1)).unwrap().len(), PAGE_SIZE);
        let error = slice(&pages(2)).unwrap_err();
        assert_eq!(error.cause(), &Cause::KernelPages { size: stride });
    }

    #[test]
    fn a_region_is_memory_of_a_guest() {
        let start = GuestAddress(1 << 63);
        let mapping = mapping("region");
        let first = mapping.as_ptr();
        let region = Region::new(mapping, start).unwrap();
        assert_eq!((region.len(), region.start_addr()), (2 * PAGE_SIZE as u64, start));
        let inside = MemoryRegionAddress(8191);
        assert_eq!(region.get_host_address(inside).unwrap(), first.wrapping_add(8191));
        assert!(region.get_host_address(MemoryRegionAddress(8192)).is_err());
        assert!(region.get_slice(MemoryRegionAddress(u64::MAX), 1).is_err());
        let guest = GuestRegionCollection::from_regions(vec![region]).unwrap();
        assert_eq!(
            guest.read_obj::<u64>(start.unchecked_add(4092)).unwrap(),
            0x1122_3344_5566_7788
        );
        guest.write_obj(9_u16, start.unchecked_add(8190)).unwrap();
        assert!(guest.write_obj(9_u32, start.unchecked_add(8190)).is_err());
        assert!(guest.read_obj::<u8>(GuestAddress(0)).is_err());
    }

    #[test]
    fn a_region_past_the_last_address_is_refused() {
        let last = GuestAddress(u64::MAX - 2 * PAGE_SIZE as u64);
        assert!(Region::new(mapping("last"), last).is_ok());
        let failed = Region::new(mapping("beyond"), last.unchecked_add(1)).unwrap_err();
        assert_eq!(failed.error.as_errno(), Some(Errno::OVERFLOW));
        assert_eq!(failed.returned.unwrap().count(), 2);
    }

    #[test]
    fn a_child_has_no_slices() {
        let region = Region::new(mapping("child-region"), GuestAddress(0)).unwrap();
        in_child(|| {
            assert!(region.read_obj::<u8>(MemoryRegionAddress(0)).is_err());
            let error = region.into_mapping().volatile_slice().unwrap_err();
            assert_eq!(error.cause(), &Cause::Forked);
        });
    }
}
