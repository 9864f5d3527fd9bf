//! Back ends in user space for the front ends of another domain's Linux:
//!
//! ```text
//! backend disk DOMID FILE [WRITES]
//! backend network DOMID [PACKETS]
//! ```
//!
//! The disk's sectors are those of a file. The network is Linux's interface `tap0`, which is made if there is none.
//! With a number, the program aborts in the middle of that write or packet. One that is started again
//! takes over where the last one was: rings and pages are still the front end's.

mod disk;
mod network;
mod tap;

use std::error::Error;
use std::path::Path;

use xen_abi::io::xenbus::XenbusStateClosed;
use xen_io::xenbus::{self, End};
use xen_linux::drivers::xenstore::{self, Client, transport::Descriptor};
use xen_linux::{DomainId, domid_t};

type AnyError = Box<dyn Error>;
type Store = Client<Descriptor>;

/// What this program is to stop at.
struct Countdown(Option<u32>);

impl Countdown {
    fn new(argument: Option<&String>) -> Result<Self, AnyError> {
        Ok(Self(argument.map(|text| text.parse()).transpose()?))
    }

    /// Aborts if it is time.
    fn count(&mut self) {
        if let Some(left) = &mut self.0 {
            *left = left.saturating_sub(1);
            if *left == 0 {
                println!("backend dies");
                std::process::abort();
            }
        }
    }
}

/// This end is closed, unless the toolstack has removed it with its domain.
fn close(end: &End, store: &mut Store) -> Result<(), AnyError> {
    match end.set_state(store, XenbusStateClosed) {
        Ok(()) | Err(xenbus::Error::Gone { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn main() -> Result<(), AnyError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, domid, others @ ..] = &arguments[..] else { return Err("KIND DOMID".into()) };
    let guest = DomainId::new(domid_t(domid.parse()?))?;
    let mut store = Client::new(xenstore::open()?);
    match (kind.as_str(), others) {
        ("disk", [file, others @ ..]) => {
            disk::run(&mut store, guest, Path::new(file), Countdown::new(others.first())?)
        }
        ("network", others) => network::run(&mut store, guest, Countdown::new(others.first())?),
        _ => Err(format!("no such back end: {kind}").into()),
    }
}
