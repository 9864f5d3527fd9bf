//! A domain: the hypercalls and the memory of its guest, and what the toolstack does to it.

#![allow(unsafe_code, reason = "implements the trait that issues hypercalls")]

use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::xen::{
    __HYPERVISOR_event_channel_op, __HYPERVISOR_multicall, __HYPERVISOR_sched_op, domid_t,
    xen_pfn_t,
};
use xen_ops::DomainId;
use xen_ops::gnttab::PageAllocator;
use xen_ops::hypercall::Hypercall;
use xen_ops::page::{Exhausted, Owner};

use crate::abi::{pfn, pfn_to_u64};
use crate::config::GuestKind;
use crate::faults::Faults;
use crate::machine::Machine;
use crate::page::{GuestPage, GuestTarget, RawTable};
use crate::state::State;
use crate::state::vnuma::VnumaTopology;

/// A domain: a hypervisor for its guest's code, and what a test asks about it.
///
/// Clones are handles to the same domain. It makes the hypercalls `grant_table_op`, `memory_op`,
/// `event_channel_op`, `vcpu_op`, `set_timer_op`, `vm_assist` and `multicall`, those operations of `sched_op`,
/// `xen_version`, `console_io`, `hvm_op` and `physdev_op` that guests with grants use, what `domctl` and
/// `sysctl` read and `dm_op` does with ioreq servers, and in PV guests `update_va_mapping` for the addresses
/// of [`target`](Self::target)s. All others return `-ENOSYS`.
///
/// Addresses in arguments are addresses in this process, and have to be valid for what the
/// hypercall does. Null, and addresses that [`Faults::absent`] names, give `-EFAULT`.
#[derive(Clone, Debug)]
pub struct Domain {
    pub(crate) machine: Arc<Machine>,
    pub(crate) domid: domid_t,
    pub(crate) kind: GuestKind,
}

// SAFETY: the simulator does what Xen does: it reads and writes arguments before the call returns,
// and other memory as the hypercall is documented to.
unsafe impl Hypercall for Domain {
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        let result = self.machine.hypercall(self.domid, number, arguments);
        if matches!(
            number,
            __HYPERVISOR_event_channel_op | __HYPERVISOR_sched_op | __HYPERVISOR_multicall
        ) {
            self.run_xenstored();
        }
        result
    }

    fn owner(&self) -> Option<Owner> {
        Some(self.machine.owner(self.domid))
    }
}

impl Domain {
    /// The domain id.
    #[must_use]
    pub fn domid(&self) -> DomainId {
        DomainId::new(self.domid).expect("the machine numbers domains below the reserved ids")
    }

    /// The kind of guest.
    #[must_use]
    pub fn kind(&self) -> GuestKind {
        self.kind
    }

    /// An unused page of the domain's memory, cleared. It is unused again when the value is
    /// dropped. `None` if all pages are in use.
    #[must_use]
    pub fn page(&self) -> Option<GuestPage> {
        let (frame, mfn, address) = self.machine.lock().take_unused(self.domid)?;
        let machine = Arc::clone(&self.machine);
        Some(GuestPage { machine, domid: self.domid, frame: pfn(frame), mfn, address })
    }

    /// A place to map a frame at: an unpopulated guest frame, or an unused virtual page of a PV
    /// guest. No two targets of a domain have the same place.
    #[must_use]
    pub fn target(&self) -> GuestTarget {
        let mut state = self.machine.lock();
        let number = state.domain_mut(self.domid).map_or(0, |domain| domain.new_target());
        drop(state);
        let machine = Arc::clone(&self.machine);
        let translated = self.kind.is_translated();
        GuestTarget { machine, domid: self.domid, translated, number }
    }

    /// The memory of the grant table, to read and write entries without xen-ops.
    #[must_use]
    pub fn raw_table(&self) -> RawTable {
        RawTable { machine: Arc::clone(&self.machine), domid: self.domid }
    }

    /// Faults to inject into hypercalls of this domain.
    #[must_use]
    pub fn faults(&self) -> Faults<'_> {
        Faults { machine: &self.machine, domid: self.domid }
    }

    /// The address, in this process, of the page with that frame number: a guest frame of a
    /// translated guest, a machine frame of a PV guest. If nothing is there, the address of a page
    /// of ones, which is what reads of unpopulated physical addresses return.
    ///
    /// The memory is valid as long as the machine. Other domains may share it: access it
    /// atomically.
    #[must_use]
    pub fn address_of(&self, frame: xen_pfn_t) -> NonNull<u8> {
        let (mut state, gfn) = (self.machine.lock(), pfn_to_u64(frame));
        state.populate_on_use(self.domid, gfn);
        state.address_of(self.domid, gfn)
    }

    /// The machine frame number that a frame number of the domain's stands for, or `None` if
    /// nothing is there.
    #[must_use]
    pub fn machine_frame(&self, frame: xen_pfn_t) -> Option<xen_pfn_t> {
        self.machine.lock().look_up(self.domid, pfn_to_u64(frame)).map(|entry| pfn(entry.mfn.0))
    }

    /// Waits for at most `timeout` until an event is pending at `port`, and clears it. False after
    /// the timeout.
    #[must_use]
    pub fn wait(&self, port: evtchn_port_t, timeout: Duration) -> bool {
        self.wait_any(&[port], timeout).is_some()
    }

    /// Waits for at most `timeout` until an event is pending at one of the ports, and clears that of the
    /// first one that has any. Its index; `None` after the timeout.
    pub(crate) fn wait_any(&self, ports: &[evtchn_port_t], timeout: Duration) -> Option<usize> {
        let domid = self.domid;
        let pending = |state: &State| {
            let domain = state.domain(domid);
            domain.is_some_and(|own| ports.iter().any(|port| own.ports.is_pending(port.0)))
        };
        self.machine.sleep(self.machine.lock(), Some(timeout), pending);
        let mut state = self.machine.lock();
        let domain = state.domain_mut(domid)?;
        ports.iter().position(|port| domain.ports.take(port.0))
    }

    /// Raises a virtual interrupt, `VIRQ_*`. False if the domain has not bound it to a port.
    #[must_use]
    pub fn raise_virq(&self, virq: u32) -> bool {
        let mut state = self.machine.lock();
        let raised = state.domain_mut(self.domid).is_some_and(|d| d.ports.raise_virq(virq));
        drop(state);
        self.machine.wake();
        raised
    }

    /// What the domain has written to Xen's console. Bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn console(&self) -> String {
        let state = self.machine.lock();
        let bytes = state.domain(self.domid).map(|domain| domain.console.clone());
        String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
    }

    /// The reason for which the domain shut down, `SHUTDOWN_*`, or `None` while it runs.
    #[must_use]
    pub fn shutdown_reason(&self) -> Option<u8> {
        self.machine.lock().domain(self.domid)?.shutdown
    }

    /// The reason for which Xen would have crashed the domain, if it would have. The simulator lets
    /// the domain continue.
    #[must_use]
    pub fn crash_reason(&self) -> Option<&'static str> {
        self.machine.lock().domain(self.domid)?.crashed
    }

    /// Whether Xen still has the domain. A destroyed domain exists as long as another maps its
    /// memory.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.machine.lock().domain(self.domid).is_some()
    }

    /// Sets the virtual NUMA topology that `XENMEM_get_vnumainfo` reports; a domain has none at
    /// first.
    pub fn set_vnuma(&self, vnuma: VnumaTopology) {
        if let Some(domain) = self.machine.lock().domain_mut(self.domid) {
            domain.vnuma = Some(vnuma);
        }
    }

    /// Marks the domain as dying, which is how Xen begins to destroy one: it gets no more memory,
    /// and its grants that are in use serve no new copies.
    pub fn set_dying(&self) {
        if let Some(domain) = self.machine.lock().domain_mut(self.domid) {
            domain.dying = true;
        }
    }

    /// Destroys the domain: its mappings are removed, its ports closed, its memory freed. Frames
    /// that other domains map stay valid; the domain id is free again once the last is unmapped.
    pub fn destroy(&self) {
        self.machine.lock().destroy_domain(self.domid);
        self.machine.wake();
        self.run_xenstored();
    }

    /// Has xenstored do what this domain may have caused.
    fn run_xenstored(&self) {
        if let Some(xenstored) = &self.machine.xenstored {
            xenstored.run(&self.machine, self.domid);
        }
    }
}

impl PageAllocator for Domain {
    type Page = GuestPage;

    fn take(&self) -> Result<GuestPage, Exhausted> {
        self.page().ok_or(Exhausted)
    }
}
