//! Hypercalls of 32-bit code on x86: Xen reads the structures of a 32-bit guest.

use core::ptr;

use xen_abi::GrantStatus;
use xen_abi::grant_table::GNTTABOP_copy;
use xen_abi::xen::{
    __HYPERVISOR_console_io, __HYPERVISOR_grant_table_op, CONSOLEIO_write, DOMID_SELF, domid_t,
    xen_pfn_t,
};
use xen_ops::page::Page;

use crate::frame::number;
use crate::grants::{byte, filled};
use crate::outcome::Returned;
use crate::{Guest, Run};

pub(crate) fn compat<G: Guest>(run: &mut Run<'_, G>) {
    let text = b"console, from 32-bit code\n";
    let at = text.as_ptr().expose_provenance() as u32;
    let arguments = [CONSOLEIO_write, text.len() as u32, at, 0, 0];
    let Some(result) = run.guest.compat_call(__HYPERVISOR_console_io, arguments) else { return };
    run.step("console_io", Returned(result as isize));

    let (from, to) = (filled(run.guest, 0x77), filled(run.guest, 0));
    // The words of x86_32's gnttab_copy: two ends with a frame, a domid and an offset, then the length and flags, and
    // the status. xen-abi has the type, but every guest kernel would compile all architectures' for it.
    let end = |frame: xen_pfn_t, domid: domid_t| [number(frame) as u32, domid.0.into()];
    for (name, domid) in [("copy", DOMID_SELF), ("copy, from another", domid_t(777))] {
        let ([source, of], [dest, own]) = (end(from.frame(), domid), end(to.frame(), DOMID_SELF));
        let mut copy = [source, of, dest, own, 64, 0];
        let at = ptr::from_mut(&mut copy).expose_provenance() as u32;
        let result =
            run.guest.compat_call(__HYPERVISOR_grant_table_op, [GNTTABOP_copy, at, 1, 0, 0]);
        run.step(name, Returned(result.unwrap_or(0) as isize));
        let status = GrantStatus(copy[5] as i16);
        run.step(format_args!("{name}, status"), status.name().unwrap_or("unknown"));
    }
    run.step("copy, the last byte", byte(to.view(), 63));
    run.step("copy, the byte behind it", byte(to.view(), 64));
}
