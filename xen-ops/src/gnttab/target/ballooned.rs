//! Pages of the guest's own whose memory is released to Xen.

#![allow(unsafe_code, reason = "releases a page's memory and populates it again")]

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};

use xen_abi::memory::MemoryFlags;
use xen_abi::xen::DOMID_SELF;

use crate::Failed;
use crate::hypercall::memory_op::{decrease_reservation, populate_physmap};
use crate::hypercall::{Error, Hypercall};
use crate::page::{MapTarget, Owner, PAGE_SIZE, Page, check_is_movable};

/// Memory from anywhere.
const ANY: MemoryFlags = MemoryFlags::empty();

/// A page of the guest's own that was ballooned out: its memory was released to Xen, so its frame can be
/// the target of a mapping.
///
/// In a translated guest a mapping replaces the memory at its frame, and after the unmap the frame has
/// none. This type owns the page and has Xen populate the frame before it returns the page, in
/// [`restore`](Self::restore) or when it is dropped. If Xen has no memory, the page is leaked.
///
/// The contents of the page are lost. The new memory has arbitrary contents.
///
/// Translated guests only (HVM, PVH, Arm): in a PV guest the frame is a machine frame, which another
/// guest may have by then.
pub struct Ballooned<H: Hypercall, P: Page> {
    xen: H,
    page: ManuallyDrop<P>,
}

/// Why a page was not ballooned out, or not restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BalloonError {
    /// The page is not of the domain that releases it. No hypercall was made.
    OtherDomain,
    /// Xen did not take the page's memory, or has none to populate it. It gives no reason.
    NotDone,
    /// Xen or the backend refused the hypercall.
    Xen(Error),
}

impl fmt::Display for BalloonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherDomain => f.write_str("the page belongs to another domain"),
            Self::NotDone => {
                f.write_str("Xen did not take the page's memory, or has none to populate it")
            }
            Self::Xen(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for BalloonError {}

impl<T> From<Failed<Self, T>> for BalloonError {
    fn from(failed: Failed<Self, T>) -> Self {
        failed.error
    }
}

impl<H: Hypercall, P: Page> Ballooned<H, P> {
    /// Releases the memory of `page` to Xen.
    ///
    /// # Errors
    ///
    /// [`BalloonError`], with the page if it still has its memory.
    ///
    /// # Safety
    ///
    /// The guest is a translated one. In a PV guest the host address that this type computes from the
    /// frame number is not the page's.
    pub unsafe fn new(xen: H, page: P) -> Result<Self, Failed<BalloonError, P>> {
        check_is_movable::<P>();
        if Owner::is_foreign(|| xen.owner(), page.owner()) {
            return Err(Failed::returning(BalloonError::OtherDomain, page));
        }
        let frame = page.frame();
        // Not dropped if the hypercall panics: by then it may be without memory.
        let page = ManuallyDrop::new(page);
        // SAFETY: the page is owned and nothing accesses its memory, which is lost.
        match once(unsafe { decrease_reservation(&xen, &[frame], 0, ANY, DOMID_SELF) }) {
            Ok(()) => Ok(Self { xen, page }),
            Err(error) => Err(failed(error, ManuallyDrop::into_inner(page))),
        }
    }

    /// Has Xen populate the page again, and returns it.
    ///
    /// # Errors
    ///
    /// [`BalloonError`], with the target if it still is one: Xen had no memory.
    pub fn restore(self) -> Result<P, Failed<BalloonError, Self>> {
        // Not dropped if the hypercall panics: that would make the hypercall again.
        let mut this = ManuallyDrop::new(self);
        match this.populate() {
            Ok(()) => {
                // SAFETY: `this` is not dropped, so each is taken once.
                let (xen, page) =
                    unsafe { (ptr::read(&this.xen), ManuallyDrop::take(&mut this.page)) };
                drop(xen);
                Ok(page)
            }
            Err(error) => Err(failed(error, ManuallyDrop::into_inner(this))),
        }
    }

    fn populate(&self) -> Result<(), BalloonError> {
        // SAFETY: the frame has no memory: a mapping was there, or could be.
        once(unsafe { populate_physmap(&self.xen, &mut [self.page.frame()], 0, ANY, DOMID_SELF) })
    }
}

/// Whether the one extent was done.
fn once(done: Result<usize, Error>) -> Result<(), BalloonError> {
    match done {
        Ok(0) => Err(BalloonError::NotDone),
        Ok(_) => Ok(()),
        Err(error) => Err(BalloonError::Xen(error)),
    }
}

/// The error, with `value` if Xen did nothing: it counted no extent, or refused the hypercall with an
/// error number, which the operation itself never returns.
fn failed<V>(error: BalloonError, value: V) -> Failed<BalloonError, V> {
    match error {
        BalloonError::Xen(xen) if xen.errno().is_none() => {
            core::mem::forget(value);
            Failed::keeping(error)
        }
        _ => Failed::returning(error, value),
    }
}

// SAFETY: the caller of `new` promised a translated guest. There the frame has no memory, and nothing else
// uses the page, which is owned. The CPU accesses the frame at the page's address.
unsafe impl<H: Hypercall, P: Page> MapTarget for Ballooned<H, P> {
    #[allow(clippy::useless_conversion, reason = "a frame number has 32 bits on x86_32")]
    fn host_addr(&self) -> u64 {
        u64::from(self.page.frame().0).saturating_mul(PAGE_SIZE as u64)
    }

    fn address(&self) -> NonNull<u8> {
        self.page.address()
    }

    fn owner(&self) -> Option<Owner> {
        self.page.owner()
    }
}

impl<H: Hypercall, P: Page> Drop for Ballooned<H, P> {
    fn drop(&mut self) {
        if self.populate().is_ok() {
            // SAFETY: not touched again.
            drop(unsafe { ManuallyDrop::take(&mut self.page) });
        }
    }
}

impl<H: Hypercall, P: Page> fmt::Debug for Ballooned<H, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ballooned").field(&self.page.frame()).finish()
    }
}
