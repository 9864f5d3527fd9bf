//! What the entry code finds out, for the kernel's main function.

use core::fmt;
use core::ptr::{self, NonNull};

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::hvm::params::{HVM_PARAM_STORE_EVTCHN, HVM_PARAM_STORE_PFN};
use xen_abi::xen::{DOMID_SELF, domid_t};
use xen_ops::events::own_domid;
use xen_ops::hypercall::hvm_op::get_param;
use xen_ops::hypercall::{Error, Hypercall};
use xen_ops::page::PAGE_SIZE;

use crate::backend::Backend;
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
use crate::device_tree::DeviceTree;
use crate::memory::AddressSpace;
#[cfg(target_arch = "x86_64")]
use crate::start_info::PvStartInfo;
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
use crate::start_info::{HvmStartInfo, IdentityMapped};

/// What kind of guest a kernel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestKind {
    /// Paravirtualised, x86 only: Xen owns the page tables.
    Pv,
    /// In hardware virtualisation without emulated devices, x86 only.
    Pvh,
    /// Arm's one kind of guest.
    Arm,
}

impl fmt::Display for GuestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pv => "PV",
            Self::Pvh => "PVH",
            Self::Arm => "Arm",
        })
    }
}

/// What Xen told the kernel when it started it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "there is one, on the stack of the main function")]
pub enum StartInfo {
    /// A PV guest's.
    #[cfg(target_arch = "x86_64")]
    Pv(PvStartInfo<'static>),
    /// A PVH guest's.
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    Pvh(HvmStartInfo<'static, IdentityMapped>),
    /// Arm's device tree.
    #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
    DeviceTree(DeviceTree<'static>),
}

/// The guest that a kernel is: what [`entry!`](crate::entry!) passes to its main function.
#[derive(Clone, Debug)]
pub struct Guest {
    pub(crate) xen: Backend,
    pub(crate) kind: GuestKind,
    pub(crate) space: AddressSpace,
    pub(crate) start_info: StartInfo,
    pub(crate) command_line: &'static str,
    pub(crate) domid: Option<domid_t>,
}

impl Guest {
    /// The way to the hypervisor.
    #[must_use]
    pub const fn xen(&self) -> Backend {
        self.xen
    }

    /// What kind of guest this is.
    #[must_use]
    pub const fn kind(&self) -> GuestKind {
        self.kind
    }

    /// How addresses and frames belong together.
    #[must_use]
    pub const fn space(&self) -> AddressSpace {
        self.space
    }

    /// What Xen told the kernel.
    #[must_use]
    pub const fn start_info(&self) -> &StartInfo {
        &self.start_info
    }

    /// A PV guest's start information.
    #[cfg(target_arch = "x86_64")]
    pub(crate) const fn pv_start_info(&self) -> Option<&PvStartInfo<'static>> {
        match &self.start_info {
            StartInfo::Pv(info) => Some(info),
            StartInfo::Pvh(_) => None,
        }
    }

    /// The command line; empty if there is none.
    #[must_use]
    pub const fn command_line(&self) -> &'static str {
        self.command_line
    }

    /// The id of this domain. A PVH guest has it from CPUID; others have it of a port that they allocate
    /// and close.
    ///
    /// # Errors
    ///
    /// Those of [`own_domid`].
    pub fn domid(&self) -> Result<domid_t, Error> {
        self.domid.map_or_else(|| own_domid(self.xen), Ok)
    }

    /// Where the page of xenstore's ring is mapped, as long as the kernel maps its memory as
    /// [`entry!`](crate::entry!) does, and the port that notifies xenstored. A domain without xenstore has none.
    ///
    /// Upstream: `store_mfn` and `store_evtchn` of `struct start_info` in `xen/include/public/xen.h`;
    /// `HVM_PARAM_STORE_PFN` and `HVM_PARAM_STORE_EVTCHN` in `xen/include/public/hvm/params.h`.
    #[must_use]
    pub fn store_ring(&self) -> Option<(NonNull<u8>, evtchn_port_t)> {
        #[cfg(target_arch = "x86_64")]
        if let Some(info) = self.pv_start_info() {
            let ring = info.store_ring()?;
            return Some((page(info.frames().position(ring.frame)?)?, ring.port));
        }
        ring_by_parameters(&self.xen, HVM_PARAM_STORE_PFN, HVM_PARAM_STORE_EVTCHN)
    }
}

/// The page of a ring, in memory that is mapped where it is, and its port, which parameters of a translated guest
/// name. Frame 0 is no ring.
pub(crate) fn ring_by_parameters<H: Hypercall>(
    xen: &H,
    frame: u32,
    port: u32,
) -> Option<(NonNull<u8>, evtchn_port_t)> {
    let parameter = |index| get_param(xen, DOMID_SELF, index).ok();
    let frame = usize::try_from(parameter(frame)?).ok()?;
    Some((page(frame)?, evtchn_port_t(parameter(port)? as u32)))
}

/// The page with this index, unless it is 0.
fn page(index: usize) -> Option<NonNull<u8>> {
    NonNull::new(ptr::with_exposed_provenance_mut(index.checked_mul(PAGE_SIZE)?))
}
