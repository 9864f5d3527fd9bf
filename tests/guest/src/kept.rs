//! A transcript that is kept while a scenario runs, for scenarios may close the console's port and reset all ports.
//!
//! Between two scenarios the console has a port again, for as long as it takes to write what was kept.

use core::fmt::{self, Write as _};
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering::Relaxed};

use xen_abi::event_channel::{EVTCHNSTAT_interdomain, evtchn_port_t};
use xen_abi::xen::{DOMID_SELF, domid_t};
use xen_guest::backend::{self, Backend};
use xen_guest::console::{self, Console, RingConsole};
use xen_ops::hypercall::event_channel_op::{bind_interdomain, close, status};
use xen_scenarios::Guest as _;

use crate::guest::LiveGuest;

/// The domain whose xenconsoled reads the console.
const READER: domid_t = domid_t(0);

/// That domain's port and the one that the toolstack has connected with it; 0 if nothing is kept.
static READERS_PORT: AtomicU32 = AtomicU32::new(0);
static OWN_PORT: AtomicU32 = AtomicU32::new(0);

/// More than any scenario writes but the random one, which does not turn to event queues.
static TEXT: [AtomicU8; SIZE] = [const { AtomicU8::new(0) }; SIZE];
const SIZE: usize = 1 << 17;
static LENGTH: AtomicUsize = AtomicUsize::new(0);

/// Keeps lines from now on, if the console is a ring.
pub(crate) fn start(guest: &LiveGuest) {
    let Some(ring) = RingConsole::current() else { return };
    let own = ring.port();
    let xen = guest.xen();
    let about = || status(xen, DOMID_SELF, own).expect("the console's port");
    // xenconsoled binds it when it has learnt of the domain.
    while about().status != EVTCHNSTAT_interdomain {
        guest.give_way();
    }
    OWN_PORT.store(own.0, Relaxed);
    READERS_PORT.store(about().u.interdomain().port.0, Relaxed);
}

/// Whether lines are kept.
pub(crate) fn is_on() -> bool {
    READERS_PORT.load(Relaxed) != 0
}

/// Keeps a line, and writes all of them when there are too many.
pub(crate) fn write_line(xen: &Backend, text: fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _ = writeln!(Kept, "{text}");
    if LENGTH.load(Relaxed) > SIZE / 2 {
        write_out(xen);
    }
}

/// Writes what was kept, and leaves the ports as they were.
pub(crate) fn write_out(xen: &Backend) {
    if let Some(port) = open(xen) {
        console::flush();
        close(xen, port).expect("the console's port");
    }
}

/// Writes what was kept to the console, which has a port from then on.
pub(crate) fn write_at_the_end() {
    if let Some(xen) = backend::current() {
        open(&xen);
    }
}

/// Connects the console again, unless it is connected still, and writes what was kept. Returns the new port.
fn open(xen: &Backend) -> Option<evtchn_port_t> {
    let readers = evtchn_port_t(READERS_PORT.load(Relaxed));
    if readers.0 == 0 {
        return None;
    }
    let port = bind_interdomain(xen, READER, readers).ok();
    console::rebind(port.unwrap_or(evtchn_port_t(OWN_PORT.load(Relaxed))));
    let (mut console, mut bytes) = (Console::current(), [0; 1024]);
    for part in TEXT[..LENGTH.swap(0, Relaxed).min(SIZE)].chunks(bytes.len()) {
        let bytes = &mut bytes[..part.len()];
        bytes.iter_mut().zip(part).for_each(|(to, byte)| *to = byte.load(Relaxed));
        // Neither fails: lines have ASCII characters only.
        let _ = console.write_str(core::str::from_utf8(bytes).unwrap_or_default());
    }
    port
}

/// Where lines are kept. What is too long is lost, which the harness notices.
struct Kept;

impl fmt::Write for Kept {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if let Some(place) = TEXT.get(LENGTH.fetch_add(1, Relaxed)) {
                place.store(byte, Relaxed);
            }
        }
        Ok(())
    }
}
