//! The console ring: what a domain that a toolstack started has for a console. It writes into a page
//! that it shares with another domain, whose xenconsoled reads it.
//!
//! Upstream: `xen/include/public/io/console.h`.

#![allow(unsafe_code, reason = "a page that is shared with another domain")]

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::hvm::params::{HVM_PARAM_CONSOLE_EVTCHN, HVM_PARAM_CONSOLE_PFN};
use xen_abi::io::console::xencons_interface;
use xen_abi::xen::DOMID_SELF;
use xen_ops::hypercall::event_channel_op::send;
use xen_ops::hypercall::hvm_op::get_param;
use xen_ops::hypercall::sched_op::yield_;
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::Field;
use xen_ops::{ReadWrite, View, field};

use crate::entry::xen;

/// The ring's bytes, and how many there are.
const OUT: Field<[u8; SIZE]> = field!(xencons_interface, out);
const SIZE: usize = xencons_interface::ZERO.out.len();
/// How many bytes were ever written, and how many were ever read.
const PRODUCED: Field<u32> = field!(xencons_interface, out_prod);
const CONSUMED: Field<u32> = field!(xencons_interface, out_cons);

/// The ring's page, and the port that wakes up the reader; null before [`open`].
static PAGE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static PORT: AtomicU32 = AtomicU32::new(0);

/// Has all lines go to the ring in this page, whose reader waits at this port.
///
/// # Safety
///
/// A ring of this domain's is mapped there, and stays.
pub(crate) unsafe fn open(page: NonNull<u8>, port: evtchn_port_t) {
    PORT.store(port.0, Ordering::Relaxed);
    PAGE.store(page.as_ptr(), Ordering::Release);
}

/// Has all lines go to the ring that the parameters of a translated guest name, if they do.
pub(crate) fn open_by_parameters() {
    let parameter = |index| get_param(&xen(), DOMID_SELF, index).unwrap_or(0);
    // The entry code has mapped guest memory where it is. Frame 0 is no ring.
    let page = parameter(HVM_PARAM_CONSOLE_PFN) as usize * PAGE_SIZE;
    if let Some(page) = NonNull::new(ptr::with_exposed_provenance_mut(page)) {
        let port = evtchn_port_t(parameter(HVM_PARAM_CONSOLE_EVTCHN) as u32);
        // SAFETY: the toolstack put the ring there.
        unsafe { open(page, port) };
    }
}

/// The ring, if the domain has one.
pub(crate) fn ring() -> Option<Ring> {
    let page = NonNull::new(PAGE.load(Ordering::Acquire))?;
    // SAFETY: `open` was told that the ring is there.
    let page = unsafe { View::new(page) };
    Some(Ring { page, port: evtchn_port_t(PORT.load(Ordering::Relaxed)) })
}

/// A console ring, seen by the domain that writes.
pub(crate) struct Ring {
    page: View<'static, ReadWrite>,
    port: evtchn_port_t,
}

impl Ring {
    /// Writes all of the bytes, and waits for room where there is none.
    pub(crate) fn write(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let produced = self.page.at(PRODUCED).load(Ordering::Relaxed);
            let place = produced as usize % SIZE;
            // Up to the ring's end at most: the rest goes to its beginning, in another turn.
            let room = self.room().min(SIZE - place).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            self.page.write(OUT.offset() + place, now).unwrap_or_default();
            let produced = produced.wrapping_add(room as u32);
            // The reader sees the bytes before it sees that there are more.
            self.page.at(PRODUCED).store(produced, Ordering::Release);
            bytes = later;
            // Before the reader has bound the port this fails, and it looks at the ring when it binds.
            let _ = send(&xen(), self.port);
            if room == 0 {
                give_way();
            }
        }
    }

    /// Waits until everything has been read.
    pub(crate) fn flush(&self) {
        while self.room() < SIZE {
            give_way();
        }
    }

    /// Bytes that can be written now. A reader that counts wrongly gets no more than it has room for.
    fn room(&self) -> usize {
        let produced = self.page.at(PRODUCED).load(Ordering::Relaxed);
        let consumed = self.page.at(CONSUMED).load(Ordering::Acquire);
        SIZE.saturating_sub(produced.wrapping_sub(consumed) as usize)
    }
}

fn give_way() {
    // It does not fail.
    let _ = yield_(&xen());
}
