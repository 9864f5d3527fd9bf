//! The hostile peer: a page whose contents change between any two accesses.

#![allow(unsafe_code, reason = "shares memory")]

use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use xen_abi::macros::ring;
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::Field;
use xen_ops::{ReadWrite, View};

use crate::bytes::Bytes;

/// A ring's indices, at the start of its page.
const INDICES: Field<[u32; 3]> = Field::at::<0>();

#[repr(align(4096))]
struct Page([AtomicU64; PAGE_SIZE / 8]);

/// Reads and writes a shared page at places that `bytes` say, while a peer fills it with them: between
/// any two accesses, so that a failure can be repeated.
///
/// # Panics
///
/// If an invariant is broken.
pub fn peer(bytes: &[u8]) {
    let page = Page([const { AtomicU64::new(0) }; PAGE_SIZE / 8]);
    // SAFETY: the page lives longer than the view, and is accessed atomically.
    let view = unsafe { View::new(NonNull::from(&page.0).cast()) };
    let bytes = Bytes::new(bytes);
    while !bytes.is_empty() {
        for _ in 0..bytes.byte() % 8 {
            // Mostly the words at the start, where a ring has its indices.
            let at = usize::from(bytes.byte());
            let at = if bytes.is_kind() { at % 4 } else { at };
            page.0[at].store(bytes.number(), Relaxed);
        }
        ranges(view, &bytes);
        indices(view, &bytes);
    }
}

/// Exactly the ranges inside the page can be accessed.
fn ranges(view: View<'_, ReadWrite>, bytes: &Bytes<'_>) {
    // Most offsets are in the page or near its end, the others anywhere.
    let offset = bytes.number() as usize;
    let offset = if bytes.is_kind() { offset % (PAGE_SIZE + 16) } else { offset };
    let mut buffer = [0; 300];
    let length = usize::from(bytes.byte());
    let inside = offset.checked_add(length).is_some_and(|end| end <= PAGE_SIZE);
    assert_eq!(view.read(offset, &mut buffer[..length]).is_ok(), inside, "{offset} {length}");
    assert_eq!(view.write(offset, &buffer[..length]).is_ok(), inside, "{offset} {length}");
    let aligned = offset % 4 == 0 && offset < PAGE_SIZE;
    assert_eq!(view.at_offset::<u32>(offset).is_ok(), aligned, "{offset}");
}

/// Whatever indices the peer writes, slots are inside the ring.
fn indices(view: View<'_, ReadWrite>, bytes: &Bytes<'_>) {
    let size = ring::ring_size(PAGE_SIZE as u32, u32::from(bytes.byte()));
    let [produced, consumed, answered] = view.at(INDICES).read();
    assert!(ring::slot(produced, size) < size.max(1));
    assert!(ring::nr_unconsumed_requests(size, produced, consumed, answered) <= size);
    let _ = ring::needs_notify(produced, consumed, answered);
}
