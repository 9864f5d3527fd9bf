//! Every operation against a hypervisor that answers as Xen does, and against one that lies.

#![allow(unsafe_code, reason = "plays the hypervisor, and calls what changes a map")]

mod acquire;
mod fake;
mod hostile;
mod lists;
mod physmap;
mod reservation;

use std::vec::Vec;

use xen_abi::xen::xen_pfn_t;

fn frames(range: core::ops::Range<u64>) -> Vec<xen_pfn_t> {
    range.map(xen_pfn_t).collect()
}
