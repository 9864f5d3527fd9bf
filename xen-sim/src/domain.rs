//! A domain, as its guest has it: hypercalls, and the memory to make them with.

#![allow(unsafe_code, reason = "implements the door to the hypervisor")]

use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use xen_abi::errno::*;
use xen_abi::xen::*;
use xen_ops::DomainId;
use xen_ops::hypercall::Hypercall;

use crate::config::GuestKind;
use crate::error::result;
use crate::faults::Faults;
use crate::frames::Mfn;
use crate::machine::Machine;
use crate::memory::map::Vnuma;
use crate::other::call;
use crate::page::{MapTarget, Page, Table};

/// A domain: what its guest calls, and what a test asks about it.
///
/// Clones are the same domain. It makes the hypercalls `grant_table_op`, `memory_op`,
/// `event_channel_op`, in PV guests `update_va_mapping` for the addresses of [`target`](Self::target),
/// and of `sched_op`, `xen_version`, `console_io`, `vcpu_op`, `hvm_op` and
/// `physdev_op` what guests with grants use; all others give `-ENOSYS`. Arguments are addresses in
/// this process, of memory that is good for what the hypercall does; null, and what
/// [`Faults::absent`] names, give `-EFAULT`.
#[derive(Clone, Debug)]
pub struct Domain {
    pub(crate) machine: Arc<Machine>,
    pub(crate) domid: domid_t,
    pub(crate) kind: GuestKind,
}

// SAFETY: the hypervisor is the model, which does what Xen does: it reads and writes arguments before
// the call returns, and other memory as hypercalls do.
unsafe impl Hypercall for Domain {
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        let caller = self.domid;
        let mut state = self.machine.lock();
        if state.domain(caller).is_none_or(|domain| domain.destroyed) {
            // What is gone calls nothing.
            return result(Err(XEN_ESRCH));
        }
        let done = match number {
            __HYPERVISOR_sched_op => self.machine.sched_op(state, caller, arguments),
            _ => {
                let done = match number {
                    __HYPERVISOR_update_va_mapping => state.update_va_mapping(caller, arguments),
                    __HYPERVISOR_memory_op => state.memory_op(caller, arguments),
                    __HYPERVISOR_xen_version => state.xen_version(caller, arguments),
                    __HYPERVISOR_console_io => state.console_io(caller, arguments),
                    __HYPERVISOR_grant_table_op => state.grant_table_op(caller, arguments),
                    __HYPERVISOR_vcpu_op => state.vcpu_op(caller, arguments),
                    __HYPERVISOR_event_channel_op => state.event_channel_op(caller, arguments),
                    __HYPERVISOR_physdev_op => state.physdev_op(caller, arguments),
                    __HYPERVISOR_hvm_op => state.hvm_op(caller, arguments),
                    _ => call(caller, "hypercall", Err(XEN_ENOSYS)),
                };
                drop(state);
                if number == __HYPERVISOR_event_channel_op {
                    self.machine.events.notify_all();
                }
                done
            }
        };
        self.machine.tell(&done);
        done.result
    }
}

impl Domain {
    /// The domain's number.
    #[must_use]
    pub fn domid(&self) -> DomainId {
        DomainId::new(self.domid).expect("the machine numbers domains below the reserved ids")
    }

    /// What kind of guest it is.
    #[must_use]
    pub fn kind(&self) -> GuestKind {
        self.kind
    }

    /// A page of the domain's memory that it has no use for yet, cleared; it is unused again when the
    /// value is dropped. `None` if there is none left.
    #[must_use]
    pub fn page(&self) -> Option<Page> {
        let mut state = self.machine.lock();
        loop {
            let domain = state.domain_mut(self.domid)?;
            let frame = domain.spare.pop()?;
            // A page may have been given away since it was last used.
            let entry = state.look_up(self.domid, frame);
            let mfn =
                entry.filter(|entry| entry.kind == crate::p2m::EntryKind::Ram).map(|at| at.mfn);
            let Some(mfn) = mfn else { continue };
            state.frames.view(mfn)?.clear();
            let address = state.frames.address(mfn)?;
            drop(state);
            return Some(Page { domain: self.clone(), frame, mfn, address });
        }
    }

    /// Room for a foreign frame: an unused guest frame, or an unused virtual page of a PV guest. Each
    /// is another one.
    #[must_use]
    pub fn target(&self) -> MapTarget {
        let mut state = self.machine.lock();
        let mut number = 0;
        if let Some(domain) = state.domain_mut(self.domid) {
            number = domain.next_target;
            domain.next_target += 1;
            if !domain.is_translated() {
                domain.room.insert(number, None);
            }
        }
        drop(state);
        MapTarget { domain: self.clone(), number }
    }

    /// The grant table's memory.
    #[must_use]
    pub fn table(&self) -> Table {
        Table { domain: self.clone() }
    }

    /// Things to go wrong in hypercalls of this domain.
    #[must_use]
    pub fn faults(&self) -> Faults<'_> {
        Faults { machine: &self.machine, domain: self.domid }
    }

    /// Where the page with that frame number is: the guest frame of a translated guest, the machine
    /// frame of a PV guest. Where nothing is, a page of ones, as reads of empty physical addresses
    /// give.
    ///
    /// The memory is there as long as the machine. It may be shared: access it atomically.
    #[must_use]
    pub fn address_of(&self, frame: u64) -> NonNull<u8> {
        let state = self.machine.lock();
        let entry = state.look_up(self.domid, frame);
        let address = entry.and_then(|entry| state.frames.address(entry.mfn));
        address.unwrap_or_else(|| state.frames.hole())
    }

    /// The machine frame behind a frame number of the domain's, or `None` if nothing is there.
    #[must_use]
    pub fn machine_frame(&self, frame: u64) -> Option<u64> {
        self.machine.lock().look_up(self.domid, frame).map(|entry| entry.mfn.0)
    }

    /// Waits until an event is pending at `port`, for at most `timeout`, and takes it. False if none
    /// came.
    #[must_use]
    pub fn wait(&self, port: u32, timeout: Duration) -> bool {
        let domid = self.domid;
        let pending = |state: &crate::machine::State| {
            state.domain(domid).is_some_and(|domain| domain.ports.is_pending(port))
        };
        self.machine.sleep(self.machine.lock(), Some(timeout), pending);
        let mut state = self.machine.lock();
        state.domain_mut(domid).is_some_and(|domain| domain.ports.take(port))
    }

    /// Raises a virtual interrupt, `VIRQ_*`. False if the domain has not bound it.
    #[must_use]
    pub fn raise_virq(&self, virq: u32) -> bool {
        let mut state = self.machine.lock();
        let raised = state.domain_mut(self.domid).is_some_and(|d| d.ports.raise_virq(virq));
        drop(state);
        self.machine.events.notify_all();
        raised
    }

    /// What the domain has written to Xen's console.
    #[must_use]
    pub fn console(&self) -> String {
        let state = self.machine.lock();
        let bytes = state.domain(self.domid).map(|domain| domain.console.clone());
        String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
    }

    /// Why the domain shut down, `SHUTDOWN_*`, if it did.
    #[must_use]
    pub fn shutdown_reason(&self) -> Option<u8> {
        self.machine.lock().domain(self.domid)?.shutdown
    }

    /// What Xen would have crashed the domain for, if anything. The model lets it live on.
    #[must_use]
    pub fn crash_reason(&self) -> Option<&'static str> {
        self.machine.lock().domain(self.domid)?.crashed
    }

    /// Whether Xen still has the domain: until it is destroyed and nobody maps its memory.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.machine.lock().domain(self.domid).is_some()
    }

    /// Gives it a virtual NUMA layout, for `XENMEM_get_vnumainfo`.
    pub fn set_vnuma(&self, vnuma: Vnuma) {
        if let Some(domain) = self.machine.lock().domain_mut(self.domid) {
            domain.vnuma = Some(vnuma);
        }
    }

    /// Marks it as dying, which is when Xen begins to take it apart: its grants in use cannot be used
    /// again for copies, and it gets no memory.
    pub fn dying(&self) {
        if let Some(domain) = self.machine.lock().domain_mut(self.domid) {
            domain.dying = true;
        }
    }

    /// Destroys it: what it mapped is unmapped, its ports are closed, its memory is freed. Frames that
    /// others map stay theirs to use; the domain's number is free again when the last is unmapped.
    pub fn destroy(&self) {
        let mut state = self.machine.lock();
        let Some(domain) = state.domain_mut(self.domid) else { return };
        domain.dying = true;
        domain.destroyed = true;
        state.drop_all_mappings(self.domid);
        state.close_all(self.domid);
        let Some(domain) = state.domain_mut(self.domid) else { return };
        let foreign = domain.p2m.take().into_values();
        let foreign = foreign.filter(|entry| entry.kind == crate::p2m::EntryKind::Foreign);
        let mapped = std::mem::take(&mut domain.room).into_values().flatten();
        let mapped = mapped.filter(|mapped| !mapped.granted);
        let areas = std::mem::take(&mut domain.areas).into_iter().flatten();
        let held = foreign.map(|entry| entry.mfn).chain(mapped.map(|mapped| mapped.mfn));
        for mfn in held.chain(areas) {
            state.put(mfn);
        }
        let own = |frame: &crate::frames::Frame| frame.owner == Some(self.domid) && !frame.special;
        let frames: Vec<Mfn> =
            state.frames.iter().filter(|(_, frame)| own(frame)).map(|(mfn, _)| mfn).collect();
        for mfn in frames {
            state.free(mfn);
        }
        state.free_if_unused(self.domid);
        drop(state);
        self.machine.events.notify_all();
    }
}
