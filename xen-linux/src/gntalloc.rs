//! `/dev/xen/gntalloc`: own pages that another domain may use.
//!
//! ```no_run
//! use xen_linux::{DomainId, Gntalloc, ReadWrite, UnmapNotify, domid_t};
//!
//! // A page of zeroes that domain 3 may write to.
//! let gntalloc = Gntalloc::open()?;
//! let shared = gntalloc.share(DomainId::new(domid_t(3))?, 1, ReadWrite)?;
//! // When it is unmapped, or the process has died, the first byte is 0.
//! let page = shared.page(0).ok_or("no page")?;
//! page.write(0, &[1])?;
//! shared.notify(0, UnmapNotify::clear_byte(0))?;
//! // The other domain has to know the number, for instance from XenStore.
//! for reference in shared.references() {
//!     println!("ring-ref = {}", reference.0);
//! }
//! shared.unshare()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The pages are the kernel's: it allocates fresh ones, and frees each when no domain uses it any more.
//!
//! Upstream: `xen/gntalloc.h` of Linux; the driver is `drivers/xen/gntalloc.c`.
//!
//! # From libxengnttab
//!
//! | C | here |
//! |---|---|
//! | `xengntshr_open` | [`Gntalloc::open`] |
//! | `xengntshr_close` | dropping the last of the [`Gntalloc`]s and the values that come from it |
//! | `xengntshr_fd` | [`AsFd`] |
//! | `xengntshr_share_pages` | [`Gntalloc::share`] |
//! | `xengntshr_share_page_notify` | [`Shared::notify`] after [`Gntalloc::share`] |
//! | `xengntshr_unshare` | [`Shared::unshare`], or dropping the pages |

#![allow(unsafe_code, reason = "ioctls, and views of mapped memory")]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::io::Errno;
use rustix::mm::ProtFlags;
use xen_abi::grant_table::grant_ref_t;
use xen_abi::linux::gntalloc::{
    GNTALLOC_FLAG_WRITABLE, GntallocFlags, IOCTL_GNTALLOC_ALLOC_GREF, IOCTL_GNTALLOC_DEALLOC_GREF,
    IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, ioctl_gntalloc_alloc_gref, ioctl_gntalloc_dealloc_gref,
    ioctl_gntalloc_unmap_notify,
};
use xen_ops::Failed;

use crate::device::{Device, DeviceName, from_fd};
use crate::fam::{FamStruct, FamVec};
use crate::index::Index;
use crate::notify::UnmapNotify;
use crate::pages::Pages;
use crate::{Access, Cause, DomainId, Error, ReadWrite, View};

/// How many pages can be shared at once. The kernel's own limit, for all pages of all processes, is the
/// parameter `limit` of its module: 1024 by default.
pub const MAX_PAGES_PER_SHARE: usize = ioctl_gntalloc_alloc_gref::MAX_LEN;

const GNTALLOC: DeviceName = DeviceName("/dev/xen/gntalloc");

const SHARE: &str = "IOCTL_GNTALLOC_ALLOC_GREF";
const UNSHARE: &str = "IOCTL_GNTALLOC_DEALLOC_GREF";
const NOTIFY: &str = "IOCTL_GNTALLOC_SET_UNMAP_NOTIFY";

/// An open `/dev/xen/gntalloc`. Clones share the descriptor, and so do the pages that come from it.
#[derive(Clone, Debug)]
pub struct Gntalloc {
    device: Device,
}

impl Gntalloc {
    /// Opens `/dev/xen/gntalloc`. A child of the process cannot use it: see [the crate](crate#fork).
    ///
    /// # Errors
    ///
    /// - [`Cause::Open`]: its text says what to do.
    /// - [`Cause::Unsupported`] if the device is not gntalloc.
    pub fn open() -> Result<Self, Error> {
        Self::open_at(GNTALLOC.0)
    }

    /// Opens the device at another path.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_at(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::checked(Device::open(path.as_ref())?)
    }

    /// Checks that the device is gntalloc, and answers as it does.
    fn checked(device: Device) -> Result<Self, Error> {
        device.check_is(GNTALLOC)?;
        // gntalloc has no page under that index, and says so.
        match unshare(&device, u64::MAX, 1) {
            Err(error) if error.as_errno() != Some(Errno::INVAL) => Err(error),
            _ => Ok(Self { device }),
        }
    }

    /// Shares `count` fresh pages of zeroes with `domain`, which may read them ([`ReadOnly`]) or read and
    /// write them ([`ReadWrite`]). This process may do both.
    ///
    /// [`ReadOnly`]: crate::ReadOnly
    ///
    /// # Errors
    ///
    /// - [`Cause::Count`] if `count` is 0 or above [`MAX_PAGES_PER_SHARE`]; then no system call is made.
    /// - [`Cause::Exhausted`] if the kernel's limit does not allow so many pages, or there are not so
    ///   many grant references.
    /// - The kernel's error number: ENOMEM.
    pub fn share<A: Access>(&self, domain: DomainId, count: usize, _: A) -> Result<Shared, Error> {
        let mut list = FamVec::zeroed(count).map_err(Error::length(SHARE))?;
        let mut header = ioctl_gntalloc_alloc_gref::ZERO;
        header.domid = domain.domid().0;
        header.flags = if A::READONLY { GntallocFlags::empty() } else { GNTALLOC_FLAG_WRITABLE };
        let argument = list.as_mut_ptr(header).map_err(Error::length(SHARE))?;
        // SAFETY: the list has as many elements as it says, and the kernel writes references there.
        unsafe { self.device.ioctl_again(SHARE, IOCTL_GNTALLOC_ALLOC_GREF, argument) }
            .map_err(Error::instead(Errno::NOSPC, Cause::Exhausted))?;
        // The list has checked that the count fits.
        let index = Index::new(&self.device, list.header().index, count as u32, unshare);
        let pages = Pages::map(index, ProtFlags::READ | ProtFlags::WRITE)?;
        Ok(Shared { pages, list })
    }
}

/// A descriptor that this process has opened itself, or received.
impl TryFrom<OwnedFd> for Gntalloc {
    type Error = Failed<Error, OwnedFd>;

    /// # Errors
    ///
    /// [`Cause::Unsupported`] if it is not of gntalloc, or the kernel's error number. The descriptor is
    /// returned.
    fn try_from(descriptor: OwnedFd) -> Result<Self, Self::Error> {
        from_fd(descriptor, Self::checked)
    }
}

impl AsFd for Gntalloc {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

/// Pages that are shared with another domain, until the value is dropped.
///
/// A page that the other domain still uses stays shared until it stops, and counts towards the kernel's
/// limit. The kernel does not reuse the page before that.
#[derive(Debug)]
#[must_use = "pages that are dropped are no longer shared"]
pub struct Shared {
    pub(crate) pages: Pages,
    list: FamVec<ioctl_gntalloc_alloc_gref>,
}

impl Shared {
    /// How many pages are shared.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.pages.count()
    }

    /// The grant references, one for each page: what the other domain has to know.
    pub fn references(&self) -> impl ExactSizeIterator<Item = grant_ref_t> + '_ {
        self.list.as_slice().iter().copied().map(grant_ref_t)
    }

    /// Page `page`, counted from 0, or `None` past the last, and in a child.
    #[must_use]
    pub fn page(&self, page: usize) -> Option<View<'_, ReadWrite>> {
        // SAFETY: they are mapped for reading and writing.
        unsafe { self.pages.view(page) }
    }

    /// All of the pages, in order.
    pub fn pages(&self) -> impl Iterator<Item = View<'_, ReadWrite>> {
        (0..self.count()).map_while(|page| self.page(page))
    }

    /// Address of the first page.
    #[must_use]
    pub const fn as_ptr(&self) -> *mut u8 {
        self.pages.region().base().as_ptr()
    }

    /// Bytes of address space that the pages take: [`stride`](Self::stride) for each.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.pages.region().size()
    }

    /// Bytes from one page to the next: the size of the kernel's pages. The first
    /// [`PAGE_SIZE`](xen_ops::page::PAGE_SIZE) of those bytes are shared.
    #[must_use]
    pub const fn stride(&self) -> usize {
        self.pages.stride()
    }

    /// Sets what the kernel does when page `page` is unmapped. It replaces what was set for this page.
    ///
    /// # Errors
    ///
    /// - [`Cause::Page`] or [`Cause::Range`] if there is no such page, or no such byte in a page.
    /// - EINVAL if no process has bound that port through `/dev/xen/evtchn`.
    pub fn notify(&self, page: usize, notify: UnmapNotify) -> Result<(), Error> {
        let mut argument = ioctl_gntalloc_unmap_notify {
            index: self.pages.place(NOTIFY, page, notify.offset())?,
            action: notify.action(),
            event_channel_port: notify.port().0,
        };
        let device = self.pages.index().device();
        // SAFETY: the kernel reads the structure. The byte that it will write is in a page that is
        // accessed through views only.
        unsafe { device.ioctl_again(NOTIFY, IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, &raw mut argument) }?;
        Ok(())
    }

    /// Ends the sharing. Dropping the value does the same, without a report.
    ///
    /// # Errors
    ///
    /// The kernel's error number; each step was tried twice. If the pages could not be unmapped, they are
    /// still shared, and returned. If only the kernel's number of them could not be released, nothing is
    /// returned, and closing the device releases it.
    #[allow(clippy::result_large_err, reason = "a failure is rare, and returns the pages")]
    pub fn unshare(self) -> Result<(), Failed<Error, Self>> {
        let Self { pages, list } = self;
        pages.unmap().map_err(|failed| failed.map(|pages| Self { pages, list }))
    }
}

fn unshare(device: &Device, index: u64, count: u32) -> Result<(), Error> {
    let mut argument = ioctl_gntalloc_dealloc_gref::ZERO;
    (argument.index, argument.count) = (index, count);
    // SAFETY: the kernel reads the structure.
    unsafe { device.ioctl_again(UNSHARE, IOCTL_GNTALLOC_DEALLOC_GREF, &raw mut argument) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustix::param::page_size;
    use xen_abi::xen::domid_t;
    use xen_ops::view::OutOfBounds;

    use super::*;
    use crate::ReadOnly;
    use crate::testing::{in_child, is_mapped, memory};

    #[test]
    fn another_device_is_not_taken_for_gntalloc() {
        let other = Gntalloc::open_at("/dev/null").unwrap_err();
        assert_eq!(other, Error::new(GNTALLOC.0, Cause::Unsupported));
    }

    #[test]
    fn counts_are_checked_before_any_call() {
        let gntalloc = Gntalloc { device: memory("share-counts", 0).0 };
        let domain = DomainId::new(domid_t(3)).unwrap();
        let refused = |count| gntalloc.share(domain, count, ReadOnly).unwrap_err();
        for count in [0, 65_537, usize::MAX] {
            let cause = Cause::Count { count, min: 1, max: 65_536 };
            assert_eq!(refused(count), Error::new(SHARE, cause));
        }
        assert_eq!(refused(1), Error::new(SHARE, Cause::Unsupported));
    }

    #[test]
    fn shared_pages_have_a_reference_each_and_are_unshared_together() {
        let (device, _) = memory("shared", 2 * page_size());
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        let pages = Pages::map(Index::new(&device, 0, 2, unshare), prot).unwrap();
        let shared = Shared { pages, list: [8, 11].into_iter().collect() };
        assert!(shared.references().eq([grant_ref_t(8), grant_ref_t(11)]));
        assert_eq!((shared.count(), shared.size()), (2, 2 * shared.stride()));
        shared.pages().for_each(|page| page.write(4095, &[1]).unwrap());
        // SAFETY: mapped, and no thread writes.
        let last = unsafe { shared.as_ptr().add(shared.stride() + 4095).read() };
        assert_eq!(last, 1);
        let cause = |page, offset| {
            shared.notify(page, UnmapNotify::clear_byte(offset)).unwrap_err().cause().clone()
        };
        assert_eq!(cause(2, 0), Cause::Page { page: 2, pages: 2 });
        assert_eq!(cause(1, 4096), Cause::Range(OutOfBounds { offset: 4096, length: 1 }));
        assert_eq!(cause(1, 4095), Cause::Unsupported);
        let failed = shared.unshare().unwrap_err();
        assert_eq!(failed.error, Error::new(UNSHARE, Cause::Unsupported));
        assert!(failed.returned.is_none());
        assert!(!is_mapped("shared"));
    }

    #[test]
    fn pages_that_are_not_unmapped_are_returned() {
        let (device, _) = memory("returned-pages", page_size());
        let pages = Pages::map(Index::new(&device, 0, 1, unshare), ProtFlags::READ).unwrap();
        let shared = Shared { pages, list: [8].into_iter().collect() };
        in_child(|| {
            let failed = shared.unshare().unwrap_err();
            assert_eq!(failed.error, Error::new("munmap", Cause::Forked));
            assert!(failed.returned.unwrap().references().eq([grant_ref_t(8)]));
            assert!(is_mapped("returned-pages"));
        });
    }
}
