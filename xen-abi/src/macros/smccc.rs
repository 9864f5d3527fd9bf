//! Who answers an Arm guest's SMC and HVC calls.
//!
//! Upstream: `xen/include/public/arch-arm/smccc.h`. Bytes in the order a UUID is written, as the calls
//! return them: four to a register, the first in bits 7:0.

use super::xen::xen_define_uuid;

/// The identity of Xen's hypervisor service, a71812dc-c698-4369-9acf-79d18ddee667.
///
/// `XEN_SMCCC_UID` of `arch-arm/smccc.h`.
pub const XEN_SMCCC_UID: [u8; 16] =
    xen_define_uuid(0xa71812dc, 0xc698, 0x4369, 0x9acf, [0x79, 0xd1, 0x8d, 0xde, 0xe6, 0x67]).a;

/// The identity of Xen's standard service, f863386f-4b39-4cbd-9220-ce1641e59f6f.
///
/// `SSSC_SMCCC_UID` of `arch-arm/smccc.h`.
pub const SSSC_SMCCC_UID: [u8; 16] =
    xen_define_uuid(0xf863386f, 0x4b39, 0x4cbd, 0x9220, [0xce, 0x16, 0x41, 0xe5, 0x9f, 0x6f]).a;
