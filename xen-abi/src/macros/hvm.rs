//! How an HVM guest is told of events: values of `HVM_PARAM_CALLBACK_IRQ`.
//!
//! Upstream: `xen/include/public/hvm/params.h`, in comments. The type is in bits 63:56, its details
//! below; 0 turns notification off. [`callback_vector`] and [`callback_ppi`] have the same type
//! number: which one it means is the architecture's.

use crate::hvm::params::{
    HVM_PARAM_CALLBACK_IRQ_TYPE_MASK, HVM_PARAM_CALLBACK_TYPE_GSI, HVM_PARAM_CALLBACK_TYPE_PCI_INTX,
};

/// `HVM_PARAM_CALLBACK_TYPE_VECTOR` on x86, `HVM_PARAM_CALLBACK_TYPE_PPI` on Arm; either header shows
/// its own only.
const TYPE_OF_ARCH: u32 = 2;

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
const _: () = assert!(TYPE_OF_ARCH == crate::hvm::params::HVM_PARAM_CALLBACK_TYPE_VECTOR);
#[cfg(any(target_arch = "arm", target_arch = "aarch64"))]
const _: () = assert!(TYPE_OF_ARCH == crate::hvm::params::HVM_PARAM_CALLBACK_TYPE_PPI);

/// Where the type begins.
const TYPE_SHIFT: u32 = HVM_PARAM_CALLBACK_IRQ_TYPE_MASK.trailing_zeros();

const fn encode(kind: u32, details: u64) -> u64 {
    (kind as u64) << TYPE_SHIFT | details
}

/// The type of a value: `HVM_PARAM_CALLBACK_TYPE_*`.
#[must_use]
pub const fn callback_type(value: u64) -> u32 {
    (value >> TYPE_SHIFT) as u32
}

/// Through interrupt line `gsi`, or `None` for line 0, which would turn notification off.
///
/// Type `HVM_PARAM_CALLBACK_TYPE_GSI` of `hvm/params.h`.
#[must_use]
pub const fn callback_gsi(gsi: u32) -> Option<u64> {
    if gsi == 0 { None } else { Some(encode(HVM_PARAM_CALLBACK_TYPE_GSI, gsi as u64)) }
}

/// Through a PCI device's interrupt pin, 0 for INTA to 3 for INTD. `None` for a device above 31, a
/// function above 7 or a pin above 3.
///
/// Type `HVM_PARAM_CALLBACK_TYPE_PCI_INTX` of `hvm/params.h`.
///
/// ```
/// # use xen_abi::macros::hvm::callback_pci_intx;
/// // INTA of 0000:00:03.0, where Xen's platform device may be.
/// assert_eq!(callback_pci_intx(0, 0, 3, 0, 0), Some(0x0100_0000_0000_1800));
/// ```
#[must_use]
pub const fn callback_pci_intx(
    segment: u16,
    bus: u8,
    device: u8,
    function: u8,
    pin: u8,
) -> Option<u64> {
    if device > 31 || function > 7 || pin > 3 {
        return None;
    }
    let devfn = (device << 3 | function) as u64;
    let line = (segment as u64) << 32 | (bus as u64) << 16 | devfn << 8 | pin as u64;
    Some(encode(HVM_PARAM_CALLBACK_TYPE_PCI_INTX, line))
}

/// x86: through interrupt vector `vector` on vCPU 0. Needs `XENFEAT_hvm_callback_vector`.
///
/// Type `HVM_PARAM_CALLBACK_TYPE_VECTOR` of `hvm/params.h`.
///
/// ```
/// # use xen_abi::macros::hvm::callback_vector;
/// assert_eq!(callback_vector(0xf3), 0x0200_0000_0000_00f3);
/// ```
#[must_use]
pub const fn callback_vector(vector: u8) -> u64 {
    encode(TYPE_OF_ARCH, vector as u64)
}

/// Arm: through the private peripheral interrupt `ppi`, by edge or level, active low or high.
///
/// Type `HVM_PARAM_CALLBACK_TYPE_PPI` of `hvm/params.h`. With `edge` false and `active_low` true the
/// flags are `HVM_PARAM_CALLBACK_TYPE_PPI_FLAG_LOW_LEVEL`.
///
/// ```
/// # use xen_abi::macros::hvm::callback_ppi;
/// assert_eq!(callback_ppi(31, false, true), 0x0200_0000_0000_021f);
/// ```
#[must_use]
pub const fn callback_ppi(ppi: u8, edge: bool, active_low: bool) -> u64 {
    encode(TYPE_OF_ARCH, (active_low as u64) << 9 | (edge as u64) << 8 | ppi as u64)
}
