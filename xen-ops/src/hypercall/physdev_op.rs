//! `PHYSDEVOP_*`: physical interrupts, ports and PCI devices. Most are for the hardware domain; Arm has
//! only the three for PCI devices.
//!
//! An HVM or PVH guest has few of them, `ENOSYS` for the others: [`eoi`], [`irq_status_query`] and
//! [`get_free_pirq`] if it has interrupts of the machine as event channels, [`map_pirq`] and [`unmap_pirq`]
//! too (from 4.20 on always), and as the hardware domain [`pci_mmcfg_reserved`], in 4.20 also [`setup_gsi`],
//! [`pci_device_add`], [`pci_device_remove`], [`pci_device_reset()`] and [`dbgp_op`].
//!
//! Upstream: `xen/include/public/physdev.h`.

use xen_abi::physdev::*;
use xen_abi::xen::__HYPERVISOR_physdev_op;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use xen_abi::{
    GuestHandle,
    xen::{domid_t, xen_pfn_t, xen_ulong_t},
};

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_physdev_op(command, argument);
    commands PHYSDEVOP_*, arguments physdev_*;
    callers pv, hvm, arm as OPERATIONS;

    /// Tells Xen that an interrupt has been handled.
    ///
    /// # Errors
    ///
    /// `EINVAL`: the domain has no such interrupt.
    single eoi on x86 {
        in irq: u32,
    } -> errno;

    /// Registers a page in which Xen sets a bit for each interrupt that needs [`eoi`]. From then on an
    /// [`eoi`] unmasks the event channel as well.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EINVAL` (the frame is not writable memory of the caller's), `EBUSY`
    /// (the domain has registered one), `ENOSPC` (Xen cannot map it).
    ///
    /// # Safety
    ///
    /// Xen writes to the frame from then on: it is used for nothing else, and accessed as shared memory
    /// only.
    unsafe single pirq_eoi_gmfn_v1: physdev_pirq_eoi_gmfn on x86 {
        in gmfn: xen_pfn_t,
    } -> errno;

    /// As [`pirq_eoi_gmfn_v1`], but [`eoi`] does not unmask event channels.
    ///
    /// # Errors
    ///
    /// As [`pirq_eoi_gmfn_v1`].
    ///
    /// # Safety
    ///
    /// As [`pirq_eoi_gmfn_v1`].
    unsafe single pirq_eoi_gmfn_v2: physdev_pirq_eoi_gmfn on x86 {
        in gmfn: xen_pfn_t,
    } -> errno;

    /// The properties of an interrupt (`XENIRQSTAT_*`).
    ///
    /// # Errors
    ///
    /// `EINVAL`: the domain has no such interrupt.
    single irq_status_query on x86 {
        in irq: u32,
        out flags: IrqStatusFlags,
    } -> errno;

    /// Unmasks all event channels of interrupts that Xen has had to hold back. Old guests only.
    single irq_unmask_notify = PHYSDEVOP_IRQ_UNMASK_NOTIFY on x86 -> errno;

    /// Sets the level of privilege, 0 to 3, up to which the vCPU may use ports. PV guests only.
    ///
    /// # Errors
    ///
    /// `EINVAL`: a level above 3.
    single set_iopl on x86 {
        in iopl: u32,
    } -> errno;

    /// Sets which of the first `nr_ports` ports, at most 65536, user space may use on this vCPU: those whose
    /// bit is clear. PV guests only.
    ///
    /// # Errors
    ///
    /// `EINVAL`: more than 65536 ports, or an address that is not the guest's.
    ///
    /// # Safety
    ///
    /// Xen reads the 8192 bytes there at each access from then on: they do not change.
    unsafe single set_iobitmap on x86 {
        in bitmap: GuestHandle<u8>,
        in nr_ports: u32,
    } -> errno;

    /// Reads a register of an I/O APIC.
    ///
    /// # Errors
    ///
    /// `EPERM` (the caller is not a control domain), and the errors of reading.
    single apic_read: physdev_apic on x86 {
        in apic_physbase: xen_ulong_t,
        in reg: u32,
        out value: u32,
    } -> errno;

    /// Writes a register of an I/O APIC. Xen ignores vectors.
    ///
    /// # Errors
    ///
    /// `EPERM` (the caller is not a control domain), and the errors of writing.
    single apic_write: physdev_apic on x86 {
        in apic_physbase: xen_ulong_t,
        in reg: u32,
        in value: u32,
    } -> errno;

    /// Reserves a vector for an interrupt. Xen answers with the interrupt's own number.
    ///
    /// # Errors
    ///
    /// `EPERM`: the caller is not a control domain.
    single alloc_irq_vector: physdev_irq on x86 {
        in irq: u32,
        out vector: u32,
    } -> errno;

    /// Frees a vector; no known release implements it.
    ///
    /// # Errors
    ///
    /// `ENOSYS`.
    single free_irq_vector: physdev_irq on x86 {
        in irq: u32,
        in vector: u32,
    } -> errno;

    /// Assigns an interrupt to `domid`, of the kind `type_` (`MAP_PIRQ_TYPE_*`). With `pirq` negative Xen
    /// chooses its number. `entry_nr` is the entry of an MSI-X table, or the number of vectors with
    /// `MAP_PIRQ_TYPE_MULTI_MSI`; if there are fewer, it returns their number.
    ///
    /// # Errors
    ///
    /// `EINVAL` (`MAP_PIRQ_TYPE_MULTI_MSI` with a `table_base`), `ESRCH` (no such domain), and the
    /// errors of mapping.
    single map_pirq on x86 {
        in domid: domid_t,
        in type_: i32,
        inout index: i32,
        inout pirq: i32,
        in bus: i32,
        in devfn: i32,
        inout entry_nr: i32,
        in table_base: u64,
    } -> errno_and_out;

    /// Removes an interrupt from `domid`.
    ///
    /// # Errors
    ///
    /// `ESRCH` (no such domain), and the errors of unmapping.
    single unmap_pirq on x86 {
        in domid: domid_t,
        in pirq: i32,
    } -> errno;

    /// Reports a PCI device of segment 0. [`pci_device_add`] can say more.
    ///
    /// # Errors
    ///
    /// `EPERM` (the caller is not a control domain), and the errors of adding the device.
    single manage_pci_add: physdev_manage_pci on x86 {
        in bus: u8,
        in devfn: u8,
    } -> errno;

    /// Reports that a PCI device of segment 0 is gone.
    ///
    /// # Errors
    ///
    /// `EPERM` (the caller is not a control domain), `ENODEV` (no such device), and the errors of removing it.
    single manage_pci_remove: physdev_manage_pci on x86 {
        in bus: u8,
        in devfn: u8,
    } -> errno;

    /// Writes the MSI registers of a PCI device of segment 0 again, after it slept.
    ///
    /// # Errors
    ///
    /// `ENODEV` (no such device), and the errors of restoring.
    single restore_msi on x86 {
        in bus: u8,
        in devfn: u8,
    } -> errno;

    /// Reports a PCI device of segment 0 that is an extended or a virtual function.
    ///
    /// # Errors
    ///
    /// `EINVAL` (`is_extfn` or `is_virtfn` above 1), then those of [`manage_pci_add`].
    single manage_pci_add_ext: physdev_manage_pci_ext on x86 {
        in bus: u8,
        in devfn: u8,
        in is_extfn: u32,
        in is_virtfn: u32,
        in physfn: physdev_manage_pci_ext_physfn,
    } -> errno;

    /// Sets trigger and polarity of a global interrupt.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EINVAL` (no such interrupt), `EPERM` (the caller is not a control
    /// domain), and the errors of setting it up.
    single setup_gsi on x86 {
        in gsi: i32,
        in triggering: u8,
        in polarity: u8,
    } -> errno;

    /// Reserves a number for an interrupt of the kind `type_` (`MAP_PIRQ_TYPE_*`), and returns it.
    ///
    /// # Errors
    ///
    /// The errors of the search for a number, and `ENOMEM`.
    single get_free_pirq on x86 {
        in type_: i32,
        out pirq: u32,
    } -> errno;

    /// Reports a region of memory with PCI configuration space. `flags` is `XEN_PCI_MMCFG_RESERVED` if the
    /// firmware has reserved it.
    ///
    /// # Errors
    ///
    /// `EPERM` (the caller is not a control domain), and the errors of registering the region.
    single pci_mmcfg_reserved on x86 {
        in address: u64,
        in segment: u16,
        in start_bus: u8,
        in end_bus: u8,
        in flags: u32,
    } -> errno;

    /// Reports a PCI device.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` (Arm: a Xen that passes no devices through), `EPERM` (the caller is not a control
    /// domain), and the errors of adding the device.
    single pci_device_add(in device: PciDeviceAdd) -> errno;

    /// Reports that a PCI device is gone.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` (Arm: a Xen that passes no devices through), `EPERM` (the caller is not a control
    /// domain), `ENODEV` (no such device), and the errors of removing it.
    single pci_device_remove: physdev_pci_device {
        in seg: u16,
        in bus: u8,
        in devfn: u8,
    } -> errno;

    /// Writes the MSI registers of a PCI device again, after it slept.
    ///
    /// # Errors
    ///
    /// As [`restore_msi`].
    single restore_msi_ext: physdev_pci_device on x86 {
        in seg: u16,
        in bus: u8,
        in devfn: u8,
    } -> errno;

    /// Keeps the MSI-X table of a device for Xen before another domain gets it.
    ///
    /// # Errors
    ///
    /// `EPERM` (the caller is not a control domain), and the errors of the device.
    single prepare_msix: physdev_pci_device on x86 {
        in seg: u16,
        in bus: u8,
        in devfn: u8,
    } -> errno;

    /// Ends [`prepare_msix`].
    ///
    /// # Errors
    ///
    /// As [`prepare_msix`].
    single release_msix: physdev_pci_device on x86 {
        in seg: u16,
        in bus: u8,
        in devfn: u8,
    } -> errno;

    /// Tells Xen that a device has been reset; `flags` says how (`PCI_DEVICE_RESET_*`). Since 4.20.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `ENOSYS` before 4.20, `EINVAL` (bits in `flags` that are not defined),
    /// `EPERM` (the caller is not a control domain), `ENODEV` (no such device).
    single pci_device_reset: pci_device_reset {
        in dev: physdev_pci_device_t,
        in flags: u32,
    } -> errno;

    /// Reports that the USB controller of Xen's debug port is about to be reset, or has been: `op` is one of
    /// `PHYSDEVOP_DBGP_RESET_*`, `bus` one of `PHYSDEVOP_DBGP_BUS_*`.
    ///
    /// # Errors
    ///
    /// `EPERM` (the caller is not the hardware domain), and the errors of the debug port.
    single dbgp_op on x86 {
        in op: u8,
        in bus: u8,
        in u: physdev_dbgp_op_u,
    } -> errno;
}

/// A PCI device, and the proximity domain that Xen reads after it if `flags` has `XEN_PCI_DEV_PXM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct PciDeviceAdd {
    /// Upstream's structure, without its flexible array of options.
    pub device: physdev_pci_device_add,
    /// The proximity domain, as ACPI numbers them.
    pub pxm: u32,
}

const _: () = assert!(
    core::mem::offset_of!(PciDeviceAdd, pxm)
        == core::mem::offset_of!(physdev_pci_device_add, optarr)
        && size_of::<PciDeviceAdd>() == size_of::<physdev_pci_device_add>() + size_of::<u32>()
);

// SAFETY: both members are plain, and fill the structure.
#[allow(unsafe_code, reason = "states a fact about a structure")]
unsafe impl xen_abi::Plain for PciDeviceAdd {}
