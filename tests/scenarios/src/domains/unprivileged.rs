//! What the domain that leads asks about another, and gives away to it: much of it is for control
//! domains, and for PV guests.

#![allow(unsafe_code, reason = "hypercalls that an architecture's typed wrappers leave out")]

use core::ptr;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::grant_table::*;
use xen_abi::hvm::params::HVM_PARAM_CALLBACK_IRQ;
use xen_abi::memory::{XENMEM_resource_grant_table, XENMEM_resource_grant_table_id_shared};
use xen_abi::xen::{DOMID_SELF, xen_pfn_t};
use xen_ops::hypercall::UNTOUCHED;
use xen_ops::hypercall::event_channel_op::{alloc_unbound, status};
use xen_ops::hypercall::grant_table_op::{get_version, query_size, setup_table};
use xen_ops::hypercall::hvm_op::get_param;
use xen_ops::hypercall::memory_op::{acquire_resource_size, current_reservation};

use super::ACCEPTED;
use super::leader::Peer;
use super::mailbox::Command;
use crate::grants::status_of;
use crate::outcome::Outcome;
use crate::{Guest, Run};

/// Asks what is not everybody's to know.
pub(super) fn ask<G: Guest>(run: &mut Run<'_, G>, peer: &Peer<G>) {
    let (xen, domid) = (run.guest.xen().clone(), peer.domid);
    run.outcome("another's query_size", query_size(&xen, domid));
    run.outcome("another's setup_table", setup_table(&xen, domid, &mut [xen_pfn_t(0)]));
    run.outcome("another's get_version", get_version(&xen, domid));
    run.outcome("another's current_reservation", current_reservation(&xen, domid));
    let (table, entries) =
        (XENMEM_resource_grant_table as u16, XENMEM_resource_grant_table_id_shared);
    let size = acquire_resource_size(&xen, domid, table, entries);
    run.outcome("another's acquire_resource", size);
    run.outcome("another's get_param", get_param(&xen, domid, HVM_PARAM_CALLBACK_IRQ));
    run.outcome("another's alloc_unbound", alloc_unbound(&xen, domid, DOMID_SELF));
    run.outcome("another's port", status(&xen, domid, evtchn_port_t(1)));
}

/// Gives pages away, to a domain that waits for none at first and then for one.
pub(super) fn transfer<G: Guest>(run: &mut Run<'_, G>, name: u16, peer: &Peer<G>) {
    for (what, then) in
        [("transfer, no entry accepts", Command::Accept), ("transfer", Command::LookAtAccepted)]
    {
        let (mfn, status) = (run.guest.loose_frame(), UNTOUCHED);
        let (domid, ref_) = (peer.domid, ACCEPTED);
        let mut op = gnttab_transfer { mfn, domid, ref_, status, ..gnttab_transfer::ZERO };
        let at = ptr::from_mut(&mut op).expose_provenance();
        // SAFETY: nothing uses the page, which is lost.
        unsafe { run.raw_grant(format_args!("{name}, {what}"), GNTTABOP_transfer, at, 1) };
        let outcome = Outcome::of(&status_of("transfer", op.status));
        run.step(format_args!("{name}, {what}, status"), outcome);
        peer.tell(run, then);
    }
}
