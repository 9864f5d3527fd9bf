//! x86 PV: `trap_info.flags`.
//!
//! Upstream: `xen/include/public/arch-x86/xen.h`. Functions of the flags, so that they serve both word
//! sizes. The setters replace their bits; upstream's can only set them.

const DPL: u8 = 3;
const IF: u8 = 1 << 2;

/// The lowest privilege that may raise the exception by software, 0 to 3.
///
/// `TI_GET_DPL` of `arch-x86/xen.h`.
#[must_use]
pub const fn ti_get_dpl(flags: u8) -> u8 {
    flags & DPL
}

/// Whether events are masked on entry to the handler.
///
/// `TI_GET_IF` of `arch-x86/xen.h`.
#[must_use]
pub const fn ti_get_if(flags: u8) -> bool {
    flags & IF != 0
}

/// `flags` with the privilege `dpl`, of which the low two bits count.
///
/// `TI_SET_DPL` of `arch-x86/xen.h`.
///
/// ```
/// # use xen_abi::macros::trap_info::{ti_set_dpl, ti_set_if};
/// assert_eq!(ti_set_if(ti_set_dpl(0, 3), true), 7);
/// ```
#[must_use]
pub const fn ti_set_dpl(flags: u8, dpl: u8) -> u8 {
    flags & !DPL | dpl & DPL
}

/// `flags` with events masked on entry to the handler, or not.
///
/// `TI_SET_IF` of `arch-x86/xen.h`.
#[must_use]
pub const fn ti_set_if(flags: u8, mask_events: bool) -> u8 {
    if mask_events { flags | IF } else { flags & !IF }
}
