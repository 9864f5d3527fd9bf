//! Where the frames of the grant table appear.

#![allow(unsafe_code, reason = "places the table's frames in memory")]

use core::ops::Range;
use core::ptr::NonNull;
#[cfg(target_arch = "x86_64")]
use core::sync::atomic::{AtomicUsize, Ordering};

#[cfg(target_arch = "x86_64")]
use xen_abi::xen::xen_pfn_t;
use xen_ops::gnttab::{FrameRange, TableFrames, Translated, Version};
#[cfg(target_arch = "x86_64")]
use xen_ops::gnttab::{MapFrames, Paravirtual};
use xen_ops::hypercall::{Error, Hypercall};
use xen_ops::page::Page as _;

#[cfg(target_arch = "x86_64")]
use crate::backend::Backend;
use crate::memory::{AddressSpace, MemoryError, PagePool, UnmappedPage};
use crate::{Guest, GuestPage};

/// Address space for the frames of the grant table, in any kind of guest.
///
/// ```no_run
/// use xen_guest::{GrantFrames, Guest, GuestPage, PagePool};
/// use xen_guest::xen_ops::gnttab::Storage;
/// use xen_guest::xen_ops::{GrantTable, ReadOnly};
///
/// static POOL: PagePool<16> = PagePool::new();
/// static STORAGE: Storage<GuestPage, 4, 16> = Storage::new();
///
/// # #[allow(unsafe_code)]
/// fn share(guest: &Guest, peer: xen_guest::xen_ops::DomainId) -> Option<()> {
///     let frames = GrantFrames::new::<4, 16>(guest, &POOL).ok()?;
///     // SAFETY: nothing else in this kernel uses the domain's grant table.
///     let table = unsafe {
///         GrantTable::start(guest.xen(), frames, STORAGE.take()?, Default::default()).ok()?
///     };
///     let _grant = table.grant(peer, POOL.take(guest).ok()?, ReadOnly).ok()?;
///     Some(())
/// }
/// ```
pub struct GrantFrames(Kind);

enum Kind {
    /// At guest frames of our choice.
    Translated(Translated),
    /// Through page tables.
    #[cfg(target_arch = "x86_64")]
    Pv(Paravirtual<'static, PageTables>),
}

impl GrantFrames {
    /// Takes `K` pages from a pool and releases their memory; in a PV guest one more page has the list
    /// of frames, so `K` is 512 at most.
    ///
    /// # Errors
    ///
    /// Why a page cannot be taken or its memory not be released.
    pub fn new<const K: usize, const N: usize>(
        guest: &Guest,
        pool: &'static PagePool<N>,
    ) -> Result<Self, MemoryError> {
        const { assert!(K > 0 && K <= 512, "1 to 512 frames") };
        let pages = pool.take_array::<K>(guest)?;
        let (address, frame) = (pages[0].address(), pages[0].frame());
        pages
            .into_iter()
            .try_for_each(|page: GuestPage| UnmappedPage::new(guest, page).map(drop))?;
        match guest.space() {
            #[cfg(target_arch = "x86_64")]
            AddressSpace::Pv { .. } => {
                let list = pool.take(guest)?.address().cast::<xen_pfn_t>();
                // SAFETY: the page was handed out to nothing else, is zeroed, and has 512 numbers.
                let list = unsafe { core::slice::from_raw_parts_mut(list.as_ptr(), K) };
                TABLE.1.store(K, Ordering::Relaxed);
                TABLE.0.store(address.as_ptr().addr(), Ordering::Relaxed);
                // SAFETY: nothing else uses the address space of the pages.
                let frames = unsafe { Paravirtual::new(PageTables(guest.xen()), address, list) };
                Ok(Self(Kind::Pv(frames)))
            }
            AddressSpace::Translated { .. } => {
                let range = FrameRange { address, frame };
                // SAFETY: nothing else uses the pages' guest frames, which have no memory.
                Ok(Self(Kind::Translated(unsafe { Translated::new(range, K as u32) })))
            }
        }
    }
}

/// Where the table of a PV guest is mapped, and how many pages are for it.
#[cfg(target_arch = "x86_64")]
static TABLE: (AtomicUsize, AtomicUsize) = (AtomicUsize::new(0), AtomicUsize::new(0));

/// Takes the table out of the address space of a PV guest. Attaching it puts it there again.
///
/// # Safety
///
/// Nothing uses the table until then.
#[cfg(target_arch = "x86_64")]
pub(crate) unsafe fn unmap_table(xen: &Backend) -> Result<(), Error> {
    let (address, pages) = (TABLE.0.load(Ordering::Relaxed), TABLE.1.load(Ordering::Relaxed));
    // SAFETY: the caller's promise; there is nothing at the pages but the table.
    unsafe { crate::memory::unmap(xen, address, pages) }
}

/// The page tables of a PV guest.
#[cfg(target_arch = "x86_64")]
struct PageTables(Backend);

#[cfg(target_arch = "x86_64")]
// SAFETY: the entry is written before the call returns. No other CPU has used the address since its
// page was taken out of the address space.
unsafe impl MapFrames for PageTables {
    unsafe fn map(&mut self, at: NonNull<u8>, frame: u64) -> Result<(), Error> {
        crate::memory::map_frame(&self.0, at.as_ptr().addr(), frame)
    }
}

// SAFETY: forwards everything.
unsafe impl TableFrames for GrantFrames {
    fn capacity(&self) -> u32 {
        match &self.0 {
            Kind::Translated(frames) => frames.capacity(),
            #[cfg(target_arch = "x86_64")]
            Kind::Pv(frames) => frames.capacity(),
        }
    }

    fn shared(&self) -> NonNull<u8> {
        match &self.0 {
            Kind::Translated(frames) => frames.shared(),
            #[cfg(target_arch = "x86_64")]
            Kind::Pv(frames) => frames.shared(),
        }
    }

    fn status(&self) -> Option<NonNull<u8>> {
        None
    }

    fn attach<H: Hypercall>(
        &mut self,
        xen: &H,
        version: Version,
        frames: Range<u32>,
    ) -> Result<(), Error> {
        match &mut self.0 {
            Kind::Translated(own) => own.attach(xen, version, frames),
            #[cfg(target_arch = "x86_64")]
            Kind::Pv(own) => own.attach(xen, version, frames),
        }
    }
}
