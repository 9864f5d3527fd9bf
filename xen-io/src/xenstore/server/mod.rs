//! A xenstored without input or output: bytes in, bytes out.
//!
//! [`Server`] keeps the tree, permissions, watches, transactions and quotas. It serves clients on
//! [connections](ConnectionId): sockets of the control domain, and domains that were
//! [introduced](Server::introduce). A program moves the bytes: [`ring`] does it for the page of a domain,
//! [`socket`] for a unix socket.
//!
//! ```
//! use xen_io::xenstore::server::{Server, ServerConfig};
//! use xen_io::xenstore::{Client, Store};
//! use xen_ops::xen_abi::xen::domid_t;
//!
//! let mut server = Server::new(ServerConfig::default());
//!
//! // The toolstack makes the directory of domain 3, and introduces the domain.
//! let mut toolstack = Client::new(server.local(domid_t(0)));
//! toolstack.write("/local/domain/3/name", "demo")?;
//! toolstack.set_permissions("/local/domain/3/name", &[
//!     xen_io::xenstore::Permission::none(domid_t(3)),
//! ])?;
//! drop(toolstack);
//!
//! // The domain finds its name.
//! let mut domain = Client::new(server.local(domid_t(3)));
//! assert_eq!(domain.read_string("name")?, "demo");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does as xenstored, and what not
//!
//! It has the semantics of Xen's own xenstored (C, 4.22): who may do what, which error comes first, what a
//! new node inherits, which watches see a change, when a transaction conflicts, what is removed with a
//! domain. Differences:
//!
//! - Live update is left out: a library has no program to replace. The state of a program that embeds it is
//!   that program's.
//! - It does not ask the hypervisor. [`domain_shutdown`](Server::domain_shutdown) and
//!   [`domain_destroyed`](Server::domain_destroyed) tell it what happened, and every domain id below the
//!   reserved ones counts as one of a domain.
//! - `INTRODUCE` succeeds at once. [`Action`]s tell the program to map the page and bind the port.
//! - `CONTROL` has the commands `check` and `help`.
//! - A domain is not slowed down for writing much; quotas bound what it can use.
//!
//! # Bounds
//!
//! An unprivileged domain can make the server keep as many bytes as [`Quota::Memory`] says, and 4112 bytes
//! for each of [`Quota::Outstanding`] replies. Beyond that, its requests fail or wait, and events to it are
//! dropped. A connection of the control domain can have [`CONTROL_OUTPUT_MAX`] bytes that it has not taken;
//! events beyond that are dropped.

mod connection;
mod domains;
mod local;
mod nodes;
mod quota;
mod request;
pub mod ring;
#[cfg(all(feature = "std", unix))]
pub mod socket;
mod transaction;
mod tree;
mod watches;

use alloc::collections::{BTreeMap, VecDeque};

use xen_ops::xen_abi::io::xs_wire::{
    XENSTORE_SERVER_FEATURE_ERROR, XENSTORE_SERVER_FEATURE_RECONNECTION,
};
use xen_ops::xen_abi::xen::domid_t;

use self::connection::Connection;
use self::domains::Domain;
use self::tree::Tree;
use super::wire::PayloadTooLong;

pub use domains::{Action, IntroduceError};
pub use local::{Local, LocalError};
pub use quota::{Quota, Quotas};

/// The capability to watch with a depth: `XENSTORE_SERVER_FEATURE_WATCHDEPTH`. Since Xen 4.22.
pub const FEATURE_WATCHDEPTH: u32 = 4;
/// The capability to give permissions to all domains: `XENSTORE_SERVER_FEATURE_DOMID_ANY`. Since Xen 4.22.
pub const FEATURE_DOMID_ANY: u32 = 8;

/// All domains, in permissions: `DOMID_ANY`. Since Xen 4.22.
pub const DOMID_ANY: domid_t = domid_t(0x7ff5);

/// Bytes of messages that a connection of the control domain can leave untaken.
pub const CONTROL_OUTPUT_MAX: usize = 16 << 20;

/// Replies that a connection of the control domain can leave untaken.
const CONTROL_REPLIES_MAX: usize = 1024;

const FEATURES: u32 = XENSTORE_SERVER_FEATURE_RECONNECTION
    | XENSTORE_SERVER_FEATURE_ERROR
    | FEATURE_WATCHDEPTH
    | FEATURE_DOMID_ANY;

/// How a [`Server`] is set up.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The control domain, which may do everything.
    pub control: domid_t,
    /// The quotas of new domains.
    pub quotas: Quotas,
}

impl Default for ServerConfig {
    /// Domain 0, and the default quotas.
    fn default() -> Self {
        Self { control: domid_t(0), quotas: Quotas::default() }
    }
}

/// A connection to a [`Server`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u32);

/// A xenstored; see the [module](self).
#[derive(Debug)]
pub struct Server {
    control: domid_t,
    tree: Tree,
    connections: BTreeMap<ConnectionId, Connection>,
    domains: BTreeMap<u16, Domain>,
    quotas: Quotas,
    actions: VecDeque<Action>,
    last_connection: u32,
}

impl Server {
    /// A server with an empty tree.
    #[must_use]
    pub fn new(config: ServerConfig) -> Self {
        let ServerConfig { control, quotas } = config;
        Self {
            control,
            tree: Tree::new(control, DOMID_ANY),
            connections: BTreeMap::new(),
            domains: BTreeMap::new(),
            quotas,
            actions: VecDeque::new(),
            last_connection: 0,
        }
    }

    /// Accepts a connection that has the permissions of a domain: of the control domain, usually, for a
    /// socket. A domain's own connection comes from [`introduce`](Self::introduce).
    pub fn connect(&mut self, domid: domid_t) -> ConnectionId {
        self.last_connection += 1;
        let id = ConnectionId(self.last_connection);
        self.connections.insert(id, Connection::new(domid));
        id
    }

    /// Forgets a connection, its watches and transactions. A domain whose connection it is has to be
    /// introduced again.
    pub fn disconnect(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.remove(&id) {
            if let Some(domain) = self.domains.get_mut(&connection.domid.0) {
                domain.connection = domain.connection.filter(|own| *own != id);
            }
        }
    }

    /// Forgets what a connection has sent and would get, its watches and transactions, and continues with
    /// it: for a domain that asked for that through its page.
    pub fn reset(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.reset();
        }
    }

    /// Takes bytes from a client, and handles the requests that are complete. Returns how many bytes were
    /// taken: fewer than all if too many replies wait to be sent. Then send some, and call this again,
    /// with the rest or with nothing.
    ///
    /// # Errors
    ///
    /// [`PayloadTooLong`] if the client breaks the protocol. The connection is stopped: nothing is kept for
    /// it, and what it sends is dropped until it is [`reset`](Self::reset).
    pub fn receive(&mut self, id: ConnectionId, bytes: &[u8]) -> Result<usize, PayloadTooLong> {
        let mut used = 0;
        loop {
            if !self.is_ready(id) {
                let stopped = self.connections.get(&id).is_none_or(|connection| connection.stopped);
                return Ok(if stopped { bytes.len() } else { used });
            }
            let Some(connection) = self.connections.get_mut(&id) else { return Ok(bytes.len()) };
            match connection.receiver.feed(bytes.get(used..).unwrap_or_default()) {
                Ok(count) => used += count,
                Err(error) => {
                    connection.stop();
                    return Err(error);
                }
            }
            let Some(message) = connection.receiver.message() else { return Ok(used) };
            let (header, payload) = (message.header, message.payload.to_vec());
            connection.receiver.next();
            self.handle(id, &header, &payload);
        }
    }

    /// Whether another request of a connection would be handled now.
    #[must_use]
    pub fn is_ready(&self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.get(&id) else { return false };
        if connection.stopped {
            return false;
        }
        if connection.domid == self.control {
            return connection.replies() < CONTROL_REPLIES_MAX;
        }
        let next = connection.replies() + 1;
        !self.quotas_of(connection.domid).exceeds(Quota::Outstanding, next)
    }

    /// Bytes that [`receive`](Self::receive) takes of a ready connection for sure: those up to the end of
    /// the header or message that it is in.
    pub fn space(&mut self, id: ConnectionId) -> usize {
        self.connections.get_mut(&id).map_or(0, |connection| connection.receiver.space().len())
    }

    /// What is to be sent to a client next: at most one message. Empty if there is nothing.
    #[must_use]
    pub fn output(&self, id: ConnectionId) -> &[u8] {
        self.connections.get(&id).map(Connection::output).unwrap_or_default()
    }

    /// Announces that `count` bytes of [`output`](Self::output) were sent.
    pub fn sent(&mut self, id: ConnectionId, count: usize) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.sent(count);
        }
    }

    /// The features that the page of a domain offers: `XENSTORE_SERVER_FEATURE_*`.
    #[must_use]
    pub fn features(&self, domid: domid_t) -> u32 {
        self.domains.get(&domid.0).map_or(FEATURES, |domain| domain.features)
    }

    /// Bytes that the server keeps for a domain.
    #[must_use]
    pub fn memory(&self, domid: domid_t) -> usize {
        let own = self.connections.values().filter(|connection| connection.domid == domid);
        self.tree.usage(domid.0).bytes + own.map(Connection::bytes).sum::<usize>()
    }

    /// Nodes that a domain owns.
    #[must_use]
    pub fn nodes(&self, domid: domid_t) -> usize {
        self.tree.usage(domid.0).nodes
    }

    fn quotas_of(&self, domid: domid_t) -> &Quotas {
        self.domains.get(&domid.0).map_or(&self.quotas, |domain| &domain.quotas)
    }

    /// Whether a domain would exceed a quota. The control domain has none.
    fn exceeds(&self, domid: domid_t, quota: Quota, used: usize) -> bool {
        domid != self.control && self.quotas_of(domid).exceeds(quota, used)
    }
}
