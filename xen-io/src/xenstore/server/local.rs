//! A connection within the program.

use core::fmt;
use core::time::Duration;

use xen_ops::xen_abi::xen::domid_t;

use super::{ConnectionId, Server};
use crate::xenstore::Transport;
use crate::xenstore::wire::PayloadTooLong;

/// A connection to a server in the same program, as a client's transport; [`Server::local`] returns it.
/// Dropping it closes the connection.
#[derive(Debug)]
pub struct Local<'s> {
    server: &'s mut Server,
    id: ConnectionId,
}

/// Why a [`Local`] failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalError {
    /// Nothing is there to be received, and nothing can come while this client has the server.
    WouldBlock,
    /// The server has stopped the connection.
    Stopped(PayloadTooLong),
}

impl Server {
    /// A connection that has the permissions of a domain, for a client in the same program: a toolstack's
    /// own, or a test's.
    pub fn local(&mut self, domid: domid_t) -> Local<'_> {
        let id = self.connect(domid);
        Local { server: self, id }
    }
}

impl Local<'_> {
    /// The server.
    pub const fn server(&mut self) -> &mut Server {
        self.server
    }
}

impl Transport for Local<'_> {
    type Error = LocalError;

    fn send(&mut self, bytes: &[u8]) -> Result<usize, LocalError> {
        self.server.receive(self.id, bytes).map_err(LocalError::Stopped)
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, LocalError> {
        let output = self.server.output(self.id);
        let count = output.len().min(into.len());
        into[..count].copy_from_slice(&output[..count]);
        self.server.sent(self.id, count);
        Ok(count)
    }

    /// With a time limit it returns false at once.
    fn wait(&mut self, _sending: bool, timeout: Option<Duration>) -> Result<bool, LocalError> {
        match timeout {
            Some(_) => Ok(false),
            None => Err(LocalError::WouldBlock),
        }
    }
}

impl Drop for Local<'_> {
    fn drop(&mut self) {
        self.server.disconnect(self.id);
    }
}

impl fmt::Display for LocalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldBlock => f.write_str("nothing to receive, and nothing can come"),
            Self::Stopped(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for LocalError {}
