//! The page that Xen shares with the domain.

#![allow(unsafe_code, reason = "maps the page and registers memory that Xen writes")]

use core::fmt;

use xen_abi::xen::{shared_info, vcpu_info};
use xen_ops::events::{PortVcpus, TwoLevel};
use xen_ops::hypercall::{Error, vcpu_op};
use xen_ops::page::{MapTarget as _, PAGE_SIZE, Page as _};
use xen_ops::view::Field;
use xen_ops::{ReadWrite, View};

use crate::{AddressSpace, Guest, GuestPage, MemoryError, UnmappedPage};

/// The shared information page, mapped. A domain maps it once.
///
/// Upstream: `xen/include/public/xen.h`, `struct shared_info`.
#[derive(Clone, Copy, Debug)]
pub struct SharedInfo {
    view: View<'static, ReadWrite>,
    #[cfg_attr(
        not(any(target_arch = "x86_64", target_arch = "x86")),
        allow(dead_code, reason = "to suspend a PVH guest")
    )]
    address: usize,
}

impl SharedInfo {
    /// Maps the page in place of one of the kernel's own.
    ///
    /// # Errors
    ///
    /// [`MemoryError::Hypercall`]: Xen refuses.
    pub fn map(guest: &Guest, page: GuestPage) -> Result<Self, MemoryError> {
        let place = UnmappedPage::new(guest, page)?;
        match guest.space() {
            #[cfg(target_arch = "x86_64")]
            AddressSpace::Pv { .. } => {
                let frame = guest.pv_start_info().map_or(0, |info| info.shared_info() >> 12);
                place.map_frame(frame)?;
            }
            AddressSpace::Translated { .. } => {
                place.place(xen_abi::memory::XENMAPSPACE_shared_info, 0)?;
            }
        }
        // SAFETY: the page is there from now on, since the place is never used again, and is accessed
        // through this view.
        let view = unsafe { View::new(place.address()) };
        Ok(Self { view, address: place.address().as_ptr().addr() })
    }

    /// The page's address.
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    pub(crate) const fn address(&self) -> usize {
        self.address
    }

    /// The page, whose members [`field!`](xen_ops::field) names.
    #[must_use]
    pub const fn view(&self) -> View<'static, ReadWrite> {
        self.view
    }

    /// The events of the first vCPU, unless it has [registered](register_vcpu_info) information of its own. It
    /// receives those of all ports: for kernels that receive events on one vCPU.
    #[must_use]
    pub fn events(&self) -> TwoLevel<'static> {
        TwoLevel::new(self.view, self.view, xen_ops::field!(shared_info, vcpu_info[0]))
    }

    /// The events of one of several vCPUs, which receives those of the ports that `ports` has for it. The vCPU
    /// has not [registered](register_vcpu_info) information of its own; `None` if it
    /// has no place in the page, as those from 32 on and on Arm all but the first.
    #[must_use]
    pub fn events_of(&self, vcpu: u32, ports: &'static PortVcpus) -> Option<TwoLevel<'static>> {
        let info = Self::vcpu_info(vcpu)?;
        Some(TwoLevel::new(self.view, self.view, info).for_vcpu(vcpu, ports))
    }

    /// Where a vCPU's information is, for the first 32 vCPUs on x86 and the first one on Arm. `None` for
    /// others: they [register](register_vcpu_info) their own.
    #[must_use]
    pub const fn vcpu_info(vcpu: u32) -> Option<Field<vcpu_info>> {
        xen_ops::field!(shared_info, vcpu_info).element(vcpu as usize)
    }
}

/// Moves the information of a vCPU into a page of the kernel's own, `offset` bytes from its start. Each
/// vCPU does so at most once, before it takes events; those from 32 on must, on Arm all but the first.
///
/// Xen then selects all words of ports for the vCPU, so [`TwoLevel::for_vcpu`] must say which are its own:
///
/// ```no_run
/// use xen_guest::xen_ops::events::{PortVcpus, TwoLevel};
/// use xen_guest::{Guest, GuestPage, SharedInfo, VcpuInfoError, register_vcpu_info};
///
/// static VCPUS: PortVcpus = PortVcpus::new();
///
/// fn second(
///     guest: &Guest,
///     shared_info: &SharedInfo,
///     page: GuestPage,
/// ) -> Result<TwoLevel<'static>, VcpuInfoError> {
///     let (view, field) = register_vcpu_info(guest, 1, page, 0)?;
///     Ok(TwoLevel::new(shared_info.view(), view, field).for_vcpu(1, &VCPUS))
/// }
/// ```
///
/// # Errors
///
/// [`VcpuInfoError`]. The page is lost only if Xen has it.
pub fn register_vcpu_info(
    guest: &Guest,
    vcpu: u32,
    page: GuestPage,
    offset: usize,
) -> Result<(View<'static, ReadWrite>, Field<vcpu_info>), VcpuInfoError> {
    let field = Field::at_offset(offset).map_err(|_| VcpuInfoError::BadOffset(offset))?;
    // SAFETY: the page was handed out once, and this view is all that uses it. It stays.
    let view = unsafe { View::new(page.address()) };
    #[allow(clippy::cast_lossless, clippy::unnecessary_cast, reason = "64 or 32 bits wide")]
    let mfn = page.frame().0 as u64;
    // SAFETY: the page is used through the view only.
    unsafe { vcpu_op::register_vcpu_info(&guest.xen(), vcpu, mfn, offset as u32)? };
    Ok((view, field))
}

/// Why a vCPU's information was not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VcpuInfoError {
    /// It does not fit into the page at this offset, or is not aligned there.
    BadOffset(usize),
    /// Xen refuses.
    Hypercall(Error),
}

impl fmt::Display for VcpuInfoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadOffset(offset) => write!(
                f,
                "a vcpu_info does not fit {offset} bytes into a page of {PAGE_SIZE}, or is not aligned there"
            ),
            Self::Hypercall(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for VcpuInfoError {}

impl From<Error> for VcpuInfoError {
    fn from(error: Error) -> Self {
        Self::Hypercall(error)
    }
}
