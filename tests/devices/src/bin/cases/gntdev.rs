//! `/dev/xen/gntdev`.

use std::cell::RefCell;
use std::time::Duration;

use xen_linux::gntdev::Memory;
use xen_linux::{
    DomainId, Error, Gntdev, Grants, ReadOnly, ReadWrite, RemoteGrant, Segment, UnmapNotify,
    domid_t, grant_ref_t,
};

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
    window.again(|| gntdev.map(grant(8), ReadWrite).map(drop));
}

fn map_many(window: Window) {
    let gntdev = gntdev();
    let grants: RefCell<Grants> = RefCell::new((20..36).map(grant).collect());
    window.again(|| gntdev.map_all(&mut grants.borrow_mut(), ReadWrite).map(drop));
}

fn map_read_only(window: Window) {
    let gntdev = gntdev();
    window.again(|| gntdev.map(grant(9), ReadOnly).map(drop));
}

/// The other domain has not granted the page for writing.
fn map_refused(window: Window) {
    let gntdev = gntdev();
    window.first(|| gntdev.map(grant(9), ReadWrite).map(drop));
}

fn unmap(window: Window) {
    let gntdev = gntdev();
    window.again(|| Ok::<_, Error>(gntdev.map(grant(8), ReadWrite)?.unmap()?));
}

fn locate(window: Window) {
    let gntdev = gntdev();
    let mapping = gntdev.map(grant(8), ReadWrite).unwrap();
    window.again(|| gntdev.locate(mapping.as_ptr() as usize).map(drop));
}

fn notify(window: Window) {
    let gntdev = gntdev();
    let mapping = gntdev.map(grant(8), ReadWrite).unwrap();
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
        Ok::<_, Error>(())
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
    window.again(|| Ok::<_, Error>(gntdev.import(&buffer, peer(), 1)?.release()?));
}
