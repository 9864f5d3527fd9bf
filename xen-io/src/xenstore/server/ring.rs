//! The page that a domain shares with the server, as the server uses it.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use xen_ops::xen_abi::io::xs_wire::{XENSTORE_CONNECTED, XENSTORE_ERROR_NONE, XENSTORE_RECONNECT};
use xen_ops::xen_abi::xen::domid_t;
use xen_ops::{ReadWrite, View};

use super::{ConnectionId, Server};
use crate::xenstore::ring::{
    BadIndex, CONNECTION, ERROR, REPLIES, REQUESTS, RING_SIZE, Reader, SERVER_FEATURES, Writer,
    clear,
};
use crate::xenstore::transport::ServerError;

/// The server's end of a domain's page.
///
/// Call [`serve`](Self::serve) for every page after each event, and after each call that may have caused
/// events for other domains.
#[derive(Clone, Debug)]
pub struct ServerRing {
    connection: ConnectionId,
    requests: Reader,
    replies: Writer,
    /// The domain broke the protocol: nothing until it reconnects.
    stopped: bool,
}

/// What [`ServerRing::serve`] has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// Something in the page has changed: send the domain an event.
    pub notify: bool,
    /// There may be more to do: call it again, when it was the others' turn.
    pub again: bool,
}

/// Steps for one domain before it is another's turn.
const MAX_STEPS: usize = 256;

impl ServerRing {
    /// Attaches to the page of a domain that was introduced, and offers it the features that it may use. A
    /// domain that waits for xenstored is told that it is there. Send an event then.
    #[must_use]
    pub fn attach(
        server: &Server,
        domid: domid_t,
        connection: ConnectionId,
        page: View<'_, ReadWrite>,
    ) -> Self {
        page.at(ERROR).store(XENSTORE_ERROR_NONE, Relaxed);
        page.at(SERVER_FEATURES).store(server.features(domid), Relaxed);
        page.at(CONNECTION).store(XENSTORE_CONNECTED, Release);
        let (requests, replies) = (Reader::attach(REQUESTS, page), Writer::attach(REPLIES, page));
        Self { connection, requests, replies, stopped: false }
    }

    /// Moves bytes both ways, but not without end, since other domains wait.
    ///
    /// It never fails: a domain that breaks the protocol is stopped, which its page says, and starts anew
    /// when it reconnects.
    pub fn serve(&mut self, server: &mut Server, page: View<'_, ReadWrite>) -> Served {
        let mut changed = false;
        if page.at(CONNECTION).load(Acquire) == XENSTORE_RECONNECT {
            server.reset(self.connection);
            clear(page);
            self.requests = Reader::attach(REQUESTS, page);
            self.replies = Writer::attach(REPLIES, page);
            self.stopped = false;
            page.at(ERROR).store(XENSTORE_ERROR_NONE, Relaxed);
            page.at(CONNECTION).store(XENSTORE_CONNECTED, Release);
            changed = true;
        }
        let mut steps = 0;
        while !self.stopped && steps < MAX_STEPS {
            steps += 1;
            match self.step(server, page) {
                Ok(0) => break,
                Ok(_) => changed = true,
                Err(error) => {
                    server.reset(self.connection);
                    self.stopped = true;
                    page.at(ERROR).store(error.field(), Release);
                    changed = true;
                }
            }
        }
        Served { notify: changed, again: steps == MAX_STEPS }
    }

    /// Moves some bytes, and returns how many.
    fn step(
        &mut self,
        server: &mut Server,
        page: View<'_, ReadWrite>,
    ) -> Result<usize, ServerError> {
        let bad_index = |_: BadIndex| ServerError::RingIndex;
        let mut moved = 0;
        if server.is_ready(self.connection) {
            let mut bytes = [0; RING_SIZE];
            // As many as the server takes for sure: one message may be all that it does.
            let space = server.space(self.connection).min(bytes.len());
            let count = self.requests.read(page, &mut bytes[..space]).map_err(bad_index)?;
            let result = server.receive(self.connection, &bytes[..count]);
            result.map_err(|_| ServerError::Protocol)?;
            moved += count;
        }
        let output = server.output(self.connection);
        if !output.is_empty() {
            let count = self.replies.write(page, output).map_err(bad_index)?;
            server.sent(self.connection, count);
            moved += count;
        }
        Ok(moved)
    }
}
