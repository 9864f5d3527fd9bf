//! The machine: the hypervisor's state under its one lock, and who is told of what happens.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use xen_abi::xen::domid_t;
use xen_ops::DomainId;
use xen_ops::page::Owner;

use crate::record::{ContinuationHook, Hook, HypercallRecord};
use crate::state::State;
use crate::xenstore::Xenstored;

/// How long a thread sleeps at most before it looks again.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// What all handles to a machine share.
pub(crate) struct Machine {
    state: Mutex<State>,
    /// Notified whenever an event may have become pending.
    events: Condvar,
    hook: RwLock<Option<Hook>>,
    continuation_hook: RwLock<Option<ContinuationHook>>,
    /// xenstored, if the machine has it.
    pub(crate) xenstored: Option<Xenstored>,
}

impl Machine {
    pub(crate) fn new(state: State, xenstored: Option<Xenstored>) -> Self {
        let (hook, continuation_hook) = (RwLock::new(None), RwLock::new(None));
        let state = Mutex::new(state);
        Self { state, events: Condvar::new(), hook, continuation_hook, xenstored }
    }

    /// The hypervisor's state, for as long as the guard lives.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A domain of this machine, which no other domain of the process equals while the machine exists.
    pub(crate) fn owner(&self, domid: domid_t) -> Owner {
        Owner { machine: std::ptr::from_ref(self).addr(), domid }
    }

    /// Wakes the threads that wait for an event.
    pub(crate) fn wake(&self) {
        self.events.notify_all();
    }

    /// Waits, without the lock, until `awake` is true, or for `timeout`. False after the timeout.
    pub(crate) fn sleep(
        &self,
        mut state: MutexGuard<'_, State>,
        timeout: Option<Duration>,
        awake: impl Fn(&State) -> bool,
    ) -> bool {
        let begin = Instant::now();
        loop {
            state.expire_timers();
            if awake(&state) {
                return true;
            }
            let left = match timeout {
                Some(timeout) => timeout.saturating_sub(begin.elapsed()),
                None => LONGEST_SLEEP,
            };
            if left.is_zero() {
                return false;
            }
            let left = state.until_timer().map_or(left, |timer| left.min(timer));
            state = match self.events.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Calls `hook` with each record from now on.
    pub(crate) fn set_hook(&self, hook: Hook) {
        *self.hook.write().unwrap_or_else(PoisonError::into_inner) = Some(hook);
    }

    /// Calls `hook` from now on whenever a hypercall was interrupted.
    pub(crate) fn set_continuation_hook(&self, hook: ContinuationHook) {
        *self.continuation_hook.write().unwrap_or_else(PoisonError::into_inner) = Some(hook);
    }

    /// Calls the hook for a hypercall of `caller` that was interrupted.
    pub(crate) fn tell_continuation(&self, caller: domid_t) {
        let hook = self.continuation_hook.read().unwrap_or_else(PoisonError::into_inner);
        if let (Some(hook), Ok(caller)) = (&*hook, DomainId::new(caller)) {
            hook(caller);
        }
    }

    /// Calls the hook with a record.
    pub(crate) fn tell(&self, record: &HypercallRecord) {
        let hook = self.hook.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(hook) = &*hook {
            hook(record);
        }
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Machine")
    }
}
