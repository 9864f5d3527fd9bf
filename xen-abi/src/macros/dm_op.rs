//! Device models.
//!
//! Upstream: `xen/include/public/hvm/dm_op.h`.

/// A PCI function's address as `XEN_DMOP_IO_RANGE_PCI` ranges count them. `device` is cut to its low
/// 5 bits and `function` to its low 3, as C does.
///
/// `XEN_DMOP_PCI_SBDF` of `hvm/dm_op.h`.
///
/// ```
/// # use xen_abi::macros::dm_op::xen_dmop_pci_sbdf;
/// assert_eq!(xen_dmop_pci_sbdf(0, 0, 3, 1), 0x19);
/// ```
#[must_use]
pub const fn xen_dmop_pci_sbdf(segment: u16, bus: u8, device: u8, function: u8) -> u32 {
    (segment as u32) << 16 | (bus as u32) << 8 | (device as u32 & 0x1f) << 3 | function as u32 & 7
}
