//! xenstore: the tree of settings through which the domains of a machine find each other.
//!
//! [`Client`] reads, writes and watches it over a [`Transport`]: the page of a guest
//! ([`RingTransport`](transport::RingTransport)), a unix socket or Linux's `/dev/xen/xenbus`
//! (`transport::Descriptor`), or a server in the same program ([`server::Local`]). [`Connection`] is the same
//! without input and output, for asynchronous programs, and [`wire`] the messages, without an allocator.
//! [`server`] is a xenstored of its own.
//!
//! ```
//! use xen_io::xenstore::server::{Server, ServerConfig};
//! use xen_io::xenstore::{Client, Store};
//! # use xen_ops::xen_abi::xen::domid_t;
//!
//! # let mut server = Server::new(ServerConfig::default());
//! # let transport = server.local(domid_t(0));
//! let mut client = Client::new(transport);
//! client.write("data/greeting", "hello")?;
//! assert_eq!(client.read_string("data/greeting")?, "hello");
//! client.transaction(|t| {
//!     let greeting = t.read_string("data/greeting")?;
//!     t.write("data/copy", greeting)
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `wire`, [`Path`], [`Permission`] and the transports need nothing. `alloc` adds the client and the server,
//! `std` descriptors and the server's socket.
//!
//! # libxenstore's calls
//!
//! | C | here |
//! |---|---|
//! | `xs_open`, `xs_daemon_open`, `xs_domain_open` | `Client::new(`[`open`]`()?)` |
//! | `xs_close`, `xs_daemon_destroy_postfork` | dropping the client |
//! | `xs_read` | [`Store::read`], [`Store::read_string`], [`Store::try_read`] |
//! | `xs_write`, `xs_mkdir`, `xs_rm` | [`Store::write`], [`Store::mkdir`], [`Store::remove`] |
//! | `xs_directory` | [`Store::directory`] |
//! | `xs_get_permissions`, `xs_set_permissions` | [`Store::permissions`], [`Store::set_permissions`] |
//! | `xs_strings_to_perms` | [`Permissions::from_payload`], [`Permission::from_bytes`] |
//! | `xs_transaction_start`, `xs_transaction_end` | [`Client::transaction`], or [`Client::begin`], [`Transaction::commit`], [`Transaction::abort`] |
//! | `xs_watch`, `xs_watch_depth` | [`Client::watch`], [`Client::watch_depth`] |
//! | `xs_watch_try_depth` | [`Client::watch_depth`] if [`Client::features`] has it, else [`Client::watch`] |
//! | `xs_unwatch` | [`Client::unwatch`] |
//! | `xs_read_watch`, `xs_check_watch` | [`Client::next_event`], [`Client::wait_event`] |
//! | `xs_fileno` | `AsFd` of `transport::Descriptor`, from [`Client::transport`] |
//! | `xs_introduce_domain`, `xs_release_domain`, `xs_resume_domain` | [`Client::introduce`], [`Client::release`], [`Client::resume`] |
//! | `xs_is_domain_introduced`, `xs_get_domain_path`, `xs_set_target` | [`Client::is_introduced`], [`Client::domain_path`], [`Client::set_target`] |
//! | `xs_get_features_supported`, `xs_get_features_domain`, `xs_set_features_domain` | [`Client::features`], [`Client::domain_features`], [`Client::set_domain_features`] |
//! | `xs_get_quota_names`, `xs_get_global_quota`, `xs_get_domain_quota` | [`Client::quota_names`], [`Client::quota`] |
//! | `xs_set_global_quota`, `xs_set_domain_quota` | [`Client::set_quota`] |
//! | `xs_control_command`, `xs_debug_command` | [`Client::control`] |
//! | `xs_path_is_subpath` | [`Path::is_below`] |
//! | `xs_daemon_socket` | `transport::SOCKET` |
//! | `xs_restrict` | none: xenstored does not support it any more |
//! | `xs_write_all`, `xs_daemon_rundir`, `xs_suspend_evtchn_port` | none: not about the protocol |
//!
//! Upstream: `docs/misc/xenstore.txt`, `docs/misc/xenstore-ring.txt`, `xen/include/public/io/xs_wire.h`.

#[cfg(feature = "alloc")]
#[cfg_attr(docsrs, doc(cfg(feature = "alloc")))]
mod client;
mod page;
mod path;
mod permissions;
#[cfg(feature = "alloc")]
#[cfg_attr(docsrs, doc(cfg(feature = "alloc")))]
pub mod server;
pub mod transport;
pub mod wire;

#[cfg(feature = "alloc")]
pub use client::{
    Client, Connection, Error, Event, Incoming, MAX_EVENTS, ProtocolError, Reply, RequestId, Store,
    Transaction,
};
pub use path::{ABSOLUTE_MAX, Path, PathError, RELATIVE_MAX, ToPath};
pub use permissions::{Access, Permission, Permissions};
pub use transport::Transport;
#[cfg(all(feature = "std", unix))]
pub use transport::open;
