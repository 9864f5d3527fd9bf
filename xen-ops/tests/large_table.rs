//! Storage for more references than a reference's 32 bits can name.
#![cfg(not(miri))]
#![allow(unsafe_code, reason = "memory that is not touched")]

use xen_ops::gnttab::BitmapLine;
use xen_ops::gnttab::protocol::{Proven, Refs};

/// As many lines as references can be, and as a table of 2^23 frames has.
const LINES: usize = 1 << 24;

/// A run is looked for among the references in service, and not beyond the last one.
#[test]
fn a_run_that_is_not_there_is_not_found() {
    // As long as nothing is written there, it is the system's one page of zeros.
    let zeros = vec![0_u8; (LINES + 1) * size_of::<BitmapLine>()].leak();
    // SAFETY: a line is made of atomics, for which zero is a value: no reference is free.
    let (_, lines, _) = unsafe { zeros.align_to::<BitmapLine>() };
    let refs = Refs::new(lines);
    refs.extend(512);
    refs.free_run::<Proven>(8, 504);
    assert_eq!(refs.take_run::<Proven>(600), None);
    assert_eq!(refs.take_run::<Proven>(504), Some(8));
}
