//! What the drivers need of this kernel: pages, ports, and the connection to xenstored.

#![allow(unsafe_code, reason = "a page that is shared with another domain")]

use core::time::Duration;

use xen_guest::backend::Backend;
use xen_guest::{Guest, GuestPage, PagePool, SharedInfo};
use xen_io::EventChannel;
use xen_io::xen_abi::event_channel::evtchn_port_t;
use xen_io::xen_abi::io::xenbus::{XenbusStateClosed, XenbusStateClosing};
use xen_io::xen_ops::hypercall::{Error, event_channel_op, sched_op};
use xen_io::xen_ops::{ReadWrite, View};
use xen_io::xenbus::End;
use xen_io::xenstore::Client;
use xen_io::xenstore::transport::RingTransport;

/// The kernel's pages.
static POOL: PagePool<256> = PagePool::new();

pub(crate) type Store<'m> = Client<RingTransport<'m, Channel<'m>>>;

/// This kernel.
pub(crate) struct Machine {
    pub(crate) guest: Guest,
    shared_info: SharedInfo,
}

/// An event channel whose other side is bound.
#[derive(Clone, Copy)]
pub(crate) struct Channel<'m> {
    machine: &'m Machine,
    port: evtchn_port_t,
}

impl Machine {
    pub(crate) fn new(guest: Guest) -> Self {
        let page = POOL.take(&guest).expect("a page");
        let shared_info = SharedInfo::map(&guest, page).expect("the shared information page");
        Self { guest, shared_info }
    }

    pub(crate) fn xen(&self) -> Backend {
        self.guest.xen()
    }

    pub(crate) const fn shared_info(&self) -> &SharedInfo {
        &self.shared_info
    }

    pub(crate) fn page(&self) -> GuestPage {
        POOL.take(&self.guest).expect("a page: make the pool larger")
    }

    pub(crate) const fn pool(&self) -> &'static PagePool<256> {
        &POOL
    }

    pub(crate) const fn channel(&self, port: evtchn_port_t) -> Channel<'_> {
        Channel { machine: self, port }
    }

    /// The client of xenstored. There is one.
    pub(crate) fn store(&self) -> Store<'_> {
        let (page, port) = self.guest.store_ring().expect("xenstore");
        // SAFETY: the toolstack put the page there. The domain's memory is mapped where it is, in a PV guest
        // too, and this is the only access to that page.
        let page: View<'_, ReadWrite> = unsafe { View::new(page) };
        let transport = RingTransport::attach(page, self.channel(port)).expect("a connection");
        Client::new(transport)
    }
}

impl EventChannel for Channel<'_> {
    type Error = Error;

    fn notify(&self) -> Result<(), Error> {
        event_channel_op::send(&self.machine.xen(), self.port)
    }

    /// Without end: what started this kernel has a deadline.
    fn wait(&self, _: Option<Duration>) -> Result<bool, Error> {
        let events = self.machine.shared_info.events();
        while !events.take(self.port).unwrap_or(false) {
            sched_op::poll(&self.machine.xen(), &[self.port], 0)?;
        }
        Ok(true)
    }
}

/// Closes the device, whose ring Linux has unmapped afterwards.
pub(crate) fn close(end: &End, store: &mut Store<'_>) {
    end.set_state(store, XenbusStateClosing).expect("the state");
    end.wait_for(store, XenbusStateClosing, None).expect("the other end");
    end.set_state(store, XenbusStateClosed).expect("the state");
    end.wait_for(store, XenbusStateClosed, None).expect("the other end");
}
