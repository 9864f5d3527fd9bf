//! The way to the hypervisor: one for the whole kernel, adopted when it starts.
//!
//! A kernel that starts with [`entry!`](crate::entry!) gets it as [`Guest::xen`](crate::Guest::xen).
//! The console and [`shutdown`](crate::shutdown) take it from here, so that a panic handler needs
//! nothing.

#![allow(unsafe_code, reason = "says that the hypervisor is Xen")]

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
mod arch {
    use core::ptr::{self, NonNull};
    use core::sync::atomic::{AtomicPtr, Ordering};

    /// How this kernel makes hypercalls.
    pub use xen_ops::backend::x86::HypercallPage as Backend;

    use crate::PageStorage;

    /// The page that Xen fills with stubs, for the entry code of this crate: at once in a PV guest, where
    /// an ELF note names it, and when asked in a PVH guest.
    pub static HYPERCALL_PAGE: PageStorage = PageStorage::ZERO;

    /// Null until the backend is adopted.
    static PAGE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

    /// Makes this hypercall page the kernel's way to the hypervisor.
    ///
    /// # Safety
    ///
    /// As [`Backend::new`], from now on.
    pub unsafe fn adopt(page: NonNull<u8>) -> Backend {
        PAGE.store(page.as_ptr(), Ordering::Release);
        // SAFETY: the caller's promise.
        unsafe { Backend::new(page) }
    }

    /// The way to the hypervisor, once it is adopted.
    #[must_use]
    pub fn current() -> Option<Backend> {
        let page = NonNull::new(PAGE.load(Ordering::Acquire))?;
        // SAFETY: `adopt` was promised it.
        Some(unsafe { Backend::new(page) })
    }
}

#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
mod arch {
    use core::sync::atomic::{AtomicBool, Ordering};

    /// How this kernel makes hypercalls.
    pub use xen_ops::backend::arm::Hvc as Backend;

    static ADOPTED: AtomicBool = AtomicBool::new(false);

    /// Makes the instruction HVC the kernel's way to the hypervisor.
    ///
    /// # Safety
    ///
    /// As [`Backend::new`], from now on.
    pub unsafe fn adopt() -> Backend {
        ADOPTED.store(true, Ordering::Release);
        // SAFETY: the caller's promise.
        unsafe { Backend::new() }
    }

    /// The way to the hypervisor, once it is adopted.
    #[must_use]
    pub fn current() -> Option<Backend> {
        // SAFETY: `adopt` was promised it.
        ADOPTED.load(Ordering::Acquire).then(|| unsafe { Backend::new() })
    }
}

pub use arch::*;
