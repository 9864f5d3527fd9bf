//! A port as drivers use it.

use core::time::Duration;

use xen_ops::events::{EventChannel, NoSuchPort, Port, TwoLevel};
use xen_ops::hypercall::{Error, sched_op};

use crate::backend::Backend;
use crate::time::Clock;

/// A port of this kernel's, on which a driver waits. It needs no interrupt.
///
/// The port is masked, so that a walk of [`TwoLevel::receive`] leaves its events to the channel.
#[derive(Debug)]
pub struct Channel<'c> {
    xen: Backend,
    port: Port<Backend>,
    events: TwoLevel<'static>,
    clock: &'c Clock,
}

impl<'c> Channel<'c> {
    /// The channel of a port; `clock` measures timeouts.
    ///
    /// # Errors
    ///
    /// [`NoSuchPort`]: the port is beyond the 2-level ABI. It is closed.
    pub fn new(
        xen: Backend,
        port: Port<Backend>,
        events: TwoLevel<'static>,
        clock: &'c Clock,
    ) -> Result<Self, NoSuchPort> {
        events.mask(port.number())?;
        Ok(Self { xen, port, events, clock })
    }

    /// The port.
    pub const fn port(&self) -> &Port<Backend> {
        &self.port
    }

    fn take(&self) -> bool {
        // The port was looked up when the channel was made.
        self.events.take(self.port.number()).unwrap_or(false)
    }
}

impl EventChannel for Channel<'_> {
    type Error = Error;

    fn notify(&self) -> Result<(), Error> {
        self.port.notify()
    }

    /// Without a timeout the vCPU sleeps until an event is pending (`SCHEDOP_poll`). With one it yields until
    /// then, since only x86 can compute the deadline as Xen counts time.
    fn wait(&self, timeout: Option<Duration>) -> Result<bool, Error> {
        let Some(timeout) = timeout else {
            while !self.take() {
                sched_op::poll(&self.xen, &[self.port.number()], 0)?;
            }
            return Ok(true);
        };
        let timeout = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        let deadline = self.clock.now().saturating_add(timeout);
        loop {
            if self.take() {
                return Ok(true);
            }
            if self.clock.now() >= deadline {
                return Ok(false);
            }
            sched_op::yield_(&self.xen)?;
        }
    }
}
