//! `/dev/xen/gntalloc`.

use xen_linux::{DomainId, Error, Gntalloc, ReadOnly, ReadWrite, UnmapNotify, domid_t};

use crate::{Case, Window};

pub(crate) const CASES: &[Case] = &[
    ("gntalloc-open", open),
    ("share", share),
    ("share-many", share_many),
    ("share-notify", share_notify),
    ("unshare", unshare),
];

fn peer() -> DomainId {
    DomainId::new(domid_t(1)).unwrap()
}

fn gntalloc() -> Gntalloc {
    Gntalloc::open().unwrap()
}

fn open(window: Window) {
    window.first(|| Gntalloc::open().map(drop));
}

fn share(window: Window) {
    let gntalloc = gntalloc();
    window.again(|| gntalloc.share(peer(), 1, ReadWrite).map(drop));
}

fn share_many(window: Window) {
    let gntalloc = gntalloc();
    window.again(|| gntalloc.share(peer(), 16, ReadOnly).map(drop));
}

fn share_notify(window: Window) {
    let gntalloc = gntalloc();
    let shared = gntalloc.share(peer(), 2, ReadWrite).unwrap();
    window.again(|| shared.notify(1, UnmapNotify::clear_byte(8)));
}

fn unshare(window: Window) {
    let gntalloc = gntalloc();
    window.again(|| Ok::<_, Error>(gntalloc.share(peer(), 1, ReadWrite)?.unshare()?));
}
