//! The page that a domain shares with the server, as the server uses it.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use xen_ops::xen_abi::io::xs_wire::{XENSTORE_CONNECTED, XENSTORE_ERROR_NONE, XENSTORE_RECONNECT};
use xen_ops::xen_abi::xen::domid_t;
use xen_ops::{ReadWrite, View};

use super::{ConnectionId, Server};
use crate::error::BadIndex;
use crate::stream::xenstore::SERVER;
use crate::xenstore::page::{self, CONNECTION, ERROR, PageStream, RING_SIZE, SERVER_FEATURES};
use crate::xenstore::transport::ServerError;

/// The server's end of a domain's page.
///
/// Call [`serve`](Self::serve) for every page after each event, and after each call that may have caused
/// events for other domains.
#[derive(Debug)]
pub struct ServerRing<'p> {
    connection: ConnectionId,
    page: View<'p, ReadWrite>,
    /// None if the domain broke the protocol: nothing until it reconnects.
    stream: Option<PageStream<'p>>,
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

impl<'p> ServerRing<'p> {
    /// Attaches to the page of a domain that was introduced, and offers it the features that it may use. A
    /// domain that waits for xenstored is told that it is there. Send an event then.
    #[must_use]
    pub fn attach(
        server: &Server,
        domid: domid_t,
        connection: ConnectionId,
        page: View<'p, ReadWrite>,
    ) -> Self {
        page.at(SERVER_FEATURES).store(server.features(domid), Relaxed);
        Self { connection, page, stream: connect(page) }
    }

    /// Moves bytes both ways, but not without end, since other domains wait.
    ///
    /// It never fails: a domain that breaks the protocol is stopped, which its page says, and starts anew
    /// when it reconnects.
    pub fn serve(&mut self, server: &mut Server) -> Served {
        let mut changed = false;
        if self.page.at(CONNECTION).load(Acquire) == XENSTORE_RECONNECT {
            server.reset(self.connection);
            SERVER.incoming.clear(&self.page);
            SERVER.outgoing.clear(&self.page);
            self.stream = connect(self.page);
            changed = true;
        }
        let mut steps = 0;
        while let Some(stream) = self.stream.as_mut().filter(|_| steps < MAX_STEPS) {
            steps += 1;
            match step(stream, server, self.connection) {
                Ok(0) => break,
                Ok(_) => changed = true,
                Err(error) => {
                    server.reset(self.connection);
                    self.stream = None;
                    self.page.at(ERROR).store(error.field(), Release);
                    changed = true;
                }
            }
        }
        Served { notify: changed, again: steps == MAX_STEPS }
    }
}

/// Says in the page that there is a connection. None if the domain's indices are wrong, which the page
/// then says.
fn connect(page: View<'_, ReadWrite>) -> Option<PageStream<'_>> {
    let stream = page::attach(page, SERVER).map_err(bad_index);
    let error = stream.as_ref().err().map_or(XENSTORE_ERROR_NONE, |error| error.field());
    page.at(ERROR).store(error, Relaxed);
    page.at(CONNECTION).store(XENSTORE_CONNECTED, Release);
    stream.ok()
}

/// Moves some bytes, and returns how many.
fn step(
    stream: &mut PageStream<'_>,
    server: &mut Server,
    connection: ConnectionId,
) -> Result<usize, ServerError> {
    let mut moved = 0;
    if server.is_ready(connection) {
        let mut bytes = [0; RING_SIZE];
        // As many as the server takes for sure: one message may be all that it does.
        let space = server.space(connection).min(bytes.len());
        let count = stream.read(&mut bytes[..space]).map_err(bad_index)?.bytes;
        server.receive(connection, &bytes[..count]).map_err(|_| ServerError::Protocol)?;
        moved += count;
    }
    let output = server.output(connection);
    if !output.is_empty() {
        let count = stream.write(output).map_err(bad_index)?.bytes;
        server.sent(connection, count);
        moved += count;
    }
    Ok(moved)
}

fn bad_index(_: BadIndex) -> ServerError {
    ServerError::RingIndex
}
