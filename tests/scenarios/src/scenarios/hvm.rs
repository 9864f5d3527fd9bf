//! `hvm_op`: the parameters of a domain.

#![allow(unsafe_code, reason = "hypercalls without a typed wrapper")]

use core::ptr;

use xen_abi::hvm::hvm_op::*;
use xen_abi::hvm::params::{HVM_NR_PARAMS, HVM_PARAM_CALLBACK_IRQ, HVM_PARAM_STORE_PFN};
use xen_abi::xen::{__HYPERVISOR_hvm_op, DOMID_SELF, domid_t};

use crate::{Guest, Run};

pub(crate) fn hvm<G: Guest>(run: &mut Run<'_, G>) {
    let bad = run.guest.bad_address();
    let mut op = |name: &str, command: u32, domid: domid_t, index: u32| {
        let mut param = xen_hvm_param { domid, index, value: 0, ..xen_hvm_param::ZERO };
        let at = ptr::from_mut(&mut param).expose_provenance();
        // SAFETY: Xen reads and writes the argument.
        unsafe { run.raw(name, __HYPERVISOR_hvm_op, [command as usize, at, 0]) };
    };
    let nobody = domid_t(777);
    op("get_param", HVMOP_get_param, DOMID_SELF, HVM_PARAM_STORE_PFN);
    op("get_param, no such domain", HVMOP_get_param, nobody, HVM_PARAM_STORE_PFN);
    op("get_param, no such parameter", HVMOP_get_param, DOMID_SELF, HVM_NR_PARAMS);
    op("set_param, no interrupt", HVMOP_set_param, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ);
    op("set_param, no such parameter", HVMOP_set_param, DOMID_SELF, HVM_NR_PARAMS);
    // SAFETY: there is no argument, and Xen says so.
    unsafe {
        let get = HVMOP_get_param as usize;
        run.raw("get_param, bad address", __HYPERVISOR_hvm_op, [get, bad, 0]);
        run.raw("unknown command", __HYPERVISOR_hvm_op, [99, 0, 0]);
    }
}
