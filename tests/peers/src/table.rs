//! The domain's grant table.

#![allow(unsafe_code, reason = "starts the grant table")]

use xen_guest::backend::Backend;
use xen_guest::{GrantFrames, GuestPage};
use xen_io::xen_ops::GrantTable;
use xen_io::xen_ops::gnttab::{Granted, Storage};
use xen_io::xen_ops::{DomainId, ReadWrite};

use crate::machine::Machine;

static STORAGE: Storage<GuestPage, 8, 64> = Storage::new();

pub(crate) type Table = GrantTable<'static, Backend, GrantFrames, GuestPage>;
pub(crate) type Page<'t> = Granted<'t, GuestPage, ReadWrite>;

/// Starts it, once.
pub(crate) fn start(machine: &Machine) -> Table {
    let frames = GrantFrames::new::<4, 256>(&machine.guest, machine.pool()).expect("the table");
    let storage = STORAGE.take().expect("the storage");
    // SAFETY: nothing else in this kernel uses the domain's grant table.
    let table = unsafe { GrantTable::start(machine.xen(), frames, storage, Default::default()) };
    table.expect("a grant table")
}

/// Grants a cleared page to a domain.
pub(crate) fn grant<'t>(table: &'t Table, machine: &Machine, peer: DomainId) -> Page<'t> {
    let granted = table.grant(peer, machine.page(), ReadWrite);
    granted.map_err(|failed| failed.error).expect("a grant")
}
