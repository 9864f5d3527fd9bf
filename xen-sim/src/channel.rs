//! A port as drivers use it.

use std::time::Duration;

use xen_ops::events::{EventChannel, Port};
use xen_ops::hypercall::Error;

use crate::Domain;

/// How long a wait without a timeout sleeps at a time.
const TURN: Duration = Duration::from_secs(1);

/// A port of a simulated domain, on which a driver waits.
#[derive(Debug)]
pub struct Channel {
    domain: Domain,
    port: Port<Domain>,
}

impl Channel {
    /// The channel of a port of `domain`.
    pub fn new(domain: &Domain, port: Port<Domain>) -> Self {
        Self { domain: domain.clone(), port }
    }

    /// The port.
    #[must_use = "the port stays the channel's"]
    pub fn port(&self) -> &Port<Domain> {
        &self.port
    }
}

impl EventChannel for Channel {
    type Error = Error;

    fn notify(&self) -> Result<(), Error> {
        self.port.notify()
    }

    fn wait(&self, timeout: Option<Duration>) -> Result<bool, Error> {
        if let Some(timeout) = timeout {
            return Ok(self.domain.wait(self.port.number(), timeout));
        }
        while !self.domain.wait(self.port.number(), TURN) {}
        Ok(true)
    }
}
