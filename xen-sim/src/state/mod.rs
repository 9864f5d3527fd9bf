//! What Xen knows: the machine's memory, its domains, and for each its address space, grant table
//! and event channels.
//!
//! Everything here is data and what keeps it consistent. Hypercalls are in the modules beside this
//! one, which add their operations to [`State`].

mod address_space;
pub(crate) mod console_ring;
pub(crate) mod domain;
pub(crate) mod faults;
pub(crate) mod fifo;
pub(crate) mod frames;
pub(crate) mod grant_table;
pub(crate) mod guest_access;
pub(crate) mod ioreq;
pub(crate) mod maptrack;
pub(crate) mod memory_map;
pub(crate) mod p2m;
mod page_alloc;
pub(crate) mod pins;
pub(crate) mod ports;
pub(crate) mod vcpu;
pub(crate) mod vnuma;

use std::collections::BTreeMap;
use std::time::Instant;

use xen_abi::errno::*;
use xen_abi::xen::{DOMID_SELF, domid_t};

use crate::config::{Release, Xsm};
use crate::error::Answer;
use crate::state::console_ring::ConsoleRing;
use crate::state::domain::DomainState;
use crate::state::frames::Frames;

/// Everything that the hypervisor knows.
pub(crate) struct State {
    pub(crate) release: Release,
    pub(crate) xsm: Xsm,
    pub(crate) frames: Frames,
    pub(crate) domains: BTreeMap<u16, DomainState>,
    pub(crate) console: ConsoleRing,
    /// Memory that devices claim: first frame and number of frames.
    pub(crate) reserved: Vec<(u64, u64)>,
    /// The arguments by which Xen continues the hypercall that it has just interrupted.
    pub(crate) continuation: Option<[usize; 5]>,
    /// When the machine was started: Xen's time counts from there.
    started: Instant,
    /// When the next timer expires in this time, if one is set.
    next_timer: Option<u64>,
    /// Mistakes of guests that no hypercall reports: a page freed while another domain maps it.
    pub(crate) violations: Vec<String>,
}

impl State {
    /// A machine without domains.
    pub(crate) fn new(release: Release, xsm: Xsm, frames: Frames) -> Self {
        Self {
            release,
            xsm,
            frames,
            domains: BTreeMap::new(),
            console: ConsoleRing::new(release),
            reserved: Vec::new(),
            continuation: None,
            started: Instant::now(),
            next_timer: None,
            violations: Vec::new(),
        }
    }

    /// Nanoseconds since the machine was started.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Whether the caller's hypercall is interrupted that has executed `done` elements. It is
    /// continued with `command`, and with what is at `at` from then on, of which there are `count`.
    pub(crate) fn interrupts(
        &mut self,
        caller: domid_t,
        done: usize,
        [command, at, count]: [usize; 3],
    ) -> bool {
        let interrupts = self.caller_mut(caller).faults.take_interrupt(done);
        if interrupts {
            self.continuation = Some([command, at, count, 0, 0]);
        }
        interrupts
    }

    /// The domain of that number, which may be dying.
    pub(crate) fn domain(&self, domid: domid_t) -> Option<&DomainState> {
        self.domains.get(&domid.0)
    }

    /// The domain of that number, which may be dying.
    pub(crate) fn domain_mut(&mut self, domid: domid_t) -> Option<&mut DomainState> {
        self.domains.get_mut(&domid.0)
    }

    /// The domain that makes the hypercall. It exists until the hypercall has returned.
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

    /// Checks that `domid` names an existing domain other than the caller.
    pub(crate) fn remote(&self, caller: domid_t, domid: domid_t) -> Answer<()> {
        if domid == DOMID_SELF || self.domain(domid).is_none() {
            return Err(XEN_ESRCH);
        }
        if domid == caller { Err(XEN_EPERM) } else { Ok(()) }
    }

    /// Whether `caller` may act on `target`: on itself, or as a privileged domain.
    pub(crate) fn may_target(&self, caller: domid_t, target: domid_t) -> bool {
        caller == target || self.caller(caller).privileged
    }

    /// Whether the security module lets `a` and `b` communicate when `caller` asks for it.
    pub(crate) fn may_deal(&self, caller: domid_t, a: domid_t, b: domid_t) -> bool {
        let privileged = |domid| self.domain(domid).is_some_and(|domain| domain.privileged);
        self.xsm == Xsm::Dummy || a == b || [caller, a, b].into_iter().any(privileged)
    }
}
