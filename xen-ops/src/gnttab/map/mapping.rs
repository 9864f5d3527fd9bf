//! One mapped grant.

#![allow(unsafe_code, reason = "asks Xen for mappings, and shows what is mapped")]

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr;

use xen_abi::grant_table::{GNTMAP_device_map, GNTMAP_host_map, GNTMAP_readonly, grant_handle_t};

use super::outcome::{self, Outcome, Unmapped};
use super::unwind::leak_on_unwind;
use super::{MapError, leak};
use crate::Failed;
use crate::gnttab::remote::RemoteGrant;
use crate::gnttab::retry::{NoRetry, Retry, Tries};
use crate::hypercall::grant_table_op::{
    MapGrantRef, UnmapGrantRef, map_grant_ref, unmap_grant_ref,
};
use crate::hypercall::{Error, Hypercall};
use crate::page::{MapTarget, Owner, PAGE_SIZE, check_is_movable};
use crate::view::{Access, ReadOnly, View};

/// A granted frame that is mapped at the target `T`.
///
/// The handle, the host address and the device address stay together with the target until Xen has
/// confirmed the unmap. Dropping unmaps; if that fails the target is leaked, see the [module](super).
///
/// ```no_run
/// use xen_ops::hypercall::Hypercall;
/// use xen_ops::page::MapTarget;
/// use xen_ops::{Mapping, ReadOnly, RemoteGrant};
///
/// fn first_byte<H: Hypercall, T: MapTarget>(xen: H, grant: RemoteGrant, target: T) -> Option<u8> {
///     let mapping = Mapping::new(xen, grant, target, ReadOnly).ok()?;
///     mapping.view().read_obj(0).ok()
/// }
/// ```
///
/// A read-only mapping has no way to write:
///
/// ```compile_fail,E0599
/// # use xen_ops::{Mapping, ReadOnly, hypercall::Hypercall, page::MapTarget};
/// fn write<H: Hypercall, T: MapTarget>(mapping: &Mapping<H, T, ReadOnly>) {
///     mapping.view().write(0, &[1]);
/// }
/// ```
#[must_use = "dropping a mapping unmaps it"]
pub struct Mapping<H: Hypercall, T: MapTarget, A: Access = ReadOnly> {
    xen: H,
    target: ManuallyDrop<T>,
    entry: Entry,
    access: PhantomData<A>,
}

/// What an unmap passes to Xen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) grant: RemoteGrant,
    pub(super) handle: grant_handle_t,
    pub(super) host_addr: u64,
    pub(super) machine_addr: u64,
    /// Whether it is mapped for devices too, and so whether the unmap must say so.
    pub(super) devices: bool,
}

impl Entry {
    pub(super) fn unmap(&self) -> UnmapGrantRef {
        let dev_bus_addr = if self.devices { self.machine_addr } else { 0 };
        UnmapGrantRef::new(self.host_addr, dev_bus_addr, self.handle)
    }
}

impl<H: Hypercall, T: MapTarget, A: Access> Mapping<H, T, A> {
    /// Maps `grant` at `target`.
    ///
    /// # Errors
    ///
    /// [`MapError`], with the target unless it is leaked.
    pub fn new(
        xen: H,
        grant: RemoteGrant,
        target: T,
        access: A,
    ) -> Result<Self, Failed<MapError, T>> {
        Self::with_retry(xen, grant, target, access, &mut NoRetry)
    }

    /// Maps `grant` at `target`, and tries again as `retry` says while Xen answers `GNTST_eagain`.
    ///
    /// # Errors
    ///
    /// [`MapError`], with the target unless it is leaked.
    pub fn with_retry<R: Retry + ?Sized>(
        xen: H,
        grant: RemoteGrant,
        target: T,
        _access: A,
        retry: &mut R,
    ) -> Result<Self, Failed<MapError, T>> {
        Self::map(xen, grant, target, false, retry)
    }

    /// Maps `grant` at `target`, and for devices of this domain at its machine address.
    ///
    /// PV guests only: in others the status is `GNTST_general_error`.
    ///
    /// # Errors
    ///
    /// [`MapError`], with the target unless it is leaked.
    pub fn for_devices(
        xen: H,
        grant: RemoteGrant,
        target: T,
        access: A,
    ) -> Result<Self, Failed<MapError, T>> {
        Self::for_devices_with_retry(xen, grant, target, access, &mut NoRetry)
    }

    /// As [`for_devices`](Self::for_devices), and tries again as `retry` says while Xen answers
    /// `GNTST_eagain`.
    ///
    /// # Errors
    ///
    /// [`MapError`], with the target unless it is leaked.
    pub fn for_devices_with_retry<R: Retry + ?Sized>(
        xen: H,
        grant: RemoteGrant,
        target: T,
        _access: A,
        retry: &mut R,
    ) -> Result<Self, Failed<MapError, T>> {
        Self::map(xen, grant, target, true, retry)
    }

    fn map<R: Retry + ?Sized>(
        xen: H,
        grant: RemoteGrant,
        mut target: T,
        devices: bool,
        retry: &mut R,
    ) -> Result<Self, Failed<MapError, T>> {
        let request = match request::<A, H, T>(&xen, grant, &target, devices) {
            Ok(request) => request,
            Err(error) => return Err(Failed::returning(error, target)),
        };
        let mut tries = Tries::new(retry);
        loop {
            let (returned, (failed, outcome)) = leak_on_unwind(target, |_| {
                // Anew each time, so that no status of an earlier try is left.
                let mut element = [request];
                // SAFETY: the host address is the target's, which nothing else uses.
                let batch = unsafe { map_grant_ref(&xen, &mut element) };
                (batch.result.is_err(), outcome::mapped_one(batch))
            });
            target = returned;
            if outcome != Outcome::Again || failed || !tries.another() {
                return Self::settle(xen, grant, target, devices, outcome);
            }
        }
    }

    /// Turns the outcome of a map into the result. [`Outcome::Again`] is a failure now.
    pub(super) fn settle(
        xen: H,
        grant: RemoteGrant,
        target: T,
        devices: bool,
        outcome: Outcome,
    ) -> Result<Self, Failed<MapError, T>> {
        match outcome {
            Outcome::Mapped { handle, host_addr, machine_addr } => {
                let entry = Entry { grant, handle, host_addr, machine_addr, devices };
                let target = ManuallyDrop::new(target);
                let mapping = Self { xen, target, entry, access: PhantomData };
                if devices && machine_addr == 0 {
                    // The unmap would leave the device's half and report success.
                    mapping.leak();
                    return Err(Failed::keeping(MapError::DeviceAddress));
                }
                Ok(mapping)
            }
            Outcome::Again => {
                Err(Failed::returning(MapError::Xen(outcome::still_eagain()), target))
            }
            Outcome::Refused(error) => Err(Failed::returning(MapError::Xen(error), target)),
            Outcome::Unknown(error) => {
                leak(target);
                Err(Failed::keeping(MapError::Xen(error)))
            }
        }
    }

    /// Unmaps, and returns the target.
    ///
    /// # Errors
    ///
    /// [`Error`], with the mapping if it certainly still exists: Xen did not process the request, or
    /// refused it. Otherwise the target is leaked.
    pub fn unmap(self) -> Result<T, Failed<Error, Self>> {
        let (mapping, unmapped) = leak_on_unwind(self, Self::unmap_once);
        mapping.after(unmapped)
    }

    fn unmap_once(&self) -> Unmapped {
        let mut element = [self.entry.unmap()];
        // SAFETY: views of the frame borrow the mapping, which both callers own or borrow mutably, and
        // which they return only if Xen has left it as it was.
        let batch = unsafe { unmap_grant_ref(&self.xen, &mut element) };
        outcome::unmapped_one(batch)
    }

    /// Turns the outcome of an unmap into the result.
    pub(super) fn after(self, unmapped: Unmapped) -> Result<T, Failed<Error, Self>> {
        match unmapped {
            Unmapped::Done => Ok(self.into_target()),
            Unmapped::Intact(error) => Err(Failed::returning(error, self)),
            Unmapped::Unknown(error) => {
                self.leak();
                Err(Failed::keeping(error))
            }
        }
    }

    /// The hypervisor and the target, without unmapping.
    pub(in crate::gnttab) fn into_parts(self) -> (H, T) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped, so each is taken once.
        unsafe { (ptr::read(&this.xen), ManuallyDrop::take(&mut this.target)) }
    }

    /// The target, at which nothing is mapped any more.
    fn into_target(self) -> T {
        let (xen, target) = self.into_parts();
        drop(xen);
        target
    }

    /// Leaks the target, at which something may be mapped.
    pub(in crate::gnttab) fn leak(self) {
        let (xen, target) = self.into_parts();
        leak(target);
        drop(xen);
    }

    /// The frame's bytes, which the granting domain may change at any time.
    #[must_use]
    pub fn view(&self) -> View<'_, A> {
        // SAFETY: the frame is mapped with this access while `self` lives; a target's address is
        // that of a page, and the granting domain's memory is only accessed through views.
        unsafe { View::new(self.target.address()) }
    }

    /// The grant.
    #[must_use]
    pub fn grant(&self) -> RemoteGrant {
        self.entry.grant
    }

    /// The handle under which Xen tracks it.
    #[must_use]
    pub fn handle(&self) -> grant_handle_t {
        self.entry.handle
    }

    /// The target's host address, in bytes.
    #[must_use]
    pub fn host_addr(&self) -> u64 {
        self.entry.host_addr
    }

    /// The frame's machine address, in bytes. Devices reach it there if it was mapped
    /// [`for_devices`](Self::for_devices), or if there is no IOMMU; cache maintenance names it so.
    #[must_use]
    pub fn machine_addr(&self) -> u64 {
        self.entry.machine_addr
    }

    /// Whether it is mapped for devices too.
    #[must_use]
    pub fn has_devices(&self) -> bool {
        self.entry.devices
    }

    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    pub(in crate::gnttab) fn xen(&self) -> &H {
        &self.xen
    }
}

impl<H: Hypercall, T: MapTarget, A: Access> Drop for Mapping<H, T, A> {
    fn drop(&mut self) {
        // SAFETY: the field is not touched again.
        let target = unsafe { ManuallyDrop::take(&mut self.target) };
        let (target, unmapped) = leak_on_unwind(target, |_| self.unmap_once());
        if unmapped != Unmapped::Done {
            leak(target);
        }
    }
}

impl<H: Hypercall, T: MapTarget, A: Access> fmt::Debug for Mapping<H, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry.fmt(f)
    }
}

/// The element that requests a mapping, if the target is of this domain and its address valid.
pub(super) fn request<A: Access, H: Hypercall, T: MapTarget>(
    xen: &H,
    grant: RemoteGrant,
    target: &T,
    devices: bool,
) -> Result<MapGrantRef, MapError> {
    check_is_movable::<T>();
    if Owner::is_foreign(|| xen.owner(), target.owner()) {
        return Err(MapError::OtherDomain);
    }
    let host_addr = target.host_addr();
    if host_addr == 0 || host_addr % PAGE_SIZE as u64 != 0 {
        return Err(MapError::HostAddress(host_addr));
    }
    let mut flags = GNTMAP_host_map;
    if devices {
        flags |= GNTMAP_device_map;
    }
    if A::READONLY {
        flags |= GNTMAP_readonly;
    }
    Ok(MapGrantRef::new(host_addr, flags, grant.reference, grant.domain.domid()))
}
