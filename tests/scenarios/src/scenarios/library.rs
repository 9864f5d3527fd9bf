//! Grants by the means of `xen-ops`, as a kernel would use them; the other scenarios write entries
//! themselves, to do what is wrong too.

#![allow(unsafe_code, reason = "starts the grant table")]

use core::array;

use xen_ops::gnttab::copy::{Dest, Segment, Source, copy_each, elements};
use xen_ops::gnttab::{BitmapLine, Config, FreeRef, ReaperSlot, TableStorage};
use xen_ops::{DomainId, GrantTable, Mapping, ReadOnly, ReadWrite, RemoteGrant};

use crate::grants::{byte, filled};
use crate::{Guest, Run};

/// More references than two frames have.
const MANY: usize = 1100;

pub(crate) fn library<G: Guest>(run: &mut Run<'_, G>) {
    let xen = run.guest.xen().clone();
    let Ok(me) = DomainId::new(run.guest.domid()) else { return };
    let frames = run.guest.frames();
    let mut lines: [BitmapLine; 4] = array::from_fn(|_| BitmapLine::new());
    let mut slots: [ReaperSlot<G::Page>; 4] = array::from_fn(|_| ReaperSlot::new());
    let room = TableStorage::new(&mut lines, &mut slots);
    let config = Config { max_frames: 2, ..Config::default() };
    // SAFETY: nothing else uses the table until this is over.
    let table = match unsafe { GrantTable::start(xen.clone(), frames, room, config) } {
        Ok(table) => table,
        Err(error) => return run.step("start", error),
    };
    run.step("start", "ok");

    // A page that is mapped does not come back.
    let page = filled(run.guest, 0x51);
    let granted = match table.grant(me, page, ReadWrite) {
        Ok(granted) => granted,
        Err(error) => return run.step("grant", error),
    };
    let grant = RemoteGrant::new(me, granted.reference());
    let target = run.guest.target();
    let mapping = match Mapping::new(&xen, grant, target, ReadWrite) {
        Ok(mapping) => mapping,
        Err(error) => return run.step("map", error),
    };
    run.step("map, a byte of the page", byte(mapping.view(), 0));
    let Err(revoking) = granted.revoke() else { return run.step("revoke", "done too early") };
    run.step("revoke while it is mapped", "in use");
    run.step("unmap", if mapping.unmap().is_ok() { "ok" } else { "failed" });
    run.step("revoke again", if revoking.retry().is_ok() { "done" } else { "in use" });

    // What is granted read-only cannot be mapped otherwise, and can be copied.
    let (page, own) = (filled(run.guest, 0x52), &mut filled(run.guest, 0));
    let granted = match table.grant(me, page, ReadOnly) {
        Ok(granted) => granted,
        Err(error) => return run.step("grant", error),
    };
    let grant = RemoteGrant::new(me, granted.reference());
    let target = run.guest.target();
    match Mapping::new(&xen, grant, target, ReadWrite) {
        Ok(_) => run.step("map what is read-only", "ok"),
        Err(_) => run.step("map what is read-only", "refused"),
    }
    if let Ok(segment) = Segment::new(Source::grant(grant), 0, Dest::page(own), 0, 64) {
        let mut segments = [segment];
        let copied = copy_each(&xen, &mut segments, &mut elements::<1>());
        run.step("copy, segments", copied.unwrap_or(0));
    }
    run.step("revoke read-only", if granted.revoke().is_ok() { "done" } else { "in use" });

    // The table grows to its second frame, and no further.
    let mut references: [Option<FreeRef<'_, G::Page>>; MANY] = array::from_fn(|_| None);
    let mut count = 0;
    for place in &mut references {
        match table.alloc() {
            Ok(free) => *place = Some(free),
            Err(_) => break,
        }
        count += 1;
    }
    run.step("references until there are none", count);
}
