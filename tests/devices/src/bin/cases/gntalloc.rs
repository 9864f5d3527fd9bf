//! `/dev/xen/gntalloc`.

use xen_abi::xen::domid_t;
use xen_linux::gntalloc::Gntalloc;
use xen_linux::notify::UnmapNotify;
use xen_ops::DomainId;
use xen_ops::view::{ReadOnly, ReadWrite};

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
    window.again(|| gntalloc.share::<ReadWrite>(peer(), 1).map(drop));
}

fn share_many(window: Window) {
    let gntalloc = gntalloc();
    window.again(|| gntalloc.share::<ReadOnly>(peer(), 16).map(drop));
}

fn share_notify(window: Window) {
    let gntalloc = gntalloc();
    let shared = gntalloc.share::<ReadWrite>(peer(), 2).unwrap();
    window.again(|| shared.notify(1, UnmapNotify::clear_byte(8)));
}

fn unshare(window: Window) {
    let gntalloc = gntalloc();
    window.again(|| gntalloc.share::<ReadWrite>(peer(), 1)?.unshare());
}
