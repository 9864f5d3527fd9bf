//! The guest's own memory, given back to Xen for the time.

#![allow(unsafe_code, reason = "takes memory away from under a page and puts it back")]

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};

use xen_abi::xen::DOMID_SELF;

use crate::Failed;
use crate::hypercall::memory_op::{decrease_reservation, populate_physmap};
use crate::hypercall::{Error, Hypercall};
use crate::page::{MapTarget, PAGE_SIZE, Page};

/// A page of the guest's own that was ballooned out: its memory was released to Xen, so its frame can be
/// the target of a mapping.
///
/// In a translated guest a mapping replaces what was at its frame, and after the unmap nothing is there.
/// A page of the heap would stay without memory. This type owns the page meanwhile and has Xen populate
/// its frame again before it returns the page, in [`restore`](Self::restore) or when it is dropped. If
/// Xen has no memory, the page is leaked.
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
    /// Xen did nothing, and says no more: it did not take the page's memory, or has none to put there.
    NotDone,
    /// Xen or the backend refused the hypercall.
    Xen(Error),
}

impl fmt::Display for BalloonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDone => {
                f.write_str("Xen did not take the page's memory, or has none to put there")
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
    /// The guest is a translated one. In a PV guest the address that follows from the frame's number
    /// is that of something else.
    pub unsafe fn new(xen: H, page: P) -> Result<Self, Failed<BalloonError, P>> {
        let frame = page.frame();
        // A page without memory must not be dropped, if the hypercall panics.
        let page = ManuallyDrop::new(page);
        // SAFETY: the page is owned and nothing accesses its memory, which is lost.
        match once(unsafe { decrease_reservation(&xen, &[frame], 0, 0, DOMID_SELF) }) {
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
        // If the hypercall panics, it is not made again by a drop.
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
        // SAFETY: nothing is at the frame, where a mapping was or could be.
        once(unsafe { populate_physmap(&self.xen, &mut [self.page.frame()], 0, 0, DOMID_SELF) })
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

/// The error, with `value` if nothing was done: the operation counted none, or it was refused with an
/// error number, which it has none of itself.
fn failed<V>(error: BalloonError, value: V) -> Failed<BalloonError, V> {
    match error {
        BalloonError::Xen(xen) if xen.errno().is_none() => {
            core::mem::forget(value);
            Failed::keeping(error)
        }
        _ => Failed::returning(error, value),
    }
}

// SAFETY: whoever made the value promised a translated guest. There the frame's memory is gone and the
// page, which nobody else uses, is owned, so there is room at its frame, which the CPU reaches at the
// page's address.
unsafe impl<H: Hypercall, P: Page> MapTarget for Ballooned<H, P> {
    #[allow(clippy::useless_conversion, reason = "a frame number has 32 bits on x86_32")]
    fn host_addr(&self) -> u64 {
        u64::from(self.page.frame().0).saturating_mul(PAGE_SIZE as u64)
    }

    fn address(&self) -> NonNull<u8> {
        self.page.address()
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
