//! The console ring: a page that the domain shares with another, whose xenconsoled reads it.
//!
//! Upstream: `xen/include/public/io/console.h`.

#![allow(unsafe_code, reason = "a page that is shared with another domain")]

use core::fmt::{self, Write};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::hvm::params::{HVM_PARAM_CONSOLE_EVTCHN, HVM_PARAM_CONSOLE_PFN};
use xen_abi::io::console::xencons_interface;
use xen_ops::hypercall::event_channel_op::send;
use xen_ops::hypercall::sched_op::yield_;
use xen_ops::view::Field;
use xen_ops::{Hypercall, ReadWrite, View, field};

use crate::backend;
use crate::guest::ring_by_parameters;

/// The ring's bytes, and how many there are.
const OUT: Field<[u8; SIZE]> = field!(xencons_interface, out);
const SIZE: usize = xencons_interface::ZERO.out.len();
/// How many bytes were ever written, and how many were ever read.
const PRODUCED: Field<u32> = field!(xencons_interface, out_prod);
const CONSUMED: Field<u32> = field!(xencons_interface, out_cons);

/// The ring's page, and the port that notifies the reader; null before [`attach`].
static PAGE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static PORT: AtomicU32 = AtomicU32::new(0);

/// Makes the ring in this page the domain's console; its reader is notified at `port`.
///
/// # Safety
///
/// A console ring of this domain's is mapped at `page`, stays there, and is accessed through views only.
pub unsafe fn attach(page: NonNull<u8>, port: evtchn_port_t) {
    PORT.store(port.0, Ordering::Relaxed);
    PAGE.store(page.as_ptr(), Ordering::Release);
}

/// Has the reader of the ring that was attached notified at another port.
pub fn rebind(port: evtchn_port_t) {
    PORT.store(port.0, Ordering::Relaxed);
}

/// Makes the ring that the parameters of a translated guest name the domain's console, if they name one.
/// The initial domain has none.
///
/// # Safety
///
/// Guest physical memory is mapped where it is.
pub unsafe fn attach_by_parameters<H: Hypercall>(xen: &H) {
    let ring = ring_by_parameters(xen, HVM_PARAM_CONSOLE_PFN, HVM_PARAM_CONSOLE_EVTCHN);
    if let Some((page, port)) = ring {
        // SAFETY: the toolstack put the ring there; the caller's promise.
        unsafe { attach(page, port) };
    }
}

/// The console ring, seen by the domain that writes.
#[derive(Clone, Copy, Debug)]
pub struct RingConsole {
    page: View<'static, ReadWrite>,
    port: evtchn_port_t,
}

impl RingConsole {
    /// The ring that was attached.
    #[must_use]
    pub fn current() -> Option<Self> {
        let page = NonNull::new(PAGE.load(Ordering::Acquire))?;
        // SAFETY: `attach` was promised that the ring is there.
        let page = unsafe { View::new(page) };
        Some(Self { page, port: evtchn_port_t(PORT.load(Ordering::Relaxed)) })
    }

    /// The port at which the reader is notified.
    #[must_use]
    pub const fn port(&self) -> evtchn_port_t {
        self.port
    }

    /// Writes all of the bytes, and waits while the ring is full.
    pub(super) fn write_bytes(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let written = self.write_some(bytes);
            bytes = &bytes[written..];
            if let Some(xen) = backend::current() {
                // Before the reader has bound the port this fails, and it looks at the ring then.
                let _ = send(&xen, self.port);
            }
            if written == 0 {
                wait();
            }
        }
    }

    /// Writes as many bytes as there is free space for, up to the ring's end.
    fn write_some(&self, bytes: &[u8]) -> usize {
        let produced = self.page.at(PRODUCED).load(Ordering::Relaxed);
        let place = produced as usize % SIZE;
        let count = self.free().min(SIZE - place).min(bytes.len());
        // Inside the ring, by the minimum.
        let _ = self.page.write(OUT.offset() + place, &bytes[..count]);
        // The reader sees the bytes before it sees that there are more.
        self.page.at(PRODUCED).store(produced.wrapping_add(count as u32), Ordering::Release);
        count
    }

    /// Waits until everything has been read.
    pub(super) fn flush(&self) {
        while self.free() < SIZE {
            wait();
        }
    }

    /// Bytes that can be written now. A reader that counts wrongly gets no more than the ring holds.
    fn free(&self) -> usize {
        let produced = self.page.at(PRODUCED).load(Ordering::Relaxed);
        let consumed = self.page.at(CONSUMED).load(Ordering::Acquire);
        SIZE.saturating_sub(produced.wrapping_sub(consumed) as usize)
    }
}

impl Write for RingConsole {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write_bytes(text.as_bytes());
        Ok(())
    }
}

/// Lets the reader run.
fn wait() {
    match backend::current() {
        // It does not fail.
        Some(xen) => drop(yield_(&xen)),
        None => core::hint::spin_loop(),
    }
}

#[cfg(test)]
mod tests {
    use xen_ops::page::PAGE_SIZE;

    use super::*;

    #[repr(C, align(4096))]
    struct Frame([u8; PAGE_SIZE]);

    fn ring(frame: &'static mut Frame) -> RingConsole {
        // SAFETY: the frame is borrowed for as long as the view.
        let page = unsafe { View::new(NonNull::from(&mut frame.0).cast()) };
        RingConsole { page, port: evtchn_port_t(1) }
    }

    fn new() -> RingConsole {
        ring(std::boxed::Box::leak(std::boxed::Box::new(Frame([0; PAGE_SIZE]))))
    }

    #[test]
    fn bytes_go_around_the_end() {
        let ring = new();
        for counter in [PRODUCED, CONSUMED] {
            ring.page.at(counter).store(u32::MAX - 1, Ordering::Relaxed);
        }
        assert_eq!(ring.write_some(b"abcd"), 2, "up to the end");
        assert_eq!(ring.write_some(b"cd"), 2);
        let mut bytes = [0; SIZE];
        ring.page.read(OUT.offset(), &mut bytes).unwrap();
        assert_eq!((&bytes[..2], &bytes[SIZE - 2..]), (&b"cd"[..], &b"ab"[..]));
        assert_eq!(ring.page.at(PRODUCED).load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_full_ring_takes_nothing() {
        let ring = new();
        assert_eq!(ring.write_some(&[b'x'; SIZE + 1]), SIZE);
        assert_eq!(ring.write_some(b"y"), 0);
        ring.page.at(CONSUMED).store(3, Ordering::Release);
        assert_eq!(ring.write_some(b"yyyy"), 3);
    }

    #[test]
    fn a_reader_that_is_ahead_frees_nothing() {
        let ring = new();
        for consumed in [1, 5000, u32::MAX, 1 << 31] {
            ring.page.at(CONSUMED).store(consumed, Ordering::Release);
            assert!(ring.free() <= SIZE, "{consumed}");
            assert!(ring.write_some(&[b'x'; 3 * SIZE]) <= SIZE);
        }
    }
}
