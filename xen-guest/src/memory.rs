//! Pages of the kernel's image, and how the hypervisor and the processor see them.

#![allow(unsafe_code, reason = "pages are handed out and taken from the address space")]

use core::cell::UnsafeCell;
use core::fmt;
use core::ptr::NonNull;
#[cfg(target_arch = "x86_64")]
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::{AtomicUsize, Ordering};

use xen_abi::xen::{DOMID_SELF, xen_pfn_t};
use xen_ops::hypercall::Error;
use xen_ops::hypercall::memory_op::{add_to_physmap, remove_from_physmap};
use xen_ops::page::{MapTarget, PAGE_SIZE, Page};

use crate::Guest;
use crate::backend::Backend;
#[cfg(target_arch = "x86_64")]
use crate::start_info::FrameList;

/// The memory of one page, in the kernel's image.
#[repr(C, align(4096))]
pub struct PageStorage(UnsafeCell<[u8; PAGE_SIZE]>);

// SAFETY: the content is reached through raw pointers only, by the code that owns the page.
unsafe impl Sync for PageStorage {}

impl PageStorage {
    /// A page of zeroes.
    #[allow(clippy::declare_interior_mutable_const, reason = "to make statics of")]
    pub const ZERO: Self = Self(UnsafeCell::new([0; PAGE_SIZE]));

    /// The address of its first byte.
    #[must_use]
    pub const fn address(&'static self) -> NonNull<u8> {
        match NonNull::new(self.0.get().cast()) {
            Some(address) => address,
            None => unreachable!(),
        }
    }
}

/// How virtual addresses of the image and the hypervisor's frames belong together.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum AddressSpace {
    /// A PV guest, whose image is mapped at the addresses that it would have as physical ones.
    #[cfg(target_arch = "x86_64")]
    Pv {
        /// The machine frame of each page, by its address.
        frames: FrameList<'static>,
    },
    /// A translated guest: virtual addresses less this offset, in bytes, are guest physical ones.
    Translated {
        /// Virtual address of the image less its physical address; it may wrap around.
        offset: usize,
    },
}

impl AddressSpace {
    /// The frame under which Xen knows the page at `address`, which is in the image. `None` if a PV guest
    /// has no such page.
    #[must_use]
    #[allow(clippy::cast_lossless, clippy::unnecessary_cast, reason = "64 or 32 bits wide")]
    pub fn frame(self, address: NonNull<u8>) -> Option<xen_pfn_t> {
        let address = address.as_ptr().addr();
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Pv { frames } => frames.get(address / PAGE_SIZE),
            Self::Translated { offset } => {
                Some(xen_pfn_t((address.wrapping_sub(offset) / PAGE_SIZE) as _))
            }
        }
    }
}

/// The list of frames of a PV guest: null, and no page, in others.
#[cfg(target_arch = "x86_64")]
static OWN_FRAMES: (AtomicPtr<u8>, AtomicUsize) =
    (AtomicPtr::new(core::ptr::null_mut()), AtomicUsize::new(0));

/// Remembers the list of a PV guest, for its pages.
#[cfg(target_arch = "x86_64")]
pub(crate) fn remember_frames(list: FrameList<'static>) {
    OWN_FRAMES.1.store(list.len(), Ordering::Relaxed);
    OWN_FRAMES.0.store(list.first().as_ptr(), Ordering::Release);
}

#[cfg(target_arch = "x86_64")]
fn own_frames() -> Option<FrameList<'static>> {
    let first = NonNull::new(OWN_FRAMES.0.load(Ordering::Acquire))?;
    // SAFETY: `remember_frames` got a list of this length there, which stays.
    Some(unsafe { FrameList::from_raw(first, OWN_FRAMES.1.load(Ordering::Relaxed)) })
}

/// Pages of the image to be handed out, each once.
///
/// ```
/// use xen_guest::PagePool;
///
/// static POOL: PagePool<64> = PagePool::new();
/// ```
pub struct PagePool<const N: usize> {
    pages: [PageStorage; N],
    next: AtomicUsize,
}

impl<const N: usize> Default for PagePool<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> PagePool<N> {
    /// A pool that has handed out nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { pages: [const { PageStorage::ZERO }; N], next: AtomicUsize::new(0) }
    }

    /// A page of zeroes, never handed out before or afterwards.
    ///
    /// # Errors
    ///
    /// [`MemoryError::PoolExhausted`], or [`MemoryError::NotInImage`] where the hypervisor has told of
    /// too few frames.
    pub fn take(&'static self, guest: &Guest) -> Result<GuestPage, MemoryError> {
        let [page] = self.take_array(guest)?;
        Ok(page)
    }

    /// Pages as from [`take`](Self::take), one after the other in memory.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take). Then no page is handed out.
    pub fn take_array<const K: usize>(
        &'static self,
        guest: &Guest,
    ) -> Result<[GuestPage; K], MemoryError> {
        let first = self.reserve(K)?;
        let mut frames = [xen_pfn_t(0); K];
        for (frame, page) in frames.iter_mut().zip(&self.pages[first..]) {
            *frame = guest.space().frame(page.address()).ok_or(MemoryError::NotInImage)?;
        }
        Ok(core::array::from_fn(|at| GuestPage {
            address: self.pages[first + at].address(),
            frame: frames[at],
        }))
    }

    /// The index of the first of `count` pages that are the caller's.
    fn reserve(&self, count: usize) -> Result<usize, MemoryError> {
        let fits = |next: usize| next.checked_add(count).filter(|end| *end <= N);
        let first = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        first.map_err(|_| MemoryError::PoolExhausted)
    }
}

impl<const N: usize> fmt::Debug for PagePool<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PagePool").field("next", &self.next).finish_non_exhaustive()
    }
}

/// A page of the kernel's own, which can be granted. Dropping it does not return it to its pool.
#[derive(Debug)]
pub struct GuestPage {
    address: NonNull<u8>,
    frame: xen_pfn_t,
}

// SAFETY: a page of the image that was handed out once, and its frame.
unsafe impl Page for GuestPage {
    fn frame(&self) -> xen_pfn_t {
        // A PV guest that was suspended has others.
        #[cfg(target_arch = "x86_64")]
        if let Some(frame) =
            own_frames().and_then(|list| list.get(self.address.as_ptr().addr() / PAGE_SIZE))
        {
            return frame;
        }
        self.frame
    }

    fn address(&self) -> NonNull<u8> {
        self.address
    }
}

// SAFETY: every CPU reaches the page at the same address.
unsafe impl Send for GuestPage {}

/// A page of the address space without memory: a place for a frame of Xen's or of another domain's.
#[derive(Debug)]
pub struct UnmappedPage {
    xen: Backend,
    address: NonNull<u8>,
    host_addr: u64,
}

// SAFETY: every CPU reaches what is mapped there at the same address.
unsafe impl Send for UnmappedPage {}

impl UnmappedPage {
    /// Takes a page's memory out of the address space. In a translated guest Xen gets the memory.
    ///
    /// # Errors
    ///
    /// [`MemoryError::Hypercall`]: Xen refuses.
    pub fn new(guest: &Guest, page: GuestPage) -> Result<Self, MemoryError> {
        let (xen, address) = (guest.xen(), page.address());
        let host_addr = match guest.space() {
            #[cfg(target_arch = "x86_64")]
            AddressSpace::Pv { .. } => {
                set_entry(&xen, address.as_ptr().addr(), 0)?;
                address.as_ptr().addr() as u64
            }
            AddressSpace::Translated { .. } => {
                // SAFETY: nothing else has the page.
                unsafe { remove_from_physmap(&xen, DOMID_SELF, page.frame())? };
                #[allow(
                    clippy::cast_lossless,
                    clippy::unnecessary_cast,
                    reason = "64 or 32 bits wide"
                )]
                let frame = page.frame().0 as u64;
                frame << 12
            }
        };
        Ok(Self { xen, address, host_addr })
    }

    /// Places frame `index` of one of Xen's spaces (`XENMAPSPACE_*`) here; translated guests only.
    ///
    /// # Errors
    ///
    /// [`MemoryError::Hypercall`]: Xen refuses.
    pub fn place(&self, space: u32, index: usize) -> Result<(), MemoryError> {
        let frame = xen_pfn_t((self.host_addr >> 12) as _);
        // SAFETY: nothing is here.
        unsafe { add_to_physmap(&self.xen, DOMID_SELF, 0, space, index as _, frame)? };
        Ok(())
    }

    /// Maps a machine frame here; PV guests only.
    ///
    /// # Errors
    ///
    /// [`MemoryError::Hypercall`]: Xen refuses.
    #[cfg(target_arch = "x86_64")]
    pub fn map_frame(&self, frame: u64) -> Result<(), MemoryError> {
        Ok(map_frame(&self.xen, self.address.as_ptr().addr(), frame)?)
    }
}

// SAFETY: made from a page that was handed out once and is no memory any more.
unsafe impl MapTarget for UnmappedPage {
    fn host_addr(&self) -> u64 {
        self.host_addr
    }

    fn address(&self) -> NonNull<u8> {
        self.address
    }
}

/// Flags of a page-table entry: present, writable, accessed, dirty.
#[cfg(target_arch = "x86_64")]
const PRESENT_AND_WRITABLE: u64 = 0x63;

/// Maps a machine frame where nothing is mapped, in a PV guest.
#[cfg(target_arch = "x86_64")]
pub(crate) fn map_frame(xen: &Backend, address: usize, frame: u64) -> Result<(), Error> {
    set_entry(xen, address, frame << 12 | PRESENT_AND_WRITABLE)
}

/// Takes what is mapped out of the address space of a PV guest.
///
/// # Safety
///
/// Nothing uses these pages until something is mapped there again.
#[cfg(target_arch = "x86_64")]
pub(crate) unsafe fn unmap(xen: &Backend, address: usize, pages: usize) -> Result<(), Error> {
    (0..pages).try_for_each(|page| set_entry(xen, address + page * PAGE_SIZE, 0))
}

/// Writes the page-table entry for an address whose page is not in use as memory, in a PV guest.
#[cfg(target_arch = "x86_64")]
fn set_entry(xen: &Backend, address: usize, entry: u64) -> Result<(), Error> {
    use xen_abi::xen::{__HYPERVISOR_update_va_mapping, UVMF_INVLPG, UVMF_LOCAL};
    use xen_ops::hypercall::Hypercall as _;

    let flags = (UVMF_INVLPG | UVMF_LOCAL) as usize;
    let arguments = [address, entry as usize, flags];
    // SAFETY: the page there was taken by its only owner, or nothing uses it, by the promise of `unmap`.
    let result = unsafe { xen.call3(__HYPERVISOR_update_va_mapping, arguments) };
    if result == 0 { Ok(()) } else { Err(Error::from_result("update_va_mapping", result)) }
}

/// Why the kernel does not get a page, or why nothing is mapped at one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryError {
    /// The pool has handed out all of its pages.
    PoolExhausted,
    /// The list of frames that the kernel was started with has none for this page.
    NotInImage,
    /// A hypercall failed.
    Hypercall(Error),
}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PoolExhausted => f.write_str("the page pool is exhausted: make it larger"),
            Self::NotInImage => f.write_str("the start information has no frame for this page"),
            Self::Hypercall(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for MemoryError {}

impl From<Error> for MemoryError {
    fn from(error: Error) -> Self {
        Self::Hypercall(error)
    }
}
