//! Suspension: a toolstack stores the domain, or moves it to another host, and it goes on there.
//!
//! A toolstack asks for it by the node `control/shutdown` of xenstore, which becomes `suspend`. The kernel
//! writes an empty value to it and calls [`suspend`]. Where the domain is resumed it is a new one to Xen, with the
//! same memory:
//!
//! | what | afterwards |
//! |---|---|
//! | the id of the domain, hypercalls, [`SharedInfo`], the console ring, the grant table, the vector of all vCPUs | as before, by [`suspend`] |
//! | grants to other domains | gone: revoking one returns its page |
//! | event channels | closed, xenstore's and the console's too, which have new numbers |
//! | a vector of one vCPU's own, a [registered](crate::register_vcpu_info) `vcpu_info`, timers | gone: the kernel makes them again |
//! | the ring of xenstore | empty: the kernel connects again, and registers its watches again |
//! | devices | gone: each front end connects again, with new grants and a new event channel |
//! | mappings of other domains' grants | gone |
//! | a [`Clock`](crate::time::Clock) | does not go back, and stands still on a host that was started later: make a new one |
//!
//! A PV guest has other machine frames afterwards: a [`GuestPage`](crate::GuestPage) follows them. The toolstack
//! cannot store one that has pages of other domains mapped, nor can it be larger than 16 GiB. Guests on Arm, of which Xen's
//! toolstack suspends none, do not have this module.
//!
//! Upstream: `xen/include/public/sched.h`, `SHUTDOWN_suspend`; `docs/misc/xenstore-paths.pandoc`,
//! `~/control/shutdown`.

#![allow(unsafe_code, reason = "suspends the domain, and places Xen's page again")]

#[cfg(target_arch = "x86_64")]
mod pv;

use core::fmt;
use core::ptr::{self, NonNull};

use xen_abi::hvm::params::HVM_PARAM_CALLBACK_IRQ;
use xen_abi::memory::XENMAPSPACE_shared_info;
use xen_abi::sched::SHUTDOWN_suspend;
use xen_abi::xen::DOMID_SELF;
use xen_ops::GrantTable;
use xen_ops::backend::x86::{DetectError, Hypervisor};
use xen_ops::events::{Binding, Port};
use xen_ops::gnttab::StartError;
use xen_ops::hypercall::memory_op::add_to_physmap;
use xen_ops::hypercall::{Error, hvm_op, sched_op};

use crate::backend::{self, Backend, HYPERCALL_PAGE};
use crate::start_info::StartInfoError;
use crate::{GrantFrames, Guest, SharedInfo, console};

/// What came of a suspension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspended {
    /// The domain was resumed, as a new one.
    Resumed,
    /// The suspension was cancelled, or the toolstack has only taken a copy. All is as before.
    Cancelled,
}

/// Suspends the domain, and makes again what Xen keeps for it: see the [module](self). Returns when it is
/// resumed. What was written to the console is read first.
///
/// # Errors
///
/// [`SuspendError`]. With [`TooLarge`](SuspendError::TooLarge), [`NoFrame`](SuspendError::NoFrame) and
/// [`Refused`](SuspendError::Refused) all is as before. With the others the domain was resumed, and what the error names is missing.
///
/// # Safety
///
/// - No other vCPU is up, and this one has no upcalls until the call has returned.
/// - `table` is the domain's grant table if there is one, in which nothing is left of those that ran before.
/// - If the domain is resumed, no [`Port`] from before is used or dropped afterwards: its number may be another
///   port's. Nor is anything that relies on memory which the domain had registered, or on another domain's memory.
pub unsafe fn suspend<P>(
    guest: &mut Guest,
    shared_info: &SharedInfo,
    table: Option<&GrantTable<'_, Backend, GrantFrames, P>>,
) -> Result<Suspended, SuspendError> {
    // SAFETY: the caller's promise.
    unsafe {
        match guest.kind() {
            #[cfg(target_arch = "x86_64")]
            crate::GuestKind::Pv => pv::suspend(guest, shared_info, table),
            _ => suspend_pvh(guest, shared_info, table),
        }
    }
}

/// # Safety
///
/// As [`suspend`].
unsafe fn suspend_pvh<P>(
    guest: &mut Guest,
    shared_info: &SharedInfo,
    table: Option<&GrantTable<'_, Backend, GrantFrames, P>>,
) -> Result<Suspended, SuspendError> {
    let refused = SuspendError::Refused;
    let xen = guest.xen();
    let callback = hvm_op::get_param(&xen, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ).map_err(refused)?;
    // A toolstack tells that it has cancelled the suspension only to a guest with a callback. But a new domain
    // has no port for interrupts of its own.
    let witness = Port::bind_ipi(xen, 0).map_err(refused)?;
    console::flush();
    // SAFETY: the caller's promise; what is gone is made again below.
    unsafe { sched_op::shutdown(&xen, SHUTDOWN_suspend) }.map_err(refused)?;

    // The host may have another processor: its hypercalls have another instruction.
    let hypervisor = Hypervisor::detect().map_err(SuspendError::Hypervisor)?;
    let page = HYPERCALL_PAGE.address();
    // SAFETY: as when the kernel was started: the same page, with the hypervisor that there is now.
    let xen = unsafe {
        let _ = Backend::enable(&hypervisor, page, page.as_ptr().addr() as u64);
        backend::adopt(page)
    };
    if witness.status().is_ok_and(|status| status.binding == Binding::Ipi) {
        return Ok(Suspended::Cancelled);
    }
    core::mem::forget(witness);
    (guest.xen, guest.domid) = (xen, hypervisor.domid);
    place_shared_info(guest, shared_info).map_err(SuspendError::SharedInfo)?;
    // SAFETY: guest physical memory is mapped where it is, as when the kernel was started.
    unsafe { console::attach_by_parameters(&xen) };
    if callback != 0 {
        // SAFETY: it is the kernel's own, from before.
        let set = unsafe { hvm_op::set_param(&xen, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, callback) };
        set.map_err(SuspendError::Callback)?;
    }
    if let Some(table) = table {
        // SAFETY: this is the only vCPU, and it was suspended since.
        unsafe { table.resume() }.map_err(SuspendError::GrantTable)?;
    }
    Ok(Suspended::Resumed)
}

/// Places the page where it was.
fn place_shared_info(guest: &Guest, shared_info: &SharedInfo) -> Result<(), Error> {
    let address = NonNull::new(ptr::without_provenance_mut(shared_info.address()));
    let Some(frame) = address.and_then(|address| guest.space().frame(address)) else {
        return Ok(());
    };
    // SAFETY: the frame has no memory since `SharedInfo::map`, and its page is used for this only.
    unsafe { add_to_physmap(&guest.xen(), DOMID_SELF, 0, XENMAPSPACE_shared_info, 0, frame) }
}

/// Why a domain was not suspended, or what is missing after it was resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SuspendError {
    /// Not suspended: a PV guest has more pages than the toolstack can be told about.
    TooLarge {
        /// Its pages.
        pages: usize,
        /// The most that it can have, 16 GiB.
        max: usize,
    },
    /// Not suspended: the list of frames of a PV guest lacks one that the toolstack must know.
    NoFrame,
    /// Xen refuses: the domain was not suspended.
    Refused(Error),
    /// Resumed: the start information that the toolstack has written for a PV guest is wrong.
    StartInfo(StartInfoError),
    /// Resumed: the hypervisor is not found any more.
    Hypervisor(DetectError),
    /// Resumed: Xen does not place the shared information page again.
    SharedInfo(Error),
    /// Resumed: Xen does not take the vector of all vCPUs again.
    Callback(Error),
    /// Resumed: the grant table is not attached again, and must not be used.
    GrantTable(StartError),
}

impl fmt::Display for SuspendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { pages, max } => {
                write!(
                    f,
                    "not suspended: a PV guest of {pages} pages, of which {max} are supported"
                )
            }
            Self::NoFrame => {
                f.write_str("not suspended: the start information lacks the frame of a page")
            }
            Self::StartInfo(error) => write!(f, "resumed, without start information: {error}"),
            Self::Refused(error) => write!(f, "not suspended: {error}"),
            Self::Hypervisor(error) => write!(f, "resumed, without hypercalls: {error}"),
            Self::SharedInfo(error) => {
                write!(f, "resumed, without the shared information page: {error}")
            }
            Self::Callback(error) => write!(f, "resumed, without upcalls: {error}"),
            Self::GrantTable(error) => write!(f, "resumed, without the grant table: {error}"),
        }
    }
}

impl core::error::Error for SuspendError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::TooLarge { .. } | Self::NoFrame => None,
            Self::StartInfo(error) => Some(error),
            Self::Refused(error) | Self::SharedInfo(error) | Self::Callback(error) => Some(error),
            Self::Hypervisor(error) => Some(error),
            Self::GrantTable(error) => Some(error),
        }
    }
}
