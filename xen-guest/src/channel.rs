//! A port as drivers use it.

use core::time::Duration;

use xen_abi::event_channel::evtchn_port_t;
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

    /// The vCPU sleeps until an event is pending (`SCHEDOP_poll`). On Arm it yields until then if there is a
    /// timeout, since only x86 can compute the deadline as Xen counts time.
    fn wait(&self, timeout: Option<Duration>) -> Result<bool, Error> {
        let take = || self.take().then_some(());
        wait_for(&self.xen, self.clock, &[self.port.number()], timeout, take)
            .map(|taken| taken.is_some())
    }
}

/// What `take` returns once it returns something; `None` after the timeout. Meanwhile the vCPU sleeps until
/// one of the ports has an event.
pub(crate) fn wait_for<T>(
    xen: &Backend,
    clock: &Clock,
    ports: &[evtchn_port_t],
    timeout: Option<Duration>,
    mut take: impl FnMut() -> Option<T>,
) -> Result<Option<T>, Error> {
    let nanoseconds = |timeout: Duration| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
    let deadline = timeout.map(|timeout| clock.now().saturating_add(nanoseconds(timeout)));
    loop {
        if let Some(taken) = take() {
            return Ok(Some(taken));
        }
        match deadline {
            None => sched_op::poll(xen, ports, 0)?,
            Some(deadline) if clock.now() >= deadline => return Ok(None),
            // What Xen calls no timeout is 0.
            Some(deadline) if cfg!(any(target_arch = "x86_64", target_arch = "x86")) => {
                sched_op::poll(xen, ports, deadline.max(1))?;
            }
            Some(_) => sched_op::yield_(xen)?,
        }
    }
}
