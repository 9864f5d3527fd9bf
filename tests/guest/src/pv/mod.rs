//! What only a PV kernel does: page tables, descriptors, traps and registers through Xen.

#![allow(unsafe_code, reason = "changes what the processor relies on, and back")]

mod processor;
mod tables;
mod traps;

use xen_abi::xen::xen_pfn_t;
use xen_guest::backend::Backend;
use xen_guest::{AddressSpace, Guest as Kernel, GuestPage};
use xen_ops::hypercall::Error;
use xen_ops::page::Page as _;
use xen_scenarios::Run;

use crate::guest::LiveGuest;

/// Writes down what comes of each.
pub(crate) fn pv(run: &mut Run<'_, LiveGuest>) {
    tables::tables(run);
    processor::descriptors(run);
    processor::traps(run);
    processor::events(run);
    processor::callbacks(run);
    processor::registers(run);
    processor::switch(run);
}

/// The address of the page that has a machine frame, which the domain was started with.
fn address_of(kernel: &Kernel, frame: xen_pfn_t) -> Option<usize> {
    let AddressSpace::Pv { frames } = kernel.space() else { return None };
    let index = (0..frames.len()).find(|index| frames.get(*index) == Some(frame))?;
    Some(index << 12)
}

/// A page that Xen may use as a table: nothing can be written there but by Xen.
struct TablePage {
    page: GuestPage,
    xen: Backend,
}

impl TablePage {
    /// Makes a table of a page that has what the table begins with.
    fn new(xen: Backend, page: GuestPage) -> Result<Self, Error> {
        map(&xen, page.address().as_ptr().addr(), page.frame(), tables::PRESENT)?;
        Ok(Self { page, xen })
    }

    fn frame(&self) -> xen_pfn_t {
        self.page.frame()
    }

    /// Makes it an ordinary page again.
    fn into_page(self) -> Result<(), Error> {
        map(&self.xen, self.page.address().as_ptr().addr(), self.frame(), tables::WRITABLE)
    }
}

/// Maps a frame at the address of one of our pages.
fn map(xen: &Backend, address: usize, frame: xen_pfn_t, flags: u64) -> Result<(), Error> {
    use xen_abi::xen::{UVMF_INVLPG, UVMF_LOCAL};
    use xen_ops::hypercall::pv::update_va_mapping;

    let flush = (UVMF_INVLPG | UVMF_LOCAL) as usize;
    // SAFETY: the page stays where it is; only whether it can be written changes.
    unsafe { update_va_mapping(xen, address, frame.0 << 12 | flags, flush) }
}
