//! The guest's own memory, given back to Xen for the time.

#![allow(unsafe_code, reason = "takes memory away from under a page and puts it back")]

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use xen_abi::GuestHandle;
use xen_abi::memory::{
    XENMEM_decrease_reservation, XENMEM_populate_physmap, xen_memory_reservation,
};
use xen_abi::xen::{__HYPERVISOR_memory_op, DOMID_SELF, xen_pfn_t};

use crate::hypercall::{Cause, Error, Hypercall, expansion};
use crate::page::{PAGE_SIZE, Page, Target};

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
    /// Why. `XENMEM_*` operations count what they did: `unexpected result 0` is none.
    pub error: Error,
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
        self.error.fmt(f)
    }
}

impl<P> core::error::Error for BalloonError<P> {}

impl<H: Hypercall, P: Page> Ballooned<H, P> {
    /// Gives the memory of `page` back to Xen.
    ///
    /// # Errors
    ///
    /// [`BalloonError`], with the page if it still has its memory: Xen says that it took none.
    pub fn new(xen: H, page: P) -> Result<Self, BalloonError<P>> {
        match reserve(&xen, XENMEM_decrease_reservation, page.frame()) {
            Ok(()) => Ok(Self { xen, page: ManuallyDrop::new(page) }),
            Err(error) => Err(BalloonError { error, kept: kept(error, page) }),
        }
    }

    /// Has Xen put memory under the page, and gives it back.
    ///
    /// # Errors
    ///
    /// [`BalloonError`], with the target if it still is one: Xen says that it had no memory.
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
            Err(error) => Err(BalloonError { error, kept: kept(error, self) }),
        }
    }

    fn populate(&self) -> Result<(), Error> {
        reserve(&self.xen, XENMEM_populate_physmap, self.page.frame())
    }
}

/// `value`, if Xen says that it did nothing: the number done, or an error number before it began.
fn kept<V>(error: Error, value: V) -> Option<V> {
    let nothing_done = error.cause() == Cause::Unexpected(0) || error.errno().is_some();
    if nothing_done {
        return Some(value);
    }
    core::mem::forget(value);
    None
}

fn reserve<H: Hypercall>(xen: &H, command: u32, frame: xen_pfn_t) -> Result<(), Error> {
    let mut frames = [frame];
    let mut reservation = xen_memory_reservation {
        extent_start: GuestHandle::from_mut_slice(&mut frames),
        nr_extents: 1,
        domid: DOMID_SELF,
        ..xen_memory_reservation::ZERO
    };
    let argument = core::ptr::from_mut(&mut reservation).expose_provenance();
    // SAFETY: the page is owned, and nobody looks at its memory until there is some again.
    let result = unsafe { xen.call2(__HYPERVISOR_memory_op, [command as usize, argument]) };
    match expansion::count("XENMEM", result, 1)? {
        1 => Ok(()),
        none => Err(Error::from_result("XENMEM", none as isize)),
    }
}

// SAFETY: the frame's memory is gone and the page, which nobody else uses, is owned, so there is room
// at its frame, which the CPU reaches at the page's address.
unsafe impl<H: Hypercall, P: Page> Target for Ballooned<H, P> {
    fn host_addr(&self) -> u64 {
        self.page.frame().0 * PAGE_SIZE as u64
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
