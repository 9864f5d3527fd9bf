//! Every operation against a hypervisor that answers as Xen does, and against one that lies.

#![allow(unsafe_code, reason = "plays the hypervisor, and calls what changes a map")]

mod acquire;
mod fake;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod hostile;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod lists;
mod physmap;
mod reservation;

use std::vec::Vec;

use xen_abi::xen::xen_pfn_t;

fn frames(range: core::ops::Range<u64>) -> Vec<xen_pfn_t> {
    range.map(xen_pfn_t).collect()
}
