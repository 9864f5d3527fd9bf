//! `/dev/xen/gntalloc`: own pages that another domain may use.
//!
//! ```no_run
//! use xen_abi::xen::domid_t;
//! use xen_linux::gntalloc::Gntalloc;
//! use xen_linux::notify::UnmapNotify;
//! use xen_ops::gnttab::DomainId;
//! use xen_ops::view::ReadWrite;
//!
//! // A page of zeroes that domain 3 may write to.
//! let gntalloc = Gntalloc::open()?;
//! let shared = gntalloc.share::<ReadWrite>(DomainId::new(domid_t(3))?, 1)?;
//! // When it is gone, or the process has died, the first byte is 0.
//! let page = shared.page(0).ok_or("no page")?;
//! page.write(0, &[1])?;
//! shared.notify(0, UnmapNotify::clear_byte(0))?;
//! // The other domain is told the number, say through xenstore.
//! for reference in shared.references() {
//!     println!("ring-ref = {}", reference.0);
//! }
//! shared.unshare()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The pages are the kernel's: it gives out fresh ones, and takes each back when no domain uses it any
//! more.
//!
//! Upstream: `xen/gntalloc.h` of Linux; `drivers/xen/gntalloc.c` is what answers.

#![allow(unsafe_code, reason = "ioctls, and views of what is mapped")]

use std::mem::offset_of;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::ptr::NonNull;

use rustix::io::Errno;
use rustix::mm::ProtFlags;
use xen_abi::grant_table::grant_ref_t;
use xen_abi::linux::gntalloc::{
    GNTALLOC_FLAG_WRITABLE, IOCTL_GNTALLOC_ALLOC_GREF, IOCTL_GNTALLOC_DEALLOC_GREF,
    IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, ioctl_gntalloc_alloc_gref, ioctl_gntalloc_dealloc_gref,
    ioctl_gntalloc_unmap_notify,
};
use xen_ops::gnttab::{Access, DomainId};
use xen_ops::view::{ReadWrite, View};

use crate::device::Device;
use crate::fam::{Head, Tailed};
use crate::index::Index;
use crate::notify::UnmapNotify;
use crate::pages::Pages;
use crate::wide::{number, wide};
use crate::{Cause, Error};

/// How many pages can be shared at once. The kernel's own limit, for all pages of all processes, is in
/// its module's parameter `limit`: 1024 unless somebody changed it.
pub const MOST: usize = 64 * 1024;

const SHARE: &str = "IOCTL_GNTALLOC_ALLOC_GREF";
const UNSHARE: &str = "IOCTL_GNTALLOC_DEALLOC_GREF";
const NOTIFY: &str = "IOCTL_GNTALLOC_SET_UNMAP_NOTIFY";

impl Head for ioctl_gntalloc_alloc_gref {
    type Element = u32;

    const OFFSET: usize = offset_of!(Self, gref_ids);
}

/// An open `/dev/xen/gntalloc`. Clones share the descriptor, and so does whatever comes from it.
#[derive(Clone, Debug)]
pub struct Gntalloc {
    device: Device,
}

impl Gntalloc {
    /// Opens `/dev/xen/gntalloc`. A child of the process cannot use it: see [the crate](crate#fork).
    ///
    /// # Errors
    ///
    /// [`Cause::Open`]: its text says what can be done. As [`try_from`](Self::try_from), for the rest.
    pub fn open() -> Result<Self, Error> {
        Self::open_at("/dev/xen/gntalloc")
    }

    /// Opens the device at another place.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_at(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::checked(Device::open(path.as_ref())?)
    }

    /// A device that answers as gntalloc does.
    fn checked(device: Device) -> Result<Self, Error> {
        // It has no page under that index, and says so.
        match unshare(&device, u64::MAX, 1) {
            Err(error) if error.as_errno() != Some(Errno::INVAL) => Err(error),
            _ => Ok(Self { device }),
        }
    }

    /// Shares `count` fresh pages of zeroes with `peer`, which may read them, or write them too, as
    /// `A` says. This process may do both.
    ///
    /// # Errors
    ///
    /// - [`Cause::Count`] if `count` is 0 or above [`MOST`]; then nothing has been done.
    /// - [`Cause::Exhausted`] if so many pages are more than the kernel's limit leaves, or there are
    ///   not so many grant references.
    /// - What the kernel says: ENOMEM.
    pub fn share<A: Access>(&self, peer: DomainId, count: usize) -> Result<Shared, Error> {
        let pages = match u32::try_from(count) {
            Ok(pages) if (1..=MOST).contains(&count) => pages,
            _ => return Err(Error::new(SHARE, Cause::Count { count, least: 1, most: MOST })),
        };
        let flags = if A::READONLY { 0 } else { GNTALLOC_FLAG_WRITABLE };
        let mut list = Tailed::of(std::iter::repeat_n(0, count));
        let mut head = ioctl_gntalloc_alloc_gref::ZERO;
        (head.domid, head.flags, head.count) = (peer.domain().0, flags, pages);
        let argument = list.argument(&head);
        // SAFETY: the list has room for as many references as it says, which the kernel writes there.
        unsafe { self.device.ioctl_again(SHARE, IOCTL_GNTALLOC_ALLOC_GREF, argument) }
            .map_err(Error::instead(Errno::NOSPC, Cause::Exhausted))?;
        let index = Index::new(&self.device, number(list.head().index), pages, unshare);
        let pages = Pages::map(index, ProtFlags::READ | ProtFlags::WRITE)?;
        Ok(Shared { pages, list })
    }
}

/// A descriptor that somebody else has opened, for this process.
impl TryFrom<OwnedFd> for Gntalloc {
    type Error = Error;

    /// # Errors
    ///
    /// [`Cause::Unsupported`] if it is not gntalloc's, or what the kernel says. The descriptor is closed
    /// then.
    fn try_from(descriptor: OwnedFd) -> Result<Self, Error> {
        Self::checked(Device::new(descriptor)?)
    }
}

impl AsFd for Gntalloc {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

/// Pages that are shared with another domain, until the value goes.
///
/// A page that the other domain still uses then stays shared until it does not, and counts towards the
/// kernel's limit. No page is used for anything else before that.
#[derive(Debug)]
#[must_use = "pages that are dropped are not shared any more"]
pub struct Shared {
    pub(crate) pages: Pages,
    list: Tailed<ioctl_gntalloc_alloc_gref>,
}

impl Shared {
    /// How many pages are shared.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.pages.count()
    }

    /// The references, one for each page: what the other domain is told.
    pub fn references(&self) -> impl ExactSizeIterator<Item = grant_ref_t> + '_ {
        self.list.elements().iter().copied().map(grant_ref_t)
    }

    /// Page `page`, counted from 0, or `None` if there are not so many. A child has none.
    #[must_use]
    pub fn page(&self, page: usize) -> Option<View<'_, ReadWrite>> {
        // SAFETY: they are mapped for reading and writing.
        unsafe { self.pages.view(page) }
    }

    /// All of the pages, in their order.
    pub fn pages(&self) -> impl Iterator<Item = View<'_, ReadWrite>> {
        (0..self.count()).map_while(|page| self.page(page))
    }

    /// Where the first page begins.
    #[must_use]
    pub const fn address(&self) -> NonNull<u8> {
        self.pages.area().base()
    }

    /// Bytes of address space that it takes: [`stride`](Self::stride) for each page.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.pages.area().length()
    }

    /// Bytes from one page to the next: the size of the kernel's pages. Of those bytes the first
    /// [`PAGE_SIZE`](xen_ops::page::PAGE_SIZE) are shared.
    #[must_use]
    pub const fn stride(&self) -> usize {
        self.pages.stride()
    }

    /// Sets what the kernel does when page `page` goes, instead of what was set before for this page.
    ///
    /// # Errors
    ///
    /// - [`Cause::Page`] or [`Cause::Range`] if there is no such page, or no such byte in a page.
    /// - EINVAL if no process has that port open, from `/dev/xen/evtchn`.
    pub fn notify(&self, page: usize, notify: UnmapNotify) -> Result<(), Error> {
        let index = self.pages.place(NOTIFY, page, notify.offset())?;
        let mut argument = ioctl_gntalloc_unmap_notify {
            index: wide(index),
            action: notify.action(),
            event_channel_port: notify.port(),
        };
        let device = self.pages.index().device();
        // SAFETY: the kernel reads the structure. The byte that it will write is in a page that is seen
        // through views only.
        unsafe { device.ioctl_again(NOTIFY, IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, &raw mut argument) }?;
        Ok(())
    }

    /// Ends the sharing, and says whether that worked. A step that fails is tried once more: what
    /// could not be unmapped stays until the process ends.
    ///
    /// # Errors
    ///
    /// What went wrong first.
    pub fn unshare(self) -> Result<(), Error> {
        self.pages.unmap()
    }
}

fn unshare(device: &Device, index: u64, count: u32) -> Result<(), Error> {
    let mut argument = ioctl_gntalloc_dealloc_gref::ZERO;
    (argument.index, argument.count) = (wide(index), count);
    // SAFETY: the kernel reads the structure.
    unsafe { device.ioctl_again(UNSHARE, IOCTL_GNTALLOC_DEALLOC_GREF, &raw mut argument) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustix::param::page_size;
    use xen_abi::xen::domid_t;
    use xen_ops::view::{OutOfBounds, ReadOnly};

    use super::*;
    use crate::testing::{is_mapped, memory};

    #[test]
    fn another_device_is_not_taken_for_gntalloc() {
        let other = Gntalloc::open_at("/dev/null").unwrap_err();
        assert_eq!(other, Error::new(UNSHARE, Cause::Unsupported));
    }

    #[test]
    fn counts_are_checked_before_any_call() {
        let gntalloc = Gntalloc { device: memory("share-counts", 0).0 };
        let peer = DomainId::new(domid_t(3)).unwrap();
        let refused = |count| gntalloc.share::<ReadOnly>(peer, count).unwrap_err();
        for count in [0, 65_537, usize::MAX] {
            let cause = Cause::Count { count, least: 1, most: 65_536 };
            assert_eq!(refused(count), Error::new(SHARE, cause));
        }
        assert_eq!(refused(1), Error::new(SHARE, Cause::Unsupported));
    }

    #[test]
    fn what_is_shared_has_a_reference_a_page_and_goes_as_a_whole() {
        let (device, _) = memory("shared", 2 * page_size());
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        let pages = Pages::map(Index::new(&device, 0, 2, unshare), rights).unwrap();
        let shared = Shared { pages, list: Tailed::of([8, 11].into_iter()) };
        assert!(shared.references().eq([grant_ref_t(8), grant_ref_t(11)]));
        assert_eq!((shared.count(), shared.length()), (2, 2 * shared.stride()));
        shared.pages().for_each(|page| page.write(4095, &[1]).unwrap());
        let cause = |page, offset| {
            shared.notify(page, UnmapNotify::clear_byte(offset)).unwrap_err().cause().clone()
        };
        assert_eq!(cause(2, 0), Cause::Page { page: 2, pages: 2 });
        assert_eq!(cause(1, 4096), Cause::Range(OutOfBounds { offset: 4096, length: 1 }));
        assert_eq!(cause(1, 4095), Cause::Unsupported);
        assert_eq!(shared.unshare(), Err(Error::new(UNSHARE, Cause::Unsupported)));
        assert!(!is_mapped("shared"));
    }
}
