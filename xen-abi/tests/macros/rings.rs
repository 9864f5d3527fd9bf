//! Shared rings.

use xen_abi::io::usbif::{USBIF_RING_SIZE, usbif_conn_sring_entry, usbif_urb_sring_entry};
use xen_abi::io::vscsiif::vscsiif_sring_entry;
use xen_abi::macros::ring;

#[test]
fn ring_sizes() {
    const BYTES: [u32; 10] = [64, 65, 72, 164, 4095, 4096, 4097, 8192, 65536, 0x100000];
    for (entry, sizes) in [
        (1, [0, 1, 8, 64, 2048, 2048, 2048, 4096, 32768, 524288]),
        (3, [0, 0, 2, 32, 1024, 1024, 1024, 2048, 16384, 262144]),
        (4, [0, 0, 2, 16, 512, 512, 512, 1024, 8192, 131072]),
        (8, [0, 0, 1, 8, 256, 256, 256, 512, 4096, 65536]),
        (12, [0, 0, 0, 8, 256, 256, 256, 512, 4096, 65536]),
        (64, [0, 0, 0, 1, 32, 32, 32, 64, 512, 8192]),
        (100, [0, 0, 0, 1, 32, 32, 32, 64, 512, 8192]),
        (112, [0, 0, 0, 0, 32, 32, 32, 64, 512, 8192]),
        (148, [0, 0, 0, 0, 16, 16, 16, 32, 256, 4096]),
        (252, [0, 0, 0, 0, 8, 16, 16, 32, 256, 4096]),
        (4032, [0, 0, 0, 0, 0, 1, 1, 2, 16, 256]),
        (4033, [0, 0, 0, 0, 0, 0, 1, 2, 16, 256]),
    ] {
        assert_eq!(BYTES.map(|bytes| ring::ring_size(bytes, entry)), sizes, "{entry}");
    }
    let page = USBIF_RING_SIZE;
    assert_eq!(ring::const_ring_size::<usbif_urb_sring_entry>(page), 16);
    assert_eq!(ring::const_ring_size::<usbif_conn_sring_entry>(page), 512);
    assert_eq!(ring::const_ring_size::<vscsiif_sring_entry>(page), 16);
    // Out of C's bounds: it wraps around, or divides by zero.
    assert_eq!([ring::ring_size(63, 8), ring::ring_size(0, 8), ring::ring_size(4096, 0)], [0; 3]);
    assert_eq!([ring::const_ring_size::<()>(4096), ring::const_ring_size::<u8>(0)], [0; 2]);
    assert_eq!([ring::slot(7, 0), ring::ring_size(u32::MAX, 1)], [0, 1 << 31]);
}

#[test]
fn ring_indices() {
    // size, req_prod, req_prod_pvt, req_cons, rsp_prod, rsp_prod_pvt, rsp_cons
    for (indices, figures) in [
        ([32, 0, 0, 0, 0, 0, 0], [32, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ([32, 6, 6, 2, 2, 2, 0], [26, 0, 4, 1, 2, 1, 0, 0, 0, 6]),
        ([32, 0x20, 0x20, 0, 0, 0, 0], [0, 1, 32, 1, 0, 0, 0, 0, 0, 0]),
        ([32, 0x2710, 0x28, 4, 0x28, 2, 8], [0, 1, 30, 1, 32, 1, 0, 1, 0, 16]),
        ([32, 3, 2, 0xfffffffe, 1, 0xfffffff0, 0xfffffffb], [25, 0, 5, 1, 6, 1, 0, 0, 0, 3]),
        (
            [64, 0x80000010, 0x80000010, 0x7fffffff, 0x80000000, 0x7ffffff8, 0x7fffffd0],
            [0, 1, 17, 1, 48, 1, 0, 0, 0, 16],
        ),
        ([1, 1, 1, 0, 1, 0, 0], [0, 1, 1, 1, 1, 1, 0, 0, 0, 0]),
        ([1, 2, 1, 1, 0, 0, 0], [0, 1, 0, 0, 0, 0, 1, 1, 0, 0]),
        ([256, 0xffffffff, 0x12c, 0xc8, 0x12b, 0x64, 0x2c], [0, 1, 156, 1, 255, 1, 0, 1, 0, 255]),
        ([8, 5, 5, 5, 5, 5, 5], [8, 0, 0, 0, 0, 0, 0, 0, 0, 5]),
        ([8, 0xd, 0xd, 0xd, 0xd, 5, 5], [0, 1, 0, 0, 8, 1, 1, 0, 0, 5]),
        ([8, 0xe, 0xd, 0xc, 0xe, 5, 5], [0, 1, 1, 1, 9, 1, 0, 1, 1, 6]),
    ] {
        let [size, req_prod, req_prod_pvt, req_cons, rsp_prod, rsp_prod_pvt, rsp_cons] = indices;
        let ours = [
            ring::free_requests(size, req_prod_pvt, rsp_cons),
            ring::ring_full(size, req_prod_pvt, rsp_cons).into(),
            ring::nr_unconsumed_requests(size, req_prod, req_cons, rsp_prod_pvt),
            ring::has_unconsumed_requests(size, req_prod, req_cons, rsp_prod_pvt).into(),
            ring::nr_unconsumed_responses(rsp_prod, rsp_cons),
            ring::has_unconsumed_responses(rsp_prod, rsp_cons).into(),
            ring::request_cons_overflow(size, req_cons, rsp_prod_pvt).into(),
            ring::request_prod_overflow(size, req_prod, rsp_prod_pvt).into(),
            ring::response_prod_overflow(size, rsp_prod, rsp_cons).into(),
            ring::slot(req_prod, size),
        ];
        assert_eq!(ours, figures, "{indices:x?}");
    }
    // Out of C's bounds: it finds 2^32 - 1 free entries in a ring that is over-full.
    assert_eq!(ring::free_requests(32, 33, 0), 0);
    assert!(ring::ring_full(32, 33, 0));
    assert_eq!(ring::nr_unconsumed_requests(32, 50, 40, 0), 0);
}

#[test]
fn ring_events() {
    for (old, new, event, notify) in [
        (0, 1, 1, 1),
        (0, 1, 2, 0),
        (4, 7, 5, 1),
        (4, 7, 4, 0),
        (4, 7, 8, 0),
        (4, 7, 7, 1),
        (4, 4, 4, 0),
        (4, 4, 5, 0),
        (0xfffffffe, 2, 0xffffffff, 1),
        (0xfffffffe, 2, 3, 0),
        (0xfffffffe, 2, 0xfffffffe, 0),
        (0xfffffffe, 2, 0, 1),
        (0, 0x80000000, 1, 1),
        (0, 0xffffffff, 0xffffffff, 1),
        (7, 3, 5, 0),
    ] {
        assert_eq!(u32::from(ring::needs_notify(old, new, event)), notify, "{old} {new} {event}");
    }
}

#[test]
fn flex_rings() {
    let sizes = [
        0x800, 0x1000, 0x2000, 0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000,
        0x200000, 0x400000, 0x800000, 0x1000000, 0x2000000, 0x4000000, 0x8000000, 0x10000000,
        0x20000000, 0x40000000, 0x80000000,
    ];
    assert_eq!(
        core::array::from_fn(|order| ring::flex_ring_size(order as u32).unwrap_or(0)),
        sizes
    );
    // C's unsigned long counts on; the ring's indices cannot.
    assert_eq!([21, 64, u32::MAX].map(ring::flex_ring_size), [None; 3]);
    for (prod, cons, size, queued) in [
        (0, 0, 0x800, 0),
        (5, 0xffffffff, 0x800, 6),
        (0x800, 0, 0x800, 0x800),
        (0x1000, 0, 0x800, 0x800),
        (0x64, 0x28, 0x800, 0x3c),
        (0x28, 0x64, 0x800, 0x7c4),
        (0x802, 0x7ff, 0x800, 3),
        (1, 0, 1, 1),
        (0, 1, 1, 1),
        (0x80000000, 0x7fffffff, 0x1000, 1),
        (0x3039, 0xd431, 0x80000000, 0x7fff5c08),
        (0, 1, 0x80000000, 0x7fffffff),
    ] {
        assert_eq!(ring::flex_queued(prod, cons, size), queued, "{prod:#x} {cons:#x} {size:#x}");
    }
}
