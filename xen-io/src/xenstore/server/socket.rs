//! A server on a unix socket.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;
use std::vec::Vec;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::{ConnectionId, Server};

/// Clients that are served at the same time. Further ones wait.
pub const MAX_CLIENTS: usize = 256;

/// Steps for one client before it is another's turn.
const MAX_STEPS: usize = 64;

/// A [`Server`] on a unix socket. Every program that can connect to it has the permissions of the control domain, so
/// its directory has to be the control domain's own.
#[derive(Debug)]
pub struct SocketServer {
    server: Server,
    listener: UnixListener,
    clients: BTreeMap<ConnectionId, UnixStream>,
}

impl SocketServer {
    /// Listens at `path`, which must not exist.
    ///
    /// # Errors
    ///
    /// What the system says: the path exists, or cannot be made.
    pub fn bind(server: Server, path: impl AsRef<Path>) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        Ok(Self { server, listener, clients: BTreeMap::new() })
    }

    /// The server.
    pub const fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    /// Waits until something is to be done, for at most `timeout`, and does it.
    ///
    /// # Errors
    ///
    /// What the system says about the socket itself. A client that fails is disconnected.
    pub fn serve_once(&mut self, timeout: Duration) -> io::Result<()> {
        let ids: Vec<ConnectionId> = self.clients.keys().copied().collect();
        let accepts = self.clients.len() < MAX_CLIENTS;
        let mut polled = Vec::with_capacity(self.clients.len() + 1);
        for (id, stream) in &self.clients {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, self.server.is_ready(*id));
            flags.set(PollFlags::OUT, !self.server.output(*id).is_empty());
            polled.push(PollFd::new(stream, flags));
        }
        if accepts {
            polled.push(PollFd::new(&self.listener, PollFlags::IN));
        }
        let timeout = Timespec::try_from(timeout).ok();
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
        let ready: Vec<bool> = polled.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(polled);
        for (id, ready) in ids.iter().zip(&ready) {
            if *ready && self.serve_client(*id).is_err() {
                self.clients.remove(id);
                self.server.disconnect(*id);
            }
        }
        if accepts && ready.last() == Some(&true) {
            self.accept()?;
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        match self.listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                let control = self.server.control;
                let id = self.server.connect(control);
                self.clients.insert(id, stream);
                Ok(())
            }
            // The client has gone again.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionAborted
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Sends and receives what is possible now. An error ends the connection.
    fn serve_client(&mut self, id: ConnectionId) -> io::Result<()> {
        let Some(mut stream) = self.clients.get(&id) else { return Ok(()) };
        // Others wait meanwhile, so not without end.
        for _ in 0..MAX_STEPS {
            let mut moved = false;
            while !self.server.output(id).is_empty() {
                match or_nothing(stream.write(self.server.output(id)))? {
                    Some(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Some(count) => self.server.sent(id, count),
                    None => break,
                }
                moved = true;
            }
            if self.server.is_ready(id) {
                let mut bytes = [0; 4096];
                let space = self.server.space(id).min(bytes.len());
                match or_nothing(stream.read(&mut bytes[..space]))? {
                    Some(0) if space > 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Some(count) => {
                        let result = self.server.receive(id, &bytes[..count]);
                        result.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
                        moved = true;
                    }
                    None => {}
                }
            }
            if !moved {
                break;
            }
        }
        Ok(())
    }
}

fn or_nothing(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        result => result.map(Some),
    }
}
