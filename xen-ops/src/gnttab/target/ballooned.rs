//! The guest's own memory, given back to Xen for the time.

#![allow(unsafe_code, reason = "takes memory away from under a page and puts it back")]

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use xen_abi::xen::DOMID_SELF;

use crate::hypercall::memory_op::{decrease_reservation, populate_physmap};
use crate::hypercall::{Error, Hypercall};
use crate::page::{MapTarget, PAGE_SIZE, Page};

/// A page of the guest's own whose memory was given back to Xen, so that its frame is room for a
/// mapping.
///
/// In a translated guest a mapping takes the place of what was at its frame, and after the unmap
/// nothing is there. Under a page of the heap that would be memory that somebody gets back dead.
/// This type owns the page meanwhile and puts memory back before it gives up the page: in
/// [`restore`](Self::restore), or when it is dropped. If Xen has no memory to put back, the page is
/// leaked.
///
/// What was in the page is lost. The memory that comes back has any contents.
///
/// Translated guests only (HVM, PVH, Arm): in a PV guest the frame is a machine frame, which another
/// guest may have by then.
pub struct Ballooned<H: Hypercall, P: Page> {
    xen: H,
    page: ManuallyDrop<P>,
}

/// A page that was not ballooned out, or not restored.
pub struct BalloonError<P> {
    /// Why, if Xen or what is on the way to it says so. `XENMEM_*` operations count what they did and
    /// say no more when that is nothing: then there is none.
    pub error: Option<Error>,
    /// What there was before, unless nobody can tell: then the page is leaked.
    pub kept: Option<P>,
}

impl<P> fmt::Debug for BalloonError<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BalloonError")
            .field("error", &self.error)
            .field("leaked", &self.kept.is_none())
            .finish()
    }
}

impl<P> fmt::Display for BalloonError<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.error {
            Some(error) => error.fmt(f)?,
            None => f.write_str("Xen did not take the page's memory, or has none to put there")?,
        }
        if self.kept.is_none() {
            f.write_str("; the page is leaked since nobody can tell what was done")?;
        }
        Ok(())
    }
}

impl<P> core::error::Error for BalloonError<P> {}

impl<H: Hypercall, P: Page> Ballooned<H, P> {
    /// Gives the memory of `page` back to Xen.
    ///
    /// # Errors
    ///
    /// [`BalloonError`], with the page if it still has its memory.
    ///
    /// # Safety
    ///
    /// The guest is a translated one. In a PV guest the address that follows from the frame's number
    /// is that of something else.
    pub unsafe fn new(xen: H, page: P) -> Result<Self, BalloonError<P>> {
        // SAFETY: the page is owned and nobody looks at its memory, which is lost.
        match once(unsafe { decrease_reservation(&xen, &[page.frame()], 0, 0, DOMID_SELF) }) {
            Ok(()) => Ok(Self { xen, page: ManuallyDrop::new(page) }),
            Err(error) => Err(failed(error, page)),
        }
    }

    /// Has Xen put memory under the page, and gives it back.
    ///
    /// # Errors
    ///
    /// [`BalloonError`], with the target if it still is one: Xen had no memory.
    pub fn restore(self) -> Result<P, BalloonError<Self>> {
        match self.populate() {
            Ok(()) => {
                let mut this = ManuallyDrop::new(self);
                // SAFETY: `this` is not dropped, so each is taken once.
                unsafe {
                    core::ptr::drop_in_place(&mut this.xen);
                    Ok(ManuallyDrop::take(&mut this.page))
                }
            }
            Err(error) => Err(failed(error, self)),
        }
    }

    fn populate(&self) -> Result<(), Option<Error>> {
        // SAFETY: nothing is at the frame, where a mapping was or could be.
        once(unsafe { populate_physmap(&self.xen, &mut [self.page.frame()], 0, 0, DOMID_SELF) })
    }
}

/// Whether the one extent was done.
fn once(done: Result<usize, Error>) -> Result<(), Option<Error>> {
    match done {
        Ok(0) => Err(None),
        Ok(_) => Ok(()),
        Err(error) => Err(Some(error)),
    }
}

/// The error, with `value` if nothing was done: the operation counted none, or it was refused with an
/// error number, which it has none of itself.
fn failed<V>(error: Option<Error>, value: V) -> BalloonError<V> {
    let kept = if error.is_none_or(|error| error.errno().is_some()) {
        Some(value)
    } else {
        core::mem::forget(value);
        None
    };
    BalloonError { error, kept }
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
