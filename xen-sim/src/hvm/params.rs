//! Values of an x86 guest's parameters.

use xen_abi::errno::*;
use xen_abi::hvm::params::*;
use xen_abi::sched::SHUTDOWN_MAX;
use xen_abi::xen::DOMID_SELF;

use crate::error::Answer;

/// Bytes of a task state segment.
pub(super) const TSS_SIZE: u64 = 104;
/// Bytes that are of use: those, the interrupt and the I/O bitmap, and one more.
const LARGEST_TSS: u64 = TSS_SIZE + 0x100 / 8 + 0x1_0000 / 8 + 1;
/// Bytes that are assumed where a guest names no size.
const OLD_TSS_SIZE: u64 = 128;

/// Checks a value that is to be set in place of `old`. Returns the parameter that is set, and to what;
/// nothing if none changes.
pub(super) fn check(index: u32, value: u64, old: u64) -> Answer<Option<(u32, u64)>> {
    let valid = match index {
        HVM_PARAM_ALTP2M => value <= u64::from(XEN_ALTP2M_limited),
        HVM_PARAM_NESTEDHVM => value <= 1,
        HVM_PARAM_TIMER_MODE => value <= u64::from(HVMPTM_one_missed_tick_pending),
        HVM_PARAM_X87_FIP_WIDTH => matches!(value, 0 | 4 | 8),
        HVM_PARAM_VIRIDIAN => {
            let known = u64::from(HVMPV_feature_mask);
            value & !known == 0 && value & u64::from(HVMPV_base_freq) != 0
        }
        HVM_PARAM_ACPI_S_STATE => matches!(value, 0 | 3),
        HVM_PARAM_TRIPLE_FAULT_REASON => value <= u64::from(SHUTDOWN_MAX),
        HVM_PARAM_NR_IOREQ_SERVER_PAGES => (1..=64).contains(&value),
        HVM_PARAM_DM_DOMAIN => value == u64::from(DOMID_SELF.0),
        // The processor here has the one capability that there is not.
        HVM_PARAM_MCA_CAP => value == 0,
        HVM_PARAM_VM86_TSS => value <= u64::from(u32::MAX),
        HVM_PARAM_VM86_TSS_SIZED => value >> 32 >= TSS_SIZE,
        // These guests have no power management timer.
        HVM_PARAM_ACPI_IOPORTS_LOCATION => return Err(XEN_ENODEV),
        _ => true,
    };
    if !valid {
        return Err(XEN_EINVAL);
    }
    Ok(match index {
        HVM_PARAM_VM86_TSS if value == 0 => Some((HVM_PARAM_VM86_TSS_SIZED, 0)),
        HVM_PARAM_VM86_TSS => Some((HVM_PARAM_VM86_TSS_SIZED, value | OLD_TSS_SIZE << 32)),
        HVM_PARAM_VM86_TSS_SIZED => {
            let size = (value >> 32).min(LARGEST_TSS);
            Some((index, value & u64::from(u32::MAX) | size << 32))
        }
        _ if value == old => None,
        _ => Some((index, value)),
    })
}
