//! A driver that waits on several ports, which is the same text in a kernel, on Linux and in the simulator.

use core::fmt;
use core::time::Duration;

use xen_abi::event_channel::evtchn_port_t;
use xen_ops::events::EventChannelSet;

/// How many pairs of ports [`drive`] needs.
pub const PAIRS: usize = 3;

/// Answers each event of a set, until none comes within `patience`. Returns how often each port had one.
fn serve<S: EventChannelSet>(
    set: &mut S,
    ports: [evtchn_port_t; PAIRS],
    patience: Duration,
) -> Result<[u32; PAIRS], S::Error> {
    let mut counts = [0; PAIRS];
    while let Some(port) = set.wait_any(Some(patience))? {
        let at = ports.iter().position(|own| *own == port);
        if let Some(count) = at.and_then(|at| counts.get_mut(at)) {
            *count += 1;
        }
        set.notify(port)?;
    }
    Ok(counts)
}

/// What came of [`drive`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Driven {
    is_idle: bool,
    events: [u32; PAIRS],
    answers: [u32; PAIRS],
    came_again: bool,
    has_turns: bool,
}

impl Driven {
    /// The results, each with its name.
    pub fn steps(&self, mut step: impl FnMut(&str, &dyn fmt::Display)) {
        step("no event", &self.is_idle);
        step("events, of ports with one, none and two", &Counts(self.events));
        step("answers", &Counts(self.answers));
        step("an event while the last one is handled", &self.came_again);
        step("a busy port leaves the others their turns", &self.has_turns);
    }
}

/// Drives two sets whose ports are connected, each of the first one with the one at its place in the second.
/// An event is seen within `patience`.
///
/// # Errors
///
/// Those of the sets.
pub fn drive<S: EventChannelSet>(
    [own, other]: [&mut S; 2],
    [ports, others]: [[evtchn_port_t; PAIRS]; 2],
    patience: Duration,
) -> Result<Driven, S::Error> {
    let mut driven = Driven::default();
    // A port that was bound has an event at once.
    for set in [&mut *own, &mut *other] {
        while set.wait_any(Some(patience))?.is_some() {}
    }
    driven.is_idle = own.wait_any(Some(Duration::ZERO))?.is_none();
    for at in [2, 0, 2] {
        other.notify(others[at])?;
    }
    driven.events = serve(own, ports, patience)?;
    while let Some(port) = other.wait_any(Some(patience))? {
        let at = others.iter().position(|own| *own == port);
        driven.answers[at.unwrap_or(0)] += 1;
    }

    // An event that comes after its port was returned, and before it is looked at.
    other.notify(others[1])?;
    let first = own.wait_any(None)?;
    other.notify(others[1])?;
    let again = own.wait_any(Some(patience))?;
    driven.came_again = first == again && first == Some(ports[1]);

    // One port has an event each time, and the others are returned all the same.
    for port in others {
        other.notify(port)?;
    }
    let mut seen = [false; PAIRS];
    for _ in 0..2 * PAIRS {
        let Some(port) = own.wait_any(Some(patience))? else { break };
        seen[ports.iter().position(|own| *own == port).unwrap_or(0)] = true;
        other.notify(others[0])?;
    }
    driven.has_turns = seen == [true; PAIRS];
    Ok(driven)
}

/// Numbers with spaces between them.
struct Counts([u32; PAIRS]);

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third] = self.0;
        write!(f, "{first} {second} {third}")
    }
}
