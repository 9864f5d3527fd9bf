//! The machine: its memory, its domains, and the hypervisor's one lock.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use xen_abi::xen::{DOMID_FIRST_RESERVED, DOMID_SELF, domid_t};

use crate::config::{CreateError, DomainConfig, Release, Xsm};
use crate::domain::Domain;
use crate::frames::Frames;
use crate::state::DomainState;
use crate::transcript::{Call, Hook};

/// A machine that runs Xen, with no domain yet.
///
/// Handles to it and to its domains can be cloned and sent to other threads. Hypercalls take one
/// lock, so that each happens at one moment; memory does not: guests and hypercalls read and write it
/// at the same time, atomically, as on a real machine.
///
/// ```
/// use xen_sim::{DomainConfig, GuestKind, Xen};
///
/// let xen = Xen::new();
/// let backend = xen.domain(DomainConfig::new(GuestKind::Pvh).privileged()).unwrap();
/// let frontend = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(16)).unwrap();
/// assert_ne!(backend.domid(), frontend.domid());
/// ```
#[derive(Clone, Debug)]
pub struct Xen {
    pub(crate) machine: Arc<Machine>,
}

/// A machine to be built.
#[derive(Clone, Debug)]
pub struct Builder {
    release: Release,
    xsm: Xsm,
    frames: usize,
    first_frame: u64,
}

/// What handles share.
pub(crate) struct Machine {
    state: Mutex<State>,
    /// Told whenever an event may have arrived.
    pub(crate) events: Condvar,
    hook: RwLock<Option<Hook>>,
}

/// Everything that the hypervisor knows.
pub(crate) struct State {
    pub(crate) release: Release,
    pub(crate) xsm: Xsm,
    pub(crate) frames: Frames,
    pub(crate) domains: BTreeMap<u16, DomainState>,
    /// Memory that devices claim: first frame and number of frames.
    pub(crate) reserved: Vec<(u64, u64)>,
    /// When the machine was started: Xen's time counts from there.
    pub(crate) started: Instant,
    /// What went wrong that no hypercall can tell: a page given back while somebody maps it.
    pub(crate) violations: Vec<String>,
}

impl Xen {
    /// A machine as [`builder`](Self::builder) gives it: the newest release, 65536 frames, no
    /// restriction on who deals with whom.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A machine with other properties.
    #[must_use]
    pub const fn builder() -> Builder {
        Builder { release: Release::V4_20, xsm: Xsm::Dummy, frames: 0x1_0000, first_frame: 0x1000 }
    }

    /// Creates a domain.
    ///
    /// # Errors
    ///
    /// [`CreateError`] says which: the number is taken or none, memory is short, or a limit of the
    /// grant table is one that Xen refuses.
    pub fn domain(&self, config: DomainConfig) -> Result<Domain, CreateError> {
        let mut state = self.machine.lock();
        let domid = state.new_domid(config.domid)?;
        let domain = DomainState::new(&mut state, domid, &config)?;
        state.domains.insert(domid.0, domain);
        drop(state);
        Ok(Domain { machine: Arc::clone(&self.machine), domid, kind: config.kind })
    }

    /// Notes memory that devices claim, `pages` from the frame number `start` on, for
    /// `XENMEM_reserved_device_memory_map` to tell of.
    pub fn reserve_device_memory(&self, start: u64, pages: u64) {
        self.machine.lock().reserved.push((start, pages));
    }

    /// Has `hook` told of each hypercall once it is done, from the thread that made it. There is one
    /// hook at a time.
    pub fn on_hypercall(&self, hook: impl Fn(&Call) + Send + Sync + 'static) {
        let mut place = self.machine.hook.write().unwrap_or_else(PoisonError::into_inner);
        *place = Some(Box::new(hook));
    }
}

impl Default for Xen {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// The release whose behaviour it has.
    #[must_use]
    pub const fn release(self, release: Release) -> Self {
        Self { release, ..self }
    }

    /// Who may deal with whom.
    #[must_use]
    pub const fn xsm(self, xsm: Xsm) -> Self {
        Self { xsm, ..self }
    }

    /// How many frames of memory there are for domains, besides Xen's own.
    #[must_use]
    pub const fn frames(self, frames: usize) -> Self {
        Self { frames, ..self }
    }

    /// The number of the first frame, above 0. From 2^32 up no frame fits an entry of a version 1
    /// grant table.
    #[must_use]
    pub const fn first_frame(self, frame: u64) -> Self {
        Self { first_frame: frame, ..self }
    }

    /// The machine.
    #[must_use]
    pub fn build(self) -> Xen {
        // Frame numbers stay such that their addresses in bytes fit 64 bits.
        let first = self.first_frame.clamp(1, 1 << 40);
        let state = State {
            release: self.release,
            xsm: self.xsm,
            frames: Frames::new(first, self.frames),
            domains: BTreeMap::new(),
            reserved: Vec::new(),
            started: Instant::now(),
            violations: Vec::new(),
        };
        let machine =
            Machine { state: Mutex::new(state), events: Condvar::new(), hook: RwLock::new(None) };
        Xen { machine: Arc::new(machine) }
    }
}

impl Machine {
    /// The hypervisor, for as long as the guard lives.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, call: &Call) {
        let hook = self.hook.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(hook) = &*hook {
            hook(call);
        }
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Machine")
    }
}

impl State {
    fn new_domid(&self, wanted: Option<domid_t>) -> Result<domid_t, CreateError> {
        match wanted {
            Some(domid) if domid >= DOMID_FIRST_RESERVED => Err(CreateError::NoDomid),
            Some(domid) if self.domains.contains_key(&domid.0) => Err(CreateError::Exists(domid)),
            Some(domid) => Ok(domid),
            None => (1..DOMID_FIRST_RESERVED.0)
                .find(|domid| !self.domains.contains_key(domid))
                .map(domid_t)
                .ok_or(CreateError::NoDomid),
        }
    }

    /// The domain of that number, which may be dying.
    pub(crate) fn domain(&self, domid: domid_t) -> Option<&DomainState> {
        self.domains.get(&domid.0)
    }

    /// The domain of that number, which may be dying.
    pub(crate) fn domain_mut(&mut self, domid: domid_t) -> Option<&mut DomainState> {
        self.domains.get_mut(&domid.0)
    }

    /// The domain that makes the hypercall. Nothing takes it away meanwhile.
    pub(crate) fn caller(&self, caller: domid_t) -> &DomainState {
        self.domain(caller).expect("a domain that makes a hypercall exists")
    }

    /// The domain that makes the hypercall.
    pub(crate) fn caller_mut(&mut self, caller: domid_t) -> &mut DomainState {
        self.domain_mut(caller).expect("a domain that makes a hypercall exists")
    }

    /// The existing domain that `domid` names, by its number or as `DOMID_SELF`.
    pub(crate) fn any_domid(&self, caller: domid_t, domid: domid_t) -> Option<domid_t> {
        let domid = if domid == DOMID_SELF { caller } else { domid };
        self.domains.contains_key(&domid.0).then_some(domid)
    }

    /// Whether `caller` may act on `target`: on itself, or as a privileged domain.
    pub(crate) fn may_target(&self, caller: domid_t, target: domid_t) -> bool {
        caller == target || self.caller(caller).privileged
    }

    /// Whether the security module lets `a` and `b` deal with each other at `caller`'s wish.
    pub(crate) fn may_deal(&self, caller: domid_t, a: domid_t, b: domid_t) -> bool {
        let privileged = |domid| self.domain(domid).is_some_and(|domain| domain.privileged);
        self.xsm == Xsm::Dummy || a == b || [caller, a, b].into_iter().any(privileged)
    }
}
