//! `xen_abi::macros` against figures a C compiler made from upstream's own macros.
//!
//! A program that includes every public header of Xen 4.20 applied each macro to the inputs below and
//! printed what is written beside them (gcc 12, x86_64; i686 for the 32-bit guest's CR3). Where ours
//! differs on purpose, out of C's bounds, the expectation says so.
#![cfg(all(feature = "hvm", feature = "io", feature = "toolstack"))]

mod guest;
mod io;
mod rings;
mod x86;

use xen_abi::macros::{cpuid, domctl, memory, ring, trace, vscsiif};
use xen_abi::memory::MemoryFlags;

/// What each macro of one word was applied to.
const WORDS: [u32; 20] = [
    0, 1, 2, 3, 4, 7, 8, 0x1f, 0x20, 0xff, 0x100, 0x7fff, 0x8080, 0xff0000, 0x12345678, 0x7fffffff,
    0x80000000, 0xdeadbeef, 0xfffffffe, 0xffffffff,
];

/// Compares `function` of each of [`WORDS`] with C's figure.
#[track_caller]
fn check<T: Into<u64>>(function: impl Fn(u32) -> T, figures: [u64; 20]) {
    assert_eq!(WORDS.map(|word| function(word).into()), figures);
}

#[test]
fn one_word() {
    check(
        ring::round_down_pow2,
        [
            0, 1, 2, 2, 4, 4, 8, 0x10, 0x20, 0x80, 0x100, 0x4000, 0x8000, 0x800000, 0x10000000,
            0x40000000, 0x80000000, 0x80000000, 0x80000000, 0x80000000,
        ],
    );
    check(
        |word| memory::xenmemf_get_address_bits(MemoryFlags(word)),
        [0, 1, 2, 3, 4, 7, 8, 0x1f, 0x20, 0xff, 0, 0xff, 0x80, 0, 0x78, 0xff, 0, 0xef, 0xfe, 0xff],
    );
    check(
        |word| memory::xenmemf_get_node(MemoryFlags(word)).unwrap_or(0xff),
        [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x7e, 0x7f, 0xff, 0x55,
            0xfe, 0xff, 0xbd, 0xfe, 0xfe,
        ],
    );
    check(
        vscsiif_word(vscsiif::xen_vscsiif_rslt_status),
        [0, 1, 2, 3, 4, 7, 8, 0x1f, 0x20, 0xff, 0, 0xff, 0x80, 0, 0x78, 0xff, 0, 0xef, 0xfe, 0xff],
    );
    check(
        vscsiif_word(vscsiif::xen_vscsiif_rslt_host),
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0x34, 0xff, 0, 0xad, 0xff, 0xff],
    );
    check(
        domctl::xen_domctl_grant_version,
        [0, 1, 2, 3, 4, 7, 8, 0xf, 0, 0xf, 0, 0xf, 0, 0, 8, 0xf, 0, 0xf, 0xe, 0xf],
    );
    check(
        domctl::xen_domctl_altp2m_mode,
        [0, 1, 2, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 0, 0, 3, 0, 3, 2, 3],
    );
    check(
        cpuid::xen_cpuid_leaf,
        [
            0x40000000, 0x40000001, 0x40000002, 0x40000003, 0x40000004, 0x40000007, 0x40000008,
            0x4000001f, 0x40000020, 0x400000ff, 0x40000100, 0x40007fff, 0x40008080, 0x40ff0000,
            0x52345678, 0xbfffffff, 0xc0000000, 0x1eadbeef, 0x3ffffffe, 0x3fffffff,
        ],
    );
    check(
        trace::trc_hd_to_event,
        [
            0, 1, 2, 3, 4, 7, 8, 0x1f, 0x20, 0xff, 0x100, 0x7fff, 0x8080, 0xff0000, 0x2345678,
            0xfffffff, 0, 0xeadbeef, 0xffffffe, 0xfffffff,
        ],
    );
    check(
        trace::trc_hd_includes_cycle_count,
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1],
    );
    check(trace::trc_hd_extra, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7, 0, 5, 7, 7]);
    check(
        |event| trace::trc_sched_class_evt(0, event),
        [
            0x22000, 0x22001, 0x22002, 0x22003, 0x22004, 0x22007, 0x22008, 0x2201f, 0x22020,
            0x220ff, 0x22100, 0x291ff, 0x2a080, 0x1012000, 0x12367078, 0x800211ff, 0x80022000,
            0xdeafd0ef, 0x211fe, 0x211ff,
        ],
    );
    check(
        |event| trace::trc_sched_class_evt(4, event),
        [
            0x22800, 0x22801, 0x22802, 0x22803, 0x22804, 0x22807, 0x22808, 0x2281f, 0x22820,
            0x228ff, 0x22900, 0x299ff, 0x2a880, 0x1012800, 0x12367878, 0x800219ff, 0x80022800,
            0xdeafd8ef, 0x219fe, 0x219ff,
        ],
    );
    check(
        |event| trace::trc_sched_class_evt(5, event),
        [
            0x22a00, 0x22a01, 0x22a02, 0x22a03, 0x22a04, 0x22a07, 0x22a08, 0x22a1f, 0x22a20,
            0x22aff, 0x22b00, 0x29bff, 0x2aa80, 0x1012a00, 0x12367a78, 0x80021bff, 0x80022a00,
            0xdeafdaef, 0x21bfe, 0x21bff,
        ],
    );
}

fn vscsiif_word<T>(function: impl Fn(i32) -> T) -> impl Fn(u32) -> T {
    move |word| function(word as i32)
}
