//! Pages exchanged for others, of which only PV guests have a use.

#![allow(unsafe_code, reason = "gives pages away")]

use core::ptr;

use xen_abi::GuestHandle;
use xen_abi::memory::*;
use xen_abi::xen::{__HYPERVISOR_memory_op, DOMID_SELF, xen_pfn_t};
use xen_ops::page::Page;

use crate::{Guest, Run};

const NOWHERE: xen_pfn_t = xen_pfn_t(0x7fff_ffff);

pub(crate) fn exchange<G: Guest>(run: &mut Run<'_, G>) {
    let pages = [(); 6].map(|()| run.guest.loose_frame());
    let mapped = run.guest.page().frame();
    let place = xen_pfn_t(0);
    for (name, given, (order, taken)) in [
        ("exchange", &pages[..1], (0, 1)),
        ("exchange, gone already", &pages[..1], (0, 1)),
        ("exchange, two", &pages[1..3], (0, 2)),
        ("exchange, the second is none", &[pages[3], NOWHERE], (0, 2)),
        ("exchange, the second is mapped", &[pages[4], mapped], (0, 2)),
        ("exchange, order too large", &pages[5..], (60, 1)),
    ] {
        let mut taken_list = [place; 2];
        let mut argument = xen_memory_exchange::ZERO;
        argument.in_.extent_start = GuestHandle::from_addr(given.as_ptr().expose_provenance() as _);
        argument.in_.nr_extents = given.len() as _;
        argument.in_.domid = DOMID_SELF;
        let list = taken_list.as_mut_ptr().expose_provenance();
        argument.out.extent_start = GuestHandle::from_addr(list as _);
        argument.out.nr_extents = taken;
        argument.out.extent_order = order;
        argument.out.domid = DOMID_SELF;
        let at = ptr::from_mut(&mut argument).expose_provenance();
        let command = XENMEM_exchange as usize;
        // SAFETY: the pages are loose, and the lists are there.
        unsafe { run.raw(name, __HYPERVISOR_memory_op, [command, at, 0]) };
        run.step(format_args!("{name}, exchanged"), argument.nr_exchanged);
        let told = taken_list.iter().filter(|frame| frame.0 != 0).count();
        run.step(format_args!("{name}, frames that it told"), told);
        if run.guest.kind().is_translated() {
            return;
        }
    }
}
