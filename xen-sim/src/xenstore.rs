//! xenstored: a domain of its own that serves the pages of all others with xen-io's server.
//!
//! It has no thread. It runs on the thread that makes a hypercall that it has to learn of, after that
//! hypercall: an event on one of its ports, a shutdown, a domain created or destroyed.

#![allow(unsafe_code, reason = "views pages of the machine")]

use std::collections::BTreeMap;
use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::hvm::params::{HVM_PARAM_STORE_EVTCHN, HVM_PARAM_STORE_PFN};
use xen_abi::xen::{DOMID_FIRST_RESERVED, DOMID_SELF, domid_t};
use xen_io::xenstore::server::ring::ServerRing;
use xen_io::xenstore::server::{Action, ConnectionId, Local, Server, ServerConfig};
use xen_io::xenstore::transport::{RingError, RingTransport};
use xen_io::xenstore::{Client, Permission, Store};
use xen_ops::hypercall::{Error, event_channel_op};
use xen_ops::{ReadWrite, View};

use crate::channel::Channel;
use crate::config::{CreateError, DomainConfig, GuestKind};
use crate::domain::Domain;
use crate::machine::Machine;
use crate::state::State;
use crate::xen::Xen;

/// xenstored's domain: the highest id that a domain can have, out of the way of others.
const DOMID: domid_t = domid_t(DOMID_FIRST_RESERVED.0 - 1);

/// The domain that may do everything.
const CONTROL: domid_t = domid_t(0);

/// xenstored.
pub(crate) struct Xenstored {
    work: Mutex<Work>,
    /// There is something to do. It is set before the lock is tried: the holder of the lock looks again.
    kicked: AtomicBool,
}

struct Work {
    server: Server,
    rings: BTreeMap<ConnectionId, Ring>,
}

struct Ring {
    ring: ServerRing<'static>,
    /// xenstored's port.
    port: evtchn_port_t,
}

/// Why a domain's connection to xenstored cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// The domain has no page for it: the machine was built without
    /// [`xenstore`](crate::XenBuilder::xenstore), or the domain without pages.
    NoPage,
    /// The page says that it cannot be used.
    Ring(RingError<Error>),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPage => f.write_str(
                "the domain has no page for xenstore: build the machine with it, and the domain with pages",
            ),
            Self::Ring(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StoreError {}

impl Xenstored {
    /// Makes xenstored's domain.
    pub(crate) fn new(state: &mut State) -> Result<Self, CreateError> {
        let config = DomainConfig::new(GuestKind::Pvh).domid(DOMID).pages(0).privileged();
        state.create_domain(&config)?;
        let server = Server::new(ServerConfig { control: CONTROL, ..ServerConfig::default() });
        let work = Mutex::new(Work { server, rings: BTreeMap::new() });
        Ok(Self { work, kicked: AtomicBool::new(false) })
    }

    /// Gives a new domain its page, its port and its directory, as a toolstack does, and introduces it.
    pub(crate) fn add(&self, domain: &Domain) {
        if let Some((gfn, port)) = allocate(domain) {
            let mut work = self.lock();
            let domid = domain.domid;
            if let Ok(connection) = work.server.introduce(domid) {
                work.connect(&domain.machine, domid, gfn, port, connection);
            }
            // The server refuses nothing to the control domain.
            let _ = work.make_home(domid);
        }
        self.run(&domain.machine, domain.domid);
    }

    /// Does what there is to do. Never waits: if another thread does it already, that one looks again.
    pub(crate) fn run(&self, machine: &Arc<Machine>, caller: domid_t) {
        // Its own events are for others.
        if caller == DOMID {
            return;
        }
        self.kicked.store(true, SeqCst);
        while self.kicked.load(SeqCst) {
            let mut work = match self.work.try_lock() {
                Ok(work) => work,
                Err(TryLockError::Poisoned(work)) => work.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            while self.kicked.swap(false, SeqCst) {
                work.run(machine);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A page and a port of a domain's for its connection, which are in its parameters from then on.
fn allocate(domain: &Domain) -> Option<(u64, evtchn_port_t)> {
    let (gfn, _, _) = domain.machine.lock().take_unused(domain.domid)?;
    let port = event_channel_op::alloc_unbound(domain, DOMID_SELF, DOMID).ok()?;
    let mut state = domain.machine.lock();
    let params = &mut state.domain_mut(domain.domid)?.params;
    params.insert(HVM_PARAM_STORE_PFN, gfn);
    params.insert(HVM_PARAM_STORE_EVTCHN, u64::from(port.0));
    Some((gfn, port))
}

/// A view of a page of a domain's.
fn view(machine: &Machine, domid: domid_t, gfn: u64) -> View<'static, ReadWrite> {
    let address: NonNull<u8> = machine.lock().address_of(domid, gfn);
    // SAFETY: a page of the machine's memory, which is accessed through views only, and which is valid as
    // long as the machine. Views are in `Work`, which the machine owns, and which does not access them when
    // it is dropped; and in transports, which borrow a domain, which holds the machine.
    unsafe { View::new(address) }
}

impl Work {
    /// Serves all pages until nothing is left to do.
    fn run(&mut self, machine: &Arc<Machine>) {
        loop {
            self.look_at_domains(machine);
            self.act(machine);
            let mut is_busy = false;
            for Ring { ring, port } in self.rings.values_mut() {
                let served = ring.serve(&mut self.server);
                if served.notify {
                    // A port that is closed belongs to a domain that is gone.
                    let _ = event_channel_op::send(&own(machine), *port);
                }
                is_busy |= served.notify || served.again;
            }
            if !is_busy {
                return;
            }
        }
    }

    /// Tells the server which domains have shut down or are gone.
    fn look_at_domains(&mut self, machine: &Machine) {
        for domid in self.server.introduced() {
            let (is_gone, is_shut_down) = match machine.lock().domain(domid) {
                Some(domain) => (domain.destroyed, domain.shutdown.is_some()),
                None => (true, false),
            };
            if is_gone {
                self.server.domain_destroyed(domid);
            } else if is_shut_down {
                self.server.domain_shutdown(domid);
            }
        }
    }

    /// Does what clients have asked for.
    fn act(&mut self, machine: &Arc<Machine>) {
        while let Some(action) = self.server.next_action() {
            match action {
                Action::Introduce { domid, gfn, port, connection } => {
                    self.disconnect(machine, connection);
                    self.connect(machine, domid, gfn, port, connection);
                }
                Action::Release { connection, .. } => self.disconnect(machine, connection),
                _ => {}
            }
        }
    }

    fn connect(
        &mut self,
        machine: &Arc<Machine>,
        domid: domid_t,
        gfn: u64,
        remote_port: evtchn_port_t,
        connection: ConnectionId,
    ) {
        let Ok(port) = event_channel_op::bind_interdomain(&own(machine), domid, remote_port) else {
            return;
        };
        let page = view(machine, domid, gfn);
        let ring = ServerRing::attach(&self.server, domid, connection, page);
        self.rings.insert(connection, Ring { ring, port });
        let _ = event_channel_op::send(&own(machine), port);
    }

    fn disconnect(&mut self, machine: &Arc<Machine>, connection: ConnectionId) {
        if let Some(ring) = self.rings.remove(&connection) {
            let _ = event_channel_op::close(&own(machine), ring.port);
        }
    }

    /// Makes a domain's directory: readable by it, with a part of its own in `data`.
    fn make_home(
        &mut self,
        domid: domid_t,
    ) -> Result<(), xen_io::xenstore::Error<xen_io::xenstore::server::LocalError>> {
        let home = format!("/local/domain/{}", domid.0);
        let mut toolstack = Client::new(self.server.local(CONTROL));
        toolstack.mkdir(&home)?;
        toolstack.set_permissions(&home, &[Permission::none(CONTROL), Permission::read(domid)])?;
        toolstack.write(format!("{home}/domid"), domid.0.to_string())?;
        toolstack.mkdir(format!("{home}/data"))?;
        toolstack.set_permissions(format!("{home}/data"), &[Permission::none(domid)])
    }
}

/// xenstored's own domain.
fn own(machine: &Arc<Machine>) -> Domain {
    Domain { machine: Arc::clone(machine), domid: DOMID, kind: GuestKind::Pvh }
}

impl Xen {
    /// Calls `use_it` with a connection of the control domain to xenstored, as a toolstack has, and returns
    /// what that returns; `None` if the machine was built without [`xenstore`](crate::XenBuilder::xenstore).
    ///
    /// Domains are served when it returns: it must not wait for one.
    pub fn toolstack<R>(&self, use_it: impl FnOnce(&mut Client<Local<'_>>) -> R) -> Option<R> {
        let xenstored = self.machine.xenstored.as_ref()?;
        let mut work = xenstored.lock();
        let result = use_it(&mut Client::new(work.server.local(CONTROL)));
        drop(work);
        xenstored.run(&self.machine, CONTROL);
        Some(result)
    }
}

impl Domain {
    /// The domain's client of xenstored, over the page and the port in its parameters
    /// `HVM_PARAM_STORE_PFN` and `HVM_PARAM_STORE_EVTCHN`. A PV guest would find them in its start info.
    ///
    /// A domain has one connection: use one client at a time.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn xenstore(&self) -> Result<Client<RingTransport<'_, Channel>>, StoreError> {
        let state = self.machine.lock();
        let params = state.domain(self.domid).map(|domain| &domain.params);
        let param = |index| params.and_then(|params| params.get(&index)).copied();
        let found = param(HVM_PARAM_STORE_PFN).zip(param(HVM_PARAM_STORE_EVTCHN));
        drop(state);
        let (gfn, port) = found.ok_or(StoreError::NoPage)?;
        let port = Channel::new(self, evtchn_port_t(port as u32));
        let page = view(&self.machine, self.domid, gfn);
        RingTransport::attach(page, port).map(Client::new).map_err(StoreError::Ring)
    }
}
