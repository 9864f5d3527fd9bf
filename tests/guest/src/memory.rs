//! Pages of the image, and how the hypervisor and the processor see them.

#![allow(unsafe_code, reason = "pages are handed out and taken from the address space")]

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use xen_abi::xen::xen_pfn_t;
use xen_ops::page::{PAGE_SIZE, Page};

/// One page of the image.
#[repr(C, align(4096))]
pub(crate) struct RawPage(UnsafeCell<[u8; PAGE_SIZE]>);

// SAFETY: the content is reached through raw pointers only, by whoever was handed the page.
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
    /// A PV guest: the machine frame of each page, by its virtual address from 0 up.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "x86 only"))]
    Pv {
        /// The machine frames.
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
static POOL: [RawPage; 256] = [RawPage::ZERO; 256];
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A page of our own, zeroed at first.
pub(crate) struct OwnPage {
    address: NonNull<u8>,
    frame: xen_pfn_t,
}

impl OwnPage {
    /// A page that nobody else has or will have.
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
