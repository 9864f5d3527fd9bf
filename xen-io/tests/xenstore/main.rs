//! xenstore: messages, client, server and the page between them.

#![allow(unreachable_pub, reason = "modules of one test share helpers")]

mod advisories;
mod client;
mod hostile;
mod quotas;
mod ring;
mod server;
mod socket;
mod support;
mod transactions;
mod watches;
mod wire;
