//! Device protocols.

use super::check;
use xen_abi::macros::{console, page_ring, usbif, xs_wire};

/// Compares offsets with C's figures.
#[track_caller]
fn check_offset(function: impl Fn(u32) -> usize, figures: [u64; 20]) {
    check(|word| function(word) as u64, figures);
}

#[test]
fn offsets() {
    check_offset(
        page_ring::xencamera_in_ring_ref,
        [
            0x40, 0x80, 0xc0, 0x100, 0x140, 0x200, 0x240, 0x800, 0x840, 0x100, 0x140, 0x200, 0x2c0,
            0xc40, 0xdc0, 0x80, 0xc0, 0x540, 0xc0, 0x100,
        ],
    );
    check_offset(
        page_ring::xendispl_in_ring_ref,
        [
            0x40, 0x80, 0xc0, 0x100, 0x140, 0x200, 0x240, 0x800, 0x840, 0x100, 0x140, 0x200, 0x2c0,
            0xc40, 0xdc0, 0x80, 0xc0, 0x540, 0xc0, 0x100,
        ],
    );
    check_offset(
        page_ring::xenfb_in_ring_ref,
        [
            0x400, 0x428, 0x450, 0x478, 0x4a0, 0x518, 0x540, 0x4f0, 0x518, 0x4c8, 0x4f0, 0x6a8,
            0x748, 0x4c8, 0x748, 0x770, 0x798, 0x568, 0x6f8, 0x720,
        ],
    );
    check_offset(
        page_ring::xenfb_out_ring_ref,
        [
            0x800, 0x828, 0x850, 0x878, 0x8a0, 0x918, 0x940, 0xcd8, 0xd00, 0x800, 0x828, 0xbe8,
            0x828, 0x800, 0xb48, 0xbe8, 0xc10, 0x940, 0xfd0, 0x800,
        ],
    );
    check_offset(
        page_ring::xenkbd_in_ring_ref,
        [
            0x400, 0x428, 0x450, 0x478, 0x4a0, 0x518, 0x540, 0x8d8, 0x900, 0x400, 0x428, 0x7e8,
            0x428, 0x400, 0x748, 0x7e8, 0x810, 0x540, 0xbd0, 0x400,
        ],
    );
    check_offset(
        page_ring::xenkbd_out_ring_ref,
        [
            0xc00, 0xc28, 0xc50, 0xc78, 0xca0, 0xd18, 0xd40, 0xcf0, 0xd18, 0xcc8, 0xcf0, 0xea8,
            0xf48, 0xcc8, 0xf48, 0xf70, 0xf98, 0xd68, 0xef8, 0xf20,
        ],
    );
    check_offset(
        page_ring::xensnd_in_ring_ref,
        [
            0x40, 0x80, 0xc0, 0x100, 0x140, 0x200, 0x240, 0x800, 0x840, 0x100, 0x140, 0x200, 0x2c0,
            0xc40, 0xdc0, 0x80, 0xc0, 0x540, 0xc0, 0x100,
        ],
    );
    check_offset(
        |idx| console::mask_xencons_idx(idx, 1024),
        [
            0, 1, 2, 3, 4, 7, 8, 0x1f, 0x20, 0xff, 0x100, 0x3ff, 0x80, 0, 0x278, 0x3ff, 0, 0x2ef,
            0x3fe, 0x3ff,
        ],
    );
    check_offset(
        |idx| console::mask_xencons_idx(idx, 2048),
        [
            0, 1, 2, 3, 4, 7, 8, 0x1f, 0x20, 0xff, 0x100, 0x7ff, 0x80, 0, 0x678, 0x7ff, 0, 0x6ef,
            0x7fe, 0x7ff,
        ],
    );
    check_offset(
        xs_wire::mask_xenstore_idx,
        [
            0, 1, 2, 3, 4, 7, 8, 0x1f, 0x20, 0xff, 0x100, 0x3ff, 0x80, 0, 0x278, 0x3ff, 0, 0x2ef,
            0x3fe, 0x3ff,
        ],
    );
    assert_eq!(console::mask_xencons_idx(5, 0), 0);
}

#[test]
fn usb_pipes() {
    // Port, device, endpoint and type; unlink, submit, in, out, isoc, int, ctrl, bulk; unlinked; at port 9.
    for (pipe, numbers, flags, unlinked, moved) in [
        (0, [0, 0, 0, 0], [0, 1, 0, 1, 1, 0, 0, 0], 0x20, 9),
        (5, [5, 0, 0, 0], [0, 1, 0, 1, 1, 0, 0, 0], 0x25, 0xd),
        (0x25, [5, 0, 0, 0], [1, 0, 0, 1, 1, 0, 0, 0], 0x25, 0x2d),
        (0x80, [0, 0, 0, 0], [0, 1, 1, 0, 1, 0, 0, 0], 0xa0, 0x89),
        (0xa0, [0, 0, 0, 0], [1, 0, 1, 0, 1, 0, 0, 0], 0xa0, 0xa9),
        (0x7f00, [0, 127, 0, 0], [0, 1, 0, 1, 1, 0, 0, 0], 0x7f20, 0x7f09),
        (0x78000, [0, 0, 15, 0], [0, 1, 0, 1, 1, 0, 0, 0], 0x78020, 0x78009),
        (0x40000000, [0, 0, 0, 1], [0, 1, 0, 1, 0, 1, 0, 0], 0x40000020, 0x40000009),
        (0x8008c083, [3, 64, 1, 2], [0, 1, 1, 0, 0, 0, 1, 0], 0x8008c0a3, 0x8008c08b),
        (0xc0fffff1, [17, 127, 15, 3], [1, 0, 1, 0, 0, 0, 0, 1], 0xc0fffff1, 0xc0fffff9),
        (0x12345678, [24, 86, 8, 0], [1, 0, 0, 1, 1, 0, 0, 0], 0x12345678, 0x12345679),
        (0xffffffff, [31, 127, 15, 3], [1, 0, 1, 0, 0, 0, 0, 1], 0xffffffff, 0xffffffff),
    ] {
        assert_eq!(
            [
                usbif::usbif_pipeportnum(pipe),
                usbif::usbif_pipedevice(pipe),
                usbif::usbif_pipeendpoint(pipe),
                usbif::usbif_pipetype(pipe)
            ],
            numbers
        );
        let ours = [
            usbif::usbif_pipeunlink(pipe),
            usbif::usbif_pipesubmit(pipe),
            usbif::usbif_pipein(pipe),
            usbif::usbif_pipeout(pipe),
            usbif::usbif_pipeisoc(pipe),
            usbif::usbif_pipeint(pipe),
            usbif::usbif_pipectrl(pipe),
            usbif::usbif_pipebulk(pipe),
        ];
        assert_eq!(ours.map(u8::from), flags, "{pipe:#x}");
        assert_eq!(usbif::usbif_setunlink_pipe(pipe), unlinked);
        // C can only set bits: its figure is ours and the old port's.
        assert_eq!(usbif::usbif_setportnum_pipe(pipe, 9) | numbers[0], moved);
        assert_eq!(usbif::usbif_pipeportnum(usbif::usbif_setportnum_pipe(pipe, 0xe9)), 9);
    }
}
