//! How Xen interrupts a vCPU when events are pending.
//!
//! [`Upcalls::install`] sets all of it up by one call, and the kernel's handler is called with each port that has
//! an event. Between events the vCPU [sleeps](Upcalls::wait_until):
//!
//! | guest | how it is interrupted |
//! |---|---|
//! | PV | a callback that the vCPU registers, `CALLBACKTYPE_event` |
//! | PVH | a vector for all vCPUs, `HVM_PARAM_CALLBACK_IRQ`, or one through the local APIC, `HVMOP_set_evtchn_upcall_vector` |
//! | Arm | an interrupt of the vCPU's own, which the device tree names, at a GIC of version 2 or 3 |
//!
//! A kernel that polls needs none of it. One that has descriptors or a driver of its interrupt controller of its
//! own takes the parts: `enable` on x86, `interrupt` on Arm.

#![allow(unsafe_code, reason = "interrupts the kernel")]

#[cfg(target_arch = "x86_64")]
mod entry;
#[cfg(target_arch = "x86")]
#[path = "entry_32.rs"]
mod entry;
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
mod gic;
#[cfg(target_arch = "x86_64")]
mod pv;
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
mod pvh;

use core::cell::{Cell, UnsafeCell};
use core::fmt;
use core::marker::PhantomData;

use xen_abi::event_channel::evtchn_port_t;
use xen_ops::events::TwoLevel;
use xen_ops::hypercall::Error;

use crate::Guest;
#[cfg(target_arch = "x86_64")]
use crate::GuestKind;

#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
pub(crate) use gic::take;
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
pub use gic::{GicError, interrupt};
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
pub use pvh::{Upcall, enable};

/// How many vCPUs can have upcalls by [`Upcalls::install`].
pub const MAX_VCPUS: u32 = 32;

/// What is called with the vCPU's number and each port that has an event. No upcall interrupts it.
pub type Handler = fn(vcpu: u32, port: evtchn_port_t);

/// By which of its two ways Xen interrupts a PVH guest. Other guests have one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// All vCPUs in the same way, without an end of interrupt.
    Direct,
    /// Each vCPU through its local APIC. Xen acknowledges nothing for other interrupts of the kernel's then.
    LocalApic,
}

/// The upcalls of the vCPU that this value was made on.
#[derive(Debug)]
pub struct Upcalls {
    #[cfg(target_arch = "x86_64")]
    guest: (GuestKind, crate::backend::Backend),
    vcpu: u32,
    events: TwoLevel<'static>,
    enabled: Cell<bool>,
    early: Early,
    /// It is about this vCPU, and stays there.
    not_send: PhantomData<*const ()>,
}

impl Upcalls {
    /// Has Xen interrupt the vCPU on which this runs when one of `events`, its own, is pending. No upcall comes
    /// before [`enable`](Self::enable) or [`wait_until`](Self::wait_until). If several vCPUs have upcalls, `events` are
    /// those [of the vCPU's ports](TwoLevel::for_vcpu).
    ///
    /// # Errors
    ///
    /// [`UpcallError`].
    ///
    /// # Safety
    ///
    /// This runs on the vCPU with this number, which has had no upcalls yet. The kernel is compiled without a red
    /// zone, as the targets without an operating system are, and has neither interrupt descriptors nor a driver
    /// for the interrupt controller of its own. On Arm it has the entry code of this crate.
    pub unsafe fn install(
        guest: &Guest,
        vcpu: u32,
        events: TwoLevel<'static>,
        delivery: Delivery,
        handler: Handler,
    ) -> Result<Self, UpcallError> {
        let slot = SLOTS.get(vcpu as usize).ok_or(UpcallError::TooManyVcpus { vcpu })?;
        #[cfg(target_arch = "x86_64")]
        let delivery = if guest.kind() == GuestKind::Pv { Delivery::Direct } else { delivery };
        slot.set(Installed { events, handler, delivery });
        // SAFETY: the caller's promise; the handler is in its place.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            match guest.kind() {
                GuestKind::Pv => pv::install(guest, vcpu, &events)?,
                _ => pvh::install(guest, vcpu, delivery)?,
            }
            #[cfg(target_arch = "x86")]
            pvh::install(guest, vcpu, delivery)?;
            #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
            gic::install(guest)?;
        }
        Ok(Self {
            #[cfg(target_arch = "x86_64")]
            guest: (guest.kind(), guest.xen()),
            vcpu,
            events,
            enabled: Cell::new(false),
            early: Early(Cell::new(cfg!(any(target_arch = "aarch64", target_arch = "arm")))),
            not_send: PhantomData,
        })
    }

    /// Lets upcalls come. One whose events are pending already comes at once.
    pub fn enable(&self) {
        self.enabled.set(true);
        #[cfg(target_arch = "x86_64")]
        if self.guest.0 == GuestKind::Pv {
            return pv::enable(&self.guest.1, &self.events);
        }
        native::disable();
        self.receive_early();
        native::enable();
    }

    /// Has upcalls wait.
    pub fn disable(&self) {
        self.enabled.set(false);
        #[cfg(target_arch = "x86_64")]
        if self.guest.0 == GuestKind::Pv {
            return self.events.vcpu().set_upcall_mask(true);
        }
        native::disable();
    }

    /// Lets upcalls come and has the vCPU sleep between them, until `done` returns true. It is called with
    /// upcalls disabled, at first and after each upcall, so that no event is missed between it and the sleep.
    /// Afterwards they are enabled or not as before.
    pub fn wait_until(&self, mut done: impl FnMut() -> bool) {
        let enabled = self.enabled.get();
        self.disable();
        while !done() {
            #[cfg(target_arch = "x86_64")]
            if self.guest.0 == GuestKind::Pv {
                pv::sleep(&self.guest.1, &self.events);
                continue;
            }
            if !self.receive_early() {
                native::sleep();
            }
        }
        if enabled {
            self.enable();
        }
    }
}

impl Upcalls {
    /// At the first call, with interrupts disabled: calls the handler for events that were announced before
    /// Xen could interrupt the vCPU, and says whether there were any.
    fn receive_early(&self) -> bool {
        let is_early = self.early.take(&self.events);
        if let (true, Some(installed)) = (is_early, installed(self.vcpu)) {
            installed.receive(self.vcpu);
        }
        is_early
    }
}

/// Whether events may have been announced before Xen could interrupt the vCPU. On Arm it does not interrupt for
/// what was announced while the vCPU did not run yet; from then on it does, so they are looked for once.
#[derive(Debug)]
struct Early(Cell<bool>);

impl Early {
    /// Whether there are such events. False from the second call on.
    fn take(&self, events: &TwoLevel<'_>) -> bool {
        self.0.take() && events.upcall_pending()
    }
}

/// Interrupts of the processor, as a kernel that owns it has them.
mod native {
    use core::arch::asm;

    pub(super) fn enable() {
        // SAFETY: the vectors are in place, as `install` has seen to.
        unsafe {
            #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
            asm!("sti", options(nostack));
            #[cfg(target_arch = "aarch64")]
            asm!("msr daifclr, #2", options(nostack));
            #[cfg(target_arch = "arm")]
            asm!("cpsie i", options(nostack));
        }
    }

    pub(super) fn disable() {
        // SAFETY: an interrupt waits.
        unsafe {
            #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
            asm!("cli", options(nostack));
            #[cfg(target_arch = "aarch64")]
            asm!("msr daifset, #2", options(nostack));
            #[cfg(target_arch = "arm")]
            asm!("cpsid i", options(nostack));
        }
    }

    /// Sleeps until there is an interrupt, with interrupts disabled before and afterwards, and takes it.
    pub(super) fn sleep() {
        // SAFETY: the vectors are in place. No interrupt comes between STI and HLT; WFI ends for one that waits.
        unsafe {
            #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
            asm!("sti", "hlt", "cli", options(nostack));
            #[cfg(target_arch = "aarch64")]
            asm!("wfi", "msr daifclr, #2", "isb", "msr daifset, #2", options(nostack));
            #[cfg(target_arch = "arm")]
            asm!("wfi", "cpsie i", "isb", "cpsid i", options(nostack));
        }
    }
}

/// What a vCPU does when it is interrupted.
#[derive(Clone, Copy)]
struct Installed {
    events: TwoLevel<'static>,
    handler: Handler,
    #[cfg_attr(
        not(any(target_arch = "x86_64", target_arch = "x86")),
        allow(dead_code, reason = "there is one way on Arm")
    )]
    delivery: Delivery,
}

/// One for each vCPU.
struct Slot(UnsafeCell<Option<Installed>>);

// SAFETY: each is used by one vCPU: `install` and the interrupts run on it, and say which it is. No interrupt comes
// during `install`.
unsafe impl Sync for Slot {}

static SLOTS: [Slot; MAX_VCPUS as usize] =
    [const { Slot(UnsafeCell::new(None)) }; MAX_VCPUS as usize];

impl Slot {
    fn set(&self, installed: Installed) {
        // SAFETY: this runs on the vCPU of the slot, whose upcalls are not enabled.
        unsafe { *self.0.get() = Some(installed) };
    }

    fn get(&self) -> Option<Installed> {
        // SAFETY: this runs on the vCPU of the slot, which writes it in `set` only.
        unsafe { *self.0.get() }
    }
}

/// What a vCPU that is interrupted has to do, if it has upcalls.
fn installed(vcpu: u32) -> Option<Installed> {
    SLOTS.get(vcpu as usize)?.get()
}

/// Bytes from one vCPU's entry to the next one's.
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
const ENTRY_SIZE: usize = 16;

/// The entry of a vCPU, of which this is the first one's.
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
fn address(first: unsafe extern "C" fn(), vcpu: u32) -> u64 {
    (first as *const () as usize + vcpu as usize * ENTRY_SIZE) as u64
}

/// What the entries lead to calls this.
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
extern "C" fn interrupted(vcpu: u32) {
    let Some(installed) = installed(vcpu) else { return };
    if installed.delivery == Delivery::LocalApic {
        // SAFETY: the local APIC is in its mode, and the interrupt is its newest.
        unsafe { pvh::end_of_interrupt() };
    }
    installed.receive(vcpu);
}

impl Installed {
    /// Calls the handler with each port that has an event.
    fn receive(&self, vcpu: u32) {
        self.events.receive(|port| (self.handler)(vcpu, port));
    }
}

/// Why a vCPU has no upcalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpcallError {
    /// The number of the vCPU is [`MAX_VCPUS`] or more.
    TooManyVcpus {
        /// The number.
        vcpu: u32,
    },
    /// The interrupt controller cannot be set up.
    #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
    Gic(GicError),
    /// Xen refuses.
    Hypercall(Error),
}

impl fmt::Display for UpcallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyVcpus { vcpu } => {
                write!(f, "vCPU {vcpu} can have no upcalls: {MAX_VCPUS} vCPUs can")
            }
            #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
            Self::Gic(error) => error.fmt(f),
            Self::Hypercall(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for UpcallError {}

impl From<Error> for UpcallError {
    fn from(error: Error) -> Self {
        Self::Hypercall(error)
    }
}

#[cfg(test)]
mod tests {
    use core::ptr::NonNull;

    use xen_abi::xen::shared_info;
    use xen_ops::page::PAGE_SIZE;
    use xen_ops::{ReadWrite, View, field};

    use super::*;

    #[repr(C, align(4096))]
    struct Frame([u8; PAGE_SIZE]);

    #[test]
    fn early_events_are_looked_for_once() {
        let mut frame = Frame([0; PAGE_SIZE]);
        // SAFETY: the frame is borrowed for as long as the view.
        let page: View<'_, ReadWrite> = unsafe { View::new(NonNull::from(&mut frame.0).cast()) };
        let events = TwoLevel::new(page, page, field!(shared_info, vcpu_info[0]));
        let early = Early(Cell::new(true));
        page.at(field!(shared_info, vcpu_info[0].evtchn_upcall_pending)).write(&1);
        assert!(early.take(&events));
        assert!(!early.take(&events), "an interrupt brings what is announced from now on");
        let early = Early(Cell::new(false));
        assert!(!early.take(&events), "this guest is interrupted for all events");
    }
}
