//! Linux's structures and ioctls from xen-abi, under the names that the rest of the crate uses.

use nix::ioctl_readwrite_bad;
use xen_abi::linux::evtchn::*;

pub use xen_abi::linux::evtchn::{
    ioctl_evtchn_bind_interdomain as BindInterdomainRequest,
    ioctl_evtchn_bind_unbound_port as BindUnboundPortRequest,
    ioctl_evtchn_bind_virq as BindVirqRequest, ioctl_evtchn_notify as NotifyRequest,
    ioctl_evtchn_unbind as UnbindPortRequest,
};

ioctl_readwrite_bad!(bind_virq, IOCTL_EVTCHN_BIND_VIRQ, BindVirqRequest);
ioctl_readwrite_bad!(bind_interdomain, IOCTL_EVTCHN_BIND_INTERDOMAIN, BindInterdomainRequest);
ioctl_readwrite_bad!(bind_unbound_port, IOCTL_EVTCHN_BIND_UNBOUND_PORT, BindUnboundPortRequest);
ioctl_readwrite_bad!(unbind, IOCTL_EVTCHN_UNBIND, UnbindPortRequest);
ioctl_readwrite_bad!(notify, IOCTL_EVTCHN_NOTIFY, NotifyRequest);
nix::ioctl_none_bad!(reset, IOCTL_EVTCHN_RESET);
