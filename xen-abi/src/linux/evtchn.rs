//! `xen/evtchn.h`.

use super::ioc;
use crate::xen::domid_t;

pub const IOCTL_EVTCHN_BIND_VIRQ: u32 = ioc(b'E', 0, size_of::<ioctl_evtchn_bind_virq>());
pub const IOCTL_EVTCHN_BIND_INTERDOMAIN: u32 =
    ioc(b'E', 1, size_of::<ioctl_evtchn_bind_interdomain>());
pub const IOCTL_EVTCHN_BIND_UNBOUND_PORT: u32 =
    ioc(b'E', 2, size_of::<ioctl_evtchn_bind_unbound_port>());
pub const IOCTL_EVTCHN_UNBIND: u32 = ioc(b'E', 3, size_of::<ioctl_evtchn_unbind>());
pub const IOCTL_EVTCHN_NOTIFY: u32 = ioc(b'E', 4, size_of::<ioctl_evtchn_notify>());
pub const IOCTL_EVTCHN_RESET: u32 = ioc(b'E', 5, 0);
pub const IOCTL_EVTCHN_RESTRICT_DOMID: u32 = ioc(b'E', 6, size_of::<ioctl_evtchn_restrict_domid>());

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_evtchn_bind_virq {
    pub virq: u32,
}

impl ioctl_evtchn_bind_virq {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_evtchn_bind_virq {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_evtchn_bind_interdomain {
    pub remote_domain: u32,
    pub remote_port: u32,
}

impl ioctl_evtchn_bind_interdomain {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_evtchn_bind_interdomain {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_evtchn_bind_unbound_port {
    pub remote_domain: u32,
}

impl ioctl_evtchn_bind_unbound_port {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_evtchn_bind_unbound_port {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_evtchn_unbind {
    pub port: u32,
}

impl ioctl_evtchn_unbind {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_evtchn_unbind {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_evtchn_notify {
    pub port: u32,
}

impl ioctl_evtchn_notify {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_evtchn_notify {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_evtchn_restrict_domid {
    pub domid: domid_t,
}

impl ioctl_evtchn_restrict_domid {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_evtchn_restrict_domid {}
