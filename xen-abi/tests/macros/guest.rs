//! What every guest's architecture shares.

use super::WORDS;
use xen_abi::event_channel::evtchn_port_t;
use xen_abi::grant_table::grant_ref_t;
use xen_abi::macros::event_channel::{fifo, two_level};
use xen_abi::macros::{Slot, grant_table, hvm, memory, smccc, xen};
use xen_abi::memory::MemoryFlags;

#[test]
fn memory_flags() {
    for (node, flags, exact) in [
        (0, 0x100, 0x20100),
        (1, 0x200, 0x20200),
        (2, 0x300, 0x20300),
        (7, 0x800, 0x20800),
        (63, 0x4000, 0x24000),
        (64, 0x4100, 0x24100),
        (127, 0x8000, 0x28000),
        (128, 0x8100, 0x28100),
        (253, 0xfe00, 0x2fe00),
        (254, 0xff00, 0x2ff00),
    ] {
        let (flags, exact) = (MemoryFlags(flags), MemoryFlags(exact));
        assert_eq!(memory::xenmemf_node(node), Some(flags));
        assert_eq!(memory::xenmemf_exact_node(node), Some(exact));
        assert_eq!(memory::xenmemf_get_node(exact), Some(node));
    }
    // C makes this 0x10000, XENMEMF_populate_on_demand.
    assert_eq!((memory::xenmemf_node(255), memory::xenmemf_exact_node(255)), (None, None));
    assert_eq!([0, 32, 255].map(memory::xenmemf_address_bits), [0, 32, 255].map(MemoryFlags));
    assert_eq!([0, 4, u32::MAX].map(memory::resource_ioreq_server_frame_ioreq), [1, 5, 1 << 32]);
    for gref in WORDS {
        let field = memory::sharing_op_field_make_gref(grant_ref_t(gref));
        assert_eq!(field, 0x4000_0000_0000_0000 + u64::from(gref));
        assert!(memory::sharing_op_field_is_gref(field));
        assert_eq!(memory::sharing_op_field_get_gref(field), Some(grant_ref_t(gref)));
    }
    assert!(!memory::sharing_op_field_is_gref(0xbfff_ffff_ffff_ffff));
    // C takes the mark away and the rest as it is.
    assert_eq!([5, u64::MAX].map(memory::sharing_op_field_get_gref), [None; 2]);
}

#[test]
fn uuids() {
    assert_eq!(
        xen::xen_define_uuid(0xffff_ffff, 1, 0x100, 0x8000, [1, 2, 3, 4, 5, 6]).a,
        [0xff, 0xff, 0xff, 0xff, 0, 1, 1, 0, 0x80, 0, 1, 2, 3, 4, 5, 6]
    );
    assert_eq!(
        xen::xen_define_uuid(
            0x1234_5678,
            0x9abc,
            0xdef0,
            0x1122,
            [0x33, 0x44, 0x55, 0x66, 0x77, 0x88]
        )
        .a,
        [
            0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66,
            0x77, 0x88
        ]
    );
    assert_eq!(
        smccc::XEN_SMCCC_UID,
        [
            0xa7, 0x18, 0x12, 0xdc, 0xc6, 0x98, 0x43, 0x69, 0x9a, 0xcf, 0x79, 0xd1, 0x8d, 0xde,
            0xe6, 0x67
        ]
    );
    assert_eq!(
        smccc::SSSC_SMCCC_UID,
        [
            0xf8, 0x63, 0x38, 0x6f, 0x4b, 0x39, 0x4c, 0xbd, 0x92, 0x20, 0xce, 0x16, 0x41, 0xe5,
            0x9f, 0x6f
        ]
    );
}

/// No macros upstream: every port and reference against the arithmetic of its comments.
#[test]
fn tables() {
    assert_eq!(
        [two_level::channels::<u32>(), two_level::channels::<u64>(), fifo::MAX_FRAMES],
        [1024, 4096, 128]
    );
    for port in (0..1 << 17).map(evtchn_port_t) {
        let narrow = two_level::place::<u32>(port);
        assert_eq!(narrow.is_some(), port.0 < 1024);
        assert!(narrow.is_none_or(|at| at.word == port.0 >> 5 && two_level::port::<u32>(at) == Some(port)));
        let wide = two_level::place::<u64>(port);
        assert_eq!(wide.is_some(), port.0 < 4096);
        assert!(wide.is_none_or(|at| at.word == port.0 >> 6 && two_level::port::<u64>(at) == Some(port)));
        assert_eq!(fifo::slot(port), Some(Slot { frame: port.0 >> 10, index: port.0 & 0x3ff }));
        assert_eq!(fifo::with_link(0xffff_ffff, port).map(fifo::link), Some(port));
    }
    let beyond = evtchn_port_t(1 << 17);
    assert_eq!((fifo::slot(beyond), fifo::with_link(0, beyond)), (None, None));
    assert_eq!(two_level::port::<u32>(two_level::Place { word: 0, bit: 32 }), None);
    assert_eq!(
        [fifo::PENDING, fifo::MASKED, fifo::LINKED, fifo::BUSY],
        [1 << 31, 1 << 30, 1 << 29, 1 << 28]
    );
    assert_eq!([0, 1, 1024, 1025, 1 << 17].map(fifo::frames), [0, 1, 1, 2, 128]);
    for gref in WORDS {
        let at = |shift: u32| Slot { frame: gref >> shift, index: gref & ((1u32 << shift) - 1) };
        let gref = grant_ref_t(gref);
        assert_eq!(
            [grant_table::entry_v1(gref), grant_table::entry_v2(gref), grant_table::status(gref)],
            [at(9), at(8), at(11)]
        );
    }
    assert_eq!([0, 4, u32::MAX].map(grant_table::entries_v1), [0, 2048, u32::MAX]);
    assert_eq!([0, 4, u32::MAX].map(grant_table::entries_v2), [0, 1024, u32::MAX]);
    assert_eq!([0, 1, 512, 513, u32::MAX].map(grant_table::frames_v1), [0, 1, 1, 2, 1 << 23]);
    assert_eq!([0, 1, 256, 257, u32::MAX].map(grant_table::frames_v2), [0, 1, 1, 2, 1 << 24]);
    assert_eq!([0, 1, 8, 9, u32::MAX].map(grant_table::status_frames), [0, 1, 1, 2, 1 << 29]);
}

/// No macros upstream: values written out from the comments of `hvm/params.h`.
#[test]
fn callbacks() {
    assert_eq!([0, 1, u32::MAX].map(hvm::callback_gsi), [None, Some(1), Some(0xffff_ffff)]);
    assert_eq!(hvm::callback_pci_intx(0xffff, 0xff, 31, 7, 3), Some(0x0100_ffff_00ff_ff03));
    assert_eq!(hvm::callback_pci_intx(1, 2, 3, 4, 1), Some(0x0100_0001_0002_1c01));
    assert_eq!(hvm::callback_pci_intx(0, 0, 32, 0, 0), None);
    assert_eq!(hvm::callback_pci_intx(0, 0, 0, 8, 0), None);
    assert_eq!(hvm::callback_pci_intx(0, 0, 0, 0, 4), None);
    assert_eq!(
        [hvm::callback_vector(0), hvm::callback_vector(0xff)],
        [0x02 << 56, 0x0200_0000_0000_00ff]
    );
    assert_eq!(hvm::callback_ppi(0xff, true, true), 0x0200_0000_0000_03ff);
    assert_eq!(hvm::callback_ppi(16, true, false), 0x0200_0000_0000_0110);
    assert_eq!([0, 7, 0x0100_ffff_00ff_ff03, u64::MAX].map(hvm::callback_type), [0, 0, 1, 0xff]);
}
