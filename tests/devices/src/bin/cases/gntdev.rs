//! `/dev/xen/gntdev`.

use std::cell::RefCell;
use std::time::Duration;

use xen_abi::grant_table::grant_ref_t;
use xen_abi::xen::domid_t;
use xen_linux::gntdev::{Gntdev, Grants, Memory, Segment};
use xen_linux::notify::UnmapNotify;
use xen_ops::DomainId;
use xen_ops::gnttab::RemoteGrant;
use xen_ops::view::{ReadOnly, ReadWrite};

use crate::{Case, Window};

pub(crate) const CASES: &[Case] = &[
    ("gntdev-open", open),
    ("map", map),
    ("map-many", map_many),
    ("map-read-only", map_read_only),
    ("map-refused", map_refused),
    ("unmap", unmap),
    ("locate", locate),
    ("notify", notify),
    ("copy", copy),
    ("copy-many", copy_many),
    ("export", export),
    ("export-wait", export_wait),
    ("import", import),
    ("import-release", import_release),
];

fn peer() -> DomainId {
    DomainId::new(domid_t(1)).unwrap()
}

fn grant(reference: u32) -> RemoteGrant {
    RemoteGrant::new(peer(), grant_ref_t(reference))
}

fn gntdev() -> Gntdev {
    Gntdev::open().unwrap()
}

fn open(window: Window) {
    window.first(|| Gntdev::open().map(drop));
}

fn map(window: Window) {
    let gntdev = gntdev();
    window.again(|| gntdev.map::<ReadWrite>(grant(8)).map(drop));
}

fn map_many(window: Window) {
    let gntdev = gntdev();
    let grants: RefCell<Grants> = RefCell::new((20..36).map(grant).collect());
    window.again(|| gntdev.map_all::<ReadWrite>(&mut grants.borrow_mut()).map(drop));
}

fn map_read_only(window: Window) {
    let gntdev = gntdev();
    window.again(|| gntdev.map::<ReadOnly>(grant(9)).map(drop));
}

/// The other domain has not granted the page for writing.
fn map_refused(window: Window) {
    let gntdev = gntdev();
    window.first(|| gntdev.map::<ReadWrite>(grant(9)).map(drop));
}

fn unmap(window: Window) {
    let gntdev = gntdev();
    window.again(|| gntdev.map::<ReadWrite>(grant(8))?.unmap());
}

fn locate(window: Window) {
    let gntdev = gntdev();
    let mapping = gntdev.map::<ReadWrite>(grant(8)).unwrap();
    window.again(|| gntdev.locate(mapping.address().as_ptr() as usize).map(drop));
}

fn notify(window: Window) {
    let gntdev = gntdev();
    let mapping = gntdev.map::<ReadWrite>(grant(8)).unwrap();
    window.again(|| mapping.notify(0, UnmapNotify::clear_byte(16)));
}

/// A batch of three, of which the last is refused.
fn copy(window: Window) {
    let gntdev = gntdev();
    let (mut to, from) = ([0; 64], [1; 64]);
    let segments = RefCell::new([
        Segment::read(grant(8), 0, &mut to).unwrap(),
        Segment::write(&from, grant(10), 4000).unwrap(),
        Segment::write(&from, grant(9), 0).unwrap(),
    ]);
    window.again(|| {
        let mut segments = segments.borrow_mut();
        let copied = gntdev.copy(&mut *segments)?;
        assert!(copied.results().map(|result| result.is_ok()).eq([true, true, false]));
        Ok::<_, xen_linux::Error>(())
    });
}

/// More than the kernel hands to Xen at once.
fn copy_many(window: Window) {
    let gntdev = gntdev();
    let mut to = [[0; 4]; 500];
    let segments = to.iter_mut().map(|to| Segment::read(grant(8), 0, to).unwrap());
    let segments: RefCell<Vec<_>> = RefCell::new(segments.collect());
    window.again(|| gntdev.copy(&mut segments.borrow_mut())?.all());
}

fn export(window: Window) {
    let gntdev = gntdev();
    let grants = [grant_ref_t(8), grant_ref_t(10)];
    window.again(|| gntdev.export(peer(), &grants, Memory::Any).map(drop));
}

fn export_wait(window: Window) {
    let gntdev = gntdev();
    window.again(|| {
        let buffer = gntdev.export(peer(), &[grant_ref_t(8)], Memory::Any)?;
        buffer.release()?.wait(Duration::from_secs(1))
    });
}

fn import(window: Window) {
    let gntdev = gntdev();
    let buffer = gntdev.export(peer(), &[grant_ref_t(8)], Memory::Any).unwrap();
    window.again(|| gntdev.import(&buffer, peer(), 1).map(drop));
}

fn import_release(window: Window) {
    let gntdev = gntdev();
    let buffer = gntdev.export(peer(), &[grant_ref_t(8)], Memory::Any).unwrap();
    window.again(|| gntdev.import(&buffer, peer(), 1)?.release());
}
