//! A guest populates guest frames, reaches its limit half way, and releases memory.
//!
//!     cargo run --example populate

use std::error::Error;

use xen_abi::xen::{DOMID_SELF, xen_pfn_t};
use xen_ops::memory::{
    MemFlags, current_reservation, decrease_reservation, maximum_reservation, populate_exactly,
    populate_physmap, remove_from_physmap,
};
use xen_sim::{DomainConfig, GuestKind, Xen};

// SAFETY, for all of it: nothing else uses these guest frames, which hold no memory at the start.
#[allow(unsafe_code, reason = "changes the guest's memory")]
fn main() -> Result<(), Box<dyn Error>> {
    let xen = Xen::new();
    let guest = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(16).max_pages(20))?;
    let pages = || current_reservation(&guest, DOMID_SELF);
    let most = maximum_reservation(&guest, DOMID_SELF)?;
    println!("{} pages, at most {}", pages()?.0, most.0);

    // Three frames, then four more: one too many. How many were done is the result, not an error.
    let mut three = [0x8000, 0x8001, 0x8002].map(xen_pfn_t);
    // SAFETY: see above.
    let extents = unsafe { populate_physmap(&guest, DOMID_SELF, 0, MemFlags::ANY, &mut three) }?;
    println!("populate 3: {extents}, {} pages", pages()?.0);
    let mut four = [0x9000, 0x9001, 0x9002, 0x9003].map(xen_pfn_t);
    // SAFETY: see above.
    let extents = unsafe { populate_physmap(&guest, DOMID_SELF, 0, MemFlags::ANY, &mut four) }?;
    let (there, holes) = extents.split(&four);
    println!("populate 4: {extents}, {} pages, {} holes", pages()?.0, holes.len());

    // `populate_exactly` leaves no holes.
    // SAFETY: see above.
    let extents = unsafe { decrease_reservation(&guest, DOMID_SELF, 0, there) }?;
    println!("release {}: {extents}, {} pages", there.len(), pages()?.0);
    // SAFETY: see above.
    let error = unsafe { populate_exactly(&guest, DOMID_SELF, 0, MemFlags::ANY, &mut four) };
    println!("populate exactly 4: {}, {} pages", error.unwrap_err(), pages()?.0);

    // A removed page still belongs to the domain, which cannot access it.
    // SAFETY: see above.
    unsafe { remove_from_physmap(&guest, DOMID_SELF, three[0]) }?;
    println!("remove {:#x}: {} pages", three[0].0, pages()?.0);
    // SAFETY: see above.
    let error = unsafe { remove_from_physmap(&guest, DOMID_SELF, three[0]) }.unwrap_err();
    println!("remove it again: {error}");
    Ok(())
}
