//! Which system calls fail.

use nix::errno::Errno;

use super::call::Call;

/// A call that fails.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// Of the calls within windows, from 0 on.
    nth: usize,
    errno: Errno,
    /// Every later call with the same signature fails too.
    always: bool,
    /// The call that has failed, if one has.
    hit: Option<String>,
}

/// What a fault does to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) errno: Errno,
    /// The call is performed nevertheless: a close that fails has closed the descriptor.
    pub(crate) performed: bool,
}

impl Fault {
    pub(crate) fn new(nth: usize, errno: Errno, always: bool) -> Self {
        Self { nth, errno, always, hit: None }
    }

    /// The failure of the `nth` call, if it fails.
    pub(crate) fn strikes(&mut self, nth: usize, call: &Call) -> Option<Failure> {
        let signature = call.signature();
        let again = self.always && self.hit.as_deref() == Some(&signature);
        if nth != self.nth && !again {
            return None;
        }
        self.hit = Some(signature);
        Some(Failure { errno: self.errno, performed: call.name == "close" })
    }
}
