//! The hostile peer: a page that changes while it is read.

#![allow(unsafe_code, reason = "shares memory between threads")]

use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;

use xen_abi::macros::ring;
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::{ReadWrite, View};

use crate::bytes::Bytes;

#[repr(align(4096))]
struct Page([AtomicU64; PAGE_SIZE / 8]);

/// Reads and writes a shared page at places that `bytes` say, while a peer fills it with them.
///
/// # Panics
///
/// If a promise is broken.
pub fn peer(bytes: &[u8]) {
    let page = Page([const { AtomicU64::new(0) }; PAGE_SIZE / 8]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for word in bytes.chunks(8).cycle().zip(page.0.iter().cycle()).take(1 << 14) {
                let (bytes, word) = word;
                let value = bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
                word.store(value, Relaxed);
                if done.load(Relaxed) {
                    break;
                }
            }
        });
        // SAFETY: the page lives longer than the threads, which all access it atomically.
        let view = unsafe { View::<ReadWrite>::new(NonNull::from(&page.0).cast()) };
        guest(view, &Bytes::new(bytes));
        done.store(true, Relaxed);
    });
}

fn guest(view: View<'_, ReadWrite>, bytes: &Bytes<'_>) {
    while !bytes.is_empty() {
        // Half of the places are in the page or near its end, the others anywhere.
        let offset = bytes.number() as usize;
        let offset = if bytes.is_kind() { offset % (PAGE_SIZE + 16) } else { offset };
        let mut buffer = [0; 300];
        let length = usize::from(bytes.byte());
        let inside = offset.checked_add(length).is_some_and(|end| end <= PAGE_SIZE);
        assert_eq!(view.read(offset, &mut buffer[..length]).is_ok(), inside, "{offset} {length}");
        assert_eq!(view.write(offset, &buffer[..length]).is_ok(), inside, "{offset} {length}");
        let aligned = offset % 4 == 0 && offset < PAGE_SIZE;
        assert_eq!(view.load::<u32>(offset, Relaxed).is_ok(), aligned, "{offset}");
        indices(view, bytes);
    }
}

/// Indices of a ring, as the peer gives them, lead nowhere but into the ring.
fn indices(view: View<'_, ReadWrite>, bytes: &Bytes<'_>) {
    let size = ring::ring_size(PAGE_SIZE as u32, u32::from(bytes.byte()));
    let index = |offset| view.load::<u32>(offset, Relaxed).unwrap_or_default();
    let (produced, consumed, answered) = (index(0), index(4), index(8));
    assert!(ring::slot(produced, size) < size.max(1));
    assert!(ring::nr_unconsumed_requests(size, produced, consumed, answered) <= size);
    let _ = ring::needs_notify(produced, consumed, answered);
}
