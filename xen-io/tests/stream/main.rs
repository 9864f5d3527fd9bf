//! Streams of bytes, on pages of the simulator.

#[cfg(feature = "std")]
mod blocking;
mod hostile;
mod p9fs;
mod random;
mod vchan;

use xen_io::stream::vchan::Orders;
use xen_io::stream::{ByteRing, Layout, console, flex, xenstore};
use xen_ops::view::Field;
use xen_ops::{Page as _, ReadWrite, View};
use xen_sim::{DomainConfig, GuestKind, GuestPage, Xen};

/// Pages of one domain: both ends of a stream see them.
fn pages(count: usize) -> Vec<GuestPage> {
    let xen = Xen::new();
    let domain = xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
    (0..count).map(|_| domain.page().unwrap()).collect()
}

fn views(pages: &[GuestPage]) -> Vec<View<'_, ReadWrite>> {
    pages.iter().map(|page| page.view()).collect()
}

/// A layout, how many pages it needs, and where its indices are: of the ring that is read and of the one
/// that is written, the producer's first.
struct Case {
    layout: Layout,
    pages: usize,
    read: [usize; 2],
    written: [usize; 2],
}

/// A layout of every protocol.
fn cases() -> Vec<Case> {
    let case = |layout, pages, read, written| Case { layout, pages, read, written };
    let vchan =
        |left, right, pages| case(Orders { left, right }.layout().unwrap(), pages, [12, 8], [4, 0]);
    let own = |prod, cons, data, size| {
        let prod = (Field::at_offset(prod).unwrap(), "prod");
        ByteRing::new("own", prod, (Field::at_offset(cons).unwrap(), "cons"), data, size).unwrap()
    };
    let odd = Layout { incoming: own(0, 4, 8000, 512), outgoing: own(8, 12, 101, 16) };
    vec![
        case(console::FRONT, 1, [3076, 3072], [3084, 3080]),
        case(xenstore::CLIENT, 1, [2060, 2056], [2052, 2048]),
        case(flex::layout(flex::P9FS, 0).unwrap(), 2, [4, 0], [68, 64]),
        case(flex::layout(flex::PVCALLS, 2).unwrap(), 5, [4, 0], [68, 64]),
        vchan(10, 11, 1),
        vchan(11, 10, 1),
        vchan(13, 12, 4),
        // Rings that begin anywhere, and extend into another page.
        case(odd, 3, [0, 4], [8, 12]),
    ]
}
