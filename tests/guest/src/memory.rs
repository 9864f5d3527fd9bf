//! Pages of the image, and how the hypervisor and the processor see them.

#![allow(unsafe_code, reason = "pages are handed out and taken from the address space")]

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use xen_abi::xen::{
    __HYPERVISOR_update_va_mapping, DOMID_SELF, UVMF_INVLPG, UVMF_LOCAL, xen_pfn_t,
};
use xen_ops::hypercall::Hypercall;
use xen_ops::hypercall::memory_op::{add_to_physmap, remove_from_physmap};
use xen_ops::page::{MapTarget, PAGE_SIZE, Page};

use crate::entry::xen;

/// One page of the image.
#[repr(C, align(4096))]
pub(crate) struct RawPage(UnsafeCell<[u8; PAGE_SIZE]>);

// SAFETY: the content is reached through raw pointers only, by the code that was handed the page.
unsafe impl Sync for RawPage {}

impl RawPage {
    /// A page of zeroes.
    #[allow(clippy::declare_interior_mutable_const, reason = "to make statics of")]
    pub(crate) const ZERO: Self = Self(UnsafeCell::new([0; PAGE_SIZE]));

    /// Where its first byte is.
    pub(crate) const fn address(&'static self) -> NonNull<u8> {
        match NonNull::new(self.0.get().cast()) {
            Some(address) => address,
            None => unreachable!(),
        }
    }
}

/// How virtual addresses of the image and the hypervisor's frames belong together.
#[derive(Clone, Copy)]
pub(crate) enum Space {
    /// A PV guest: virtual addresses less 0 are what it would take for physical ones.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "x86 only"))]
    Pv {
        /// The machine frame of each page, by its address.
        frames: &'static [xen_pfn_t],
        /// The machine address of shared_info, in bytes.
        shared_info: u64,
    },
    /// A translated guest: virtual addresses less this offset, in bytes, are guest physical ones.
    Translated {
        /// Virtual address of the image less its physical address.
        offset: usize,
    },
}

impl Space {
    /// The frame under which Xen knows the page at `address`, which is in the image.
    pub(crate) fn frame(self, address: NonNull<u8>) -> xen_pfn_t {
        let address = address.as_ptr().addr();
        match self {
            Self::Pv { frames, .. } => frames[address / PAGE_SIZE],
            Self::Translated { offset } => {
                xen_pfn_t((address.wrapping_sub(offset) / PAGE_SIZE) as u64)
            }
        }
    }
}

/// Pages to be handed out, each once.
static POOL: [RawPage; 1024] = [const { RawPage::ZERO }; 1024];
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A page of our own, zeroed at first.
pub(crate) struct OwnPage {
    address: NonNull<u8>,
    frame: xen_pfn_t,
}

impl OwnPage {
    /// A page, never handed out before or afterwards.
    pub(crate) fn take(space: Space) -> Self {
        let page = POOL.get(NEXT.fetch_add(1, Ordering::Relaxed)).expect("a page of the pool");
        let address = page.address();
        Self { address, frame: space.frame(address) }
    }
}

// SAFETY: a page of the image that was handed out once, and its frame.
unsafe impl Page for OwnPage {
    fn frame(&self) -> xen_pfn_t {
        self.frame
    }

    fn address(&self) -> NonNull<u8> {
        self.address
    }
}

/// Room for a frame: a page of the image that was taken out of the address space.
pub(crate) struct Room {
    address: NonNull<u8>,
    host_addr: u64,
}

impl Room {
    /// The room where a page was.
    pub(crate) fn new(page: &OwnPage, space: Space) -> Self {
        let address = page.address();
        let host_addr = match space {
            Space::Pv { .. } => {
                set_entry(address, 0);
                address.as_ptr().addr() as u64
            }
            Space::Translated { .. } => {
                // SAFETY: nothing else has the page.
                let removed = unsafe { remove_from_physmap(&xen(), DOMID_SELF, page.frame()) };
                removed.expect("an own page can be taken out of the address space");
                page.frame().0 << 12
            }
        };
        Self { address, host_addr }
    }

    /// Has the frame `index` of one of Xen's spaces (`XENMAPSPACE_*`) here; translated guests only.
    pub(crate) fn fill(&self, space: u32, index: usize) {
        let frame = xen_pfn_t(self.host_addr >> 12);
        // SAFETY: nothing is here.
        let added = unsafe { add_to_physmap(&xen(), DOMID_SELF, 0, space, index as _, frame) };
        added.expect("an own frame of Xen's can be mapped");
    }

    /// Has a machine frame here; PV guests only.
    pub(crate) fn point_to(&self, frame: u64) {
        map_frame(self.address, frame);
    }
}

// SAFETY: made from a page that was handed out once and is no memory any more.
unsafe impl MapTarget for Room {
    fn host_addr(&self) -> u64 {
        self.host_addr
    }

    fn address(&self) -> NonNull<u8> {
        self.address
    }
}

/// Flags of a page-table entry: present, writable, accessed, dirty.
const PRESENT_AND_WRITABLE: u64 = 0x63;

/// Maps a machine frame where there is room, in a PV guest.
pub(crate) fn map_frame(address: NonNull<u8>, frame: u64) {
    set_entry(address, frame << 12 | PRESENT_AND_WRITABLE);
}

/// Writes the page-table entry for an address, in a PV guest.
fn set_entry(address: NonNull<u8>, entry: u64) {
    let arguments = [address.as_ptr().addr(), entry as usize, (UVMF_INVLPG | UVMF_LOCAL) as usize];
    // SAFETY: the page there was handed out to be room, and nothing uses it as memory.
    let result = unsafe { xen().call3(__HYPERVISOR_update_va_mapping, arguments) };
    assert_eq!(result, 0, "update_va_mapping");
}
