//! Several clients of one server at the same time.

use std::cell::{RefCell, RefMut};
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use xen_io::xenstore::server::{ConnectionId, Server, ServerConfig};
use xen_io::xenstore::wire::{ErrorName, PayloadTooLong};
use xen_io::xenstore::{Client, Error, Permission, Store, Transport};
use xen_ops::xen_abi::xen::domid_t;

/// A server that several clients share.
#[derive(Clone, Debug)]
pub struct World(Rc<RefCell<Server>>);

/// A client's connection to a [`World`].
#[derive(Debug)]
pub struct Pipe {
    world: World,
    pub id: ConnectionId,
}

pub type TestClient = Client<Pipe>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipeError {
    /// The client waits for something that nothing sends.
    Hangs,
    TooLong(PayloadTooLong),
}

impl World {
    pub fn new() -> Self {
        Self::with(ServerConfig::default())
    }

    pub fn with(config: ServerConfig) -> Self {
        Self(Rc::new(RefCell::new(Server::new(config))))
    }

    pub fn server(&self) -> RefMut<'_, Server> {
        self.0.borrow_mut()
    }

    /// A client of the control domain.
    pub fn control(&self) -> TestClient {
        let id = self.server().connect(domid_t(0));
        Client::new(Pipe { world: self.clone(), id })
    }

    /// A domain that is introduced, with a directory of its own as toolstacks make it.
    pub fn domain(&self, domid: u16) -> TestClient {
        let home = format!("/local/domain/{domid}");
        let mut control = self.control();
        control.mkdir(&home).unwrap();
        control.set_permissions(&home, &[Permission::none(domid_t(domid))]).unwrap();
        let id = self.server().introduce(domid_t(domid)).unwrap();
        Client::new(Pipe { world: self.clone(), id })
    }

    /// The server's own check.
    #[track_caller]
    pub fn check(&self) {
        self.server().check().unwrap();
    }
}

impl Transport for Pipe {
    type Error = PipeError;

    fn send(&mut self, bytes: &[u8]) -> Result<usize, PipeError> {
        self.world.server().receive(self.id, bytes).map_err(PipeError::TooLong)
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, PipeError> {
        let mut server = self.world.server();
        let output = server.output(self.id);
        let count = output.len().min(into.len());
        into[..count].copy_from_slice(&output[..count]);
        server.sent(self.id, count);
        Ok(count)
    }

    fn wait(&mut self, _: bool, timeout: Option<Duration>) -> Result<bool, PipeError> {
        if timeout.is_some() { Ok(false) } else { Err(PipeError::Hangs) }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.world.server().disconnect(self.id);
    }
}

impl fmt::Display for PipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for PipeError {}

/// The paths of the events that have come.
pub fn events(client: &mut TestClient) -> Vec<String> {
    let mut paths = Vec::new();
    while let Some(event) = client.wait_event(Some(Duration::ZERO)).unwrap() {
        paths.push(event.path().to_owned());
    }
    paths
}

/// Why xenstored refused.
#[track_caller]
pub fn refused<T: fmt::Debug, E: fmt::Debug>(result: Result<T, Error<E>>) -> ErrorName {
    result.unwrap_err().refused().expect("an error of xenstored's")
}

/// A transport that answers from a list, each answer for one request.
#[derive(Debug, Default)]
pub struct Script {
    /// Answers: type and payload. The request's id is put in.
    pub answers: std::collections::VecDeque<Vec<(u32, Vec<u8>)>>,
    /// What the client has sent.
    pub requests: Vec<(u32, Vec<u8>)>,
    input: Vec<u8>,
}

impl Script {
    pub fn new<const N: usize>(answers: [Vec<(u32, &[u8])>; N]) -> Self {
        let owned = |answer: Vec<(u32, &[u8])>| {
            answer.into_iter().map(|(kind, payload)| (kind, payload.to_vec())).collect()
        };
        Self { answers: answers.into_iter().map(owned).collect(), ..Self::default() }
    }
}

impl Transport for Script {
    type Error = Infallible;

    fn send(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        self.requests.push((word(0), bytes[16..].to_vec()));
        for (kind, payload) in self.answers.pop_front().expect("an answer") {
            let id = if kind == 15 { 0 } else { word(4) };
            for word in [kind, id, word(8), payload.len() as u32] {
                self.input.extend(word.to_le_bytes());
            }
            self.input.extend(payload);
        }
        Ok(bytes.len())
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        let count = self.input.len().min(into.len());
        into[..count].copy_from_slice(&self.input[..count]);
        self.input.drain(..count);
        Ok(count)
    }

    fn wait(&mut self, _: bool, timeout: Option<Duration>) -> Result<bool, Infallible> {
        assert!(timeout.is_some(), "the client waits for something that nothing sends");
        Ok(false)
    }
}
