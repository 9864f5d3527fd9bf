//! Which version of a toolstack's interface the hypervisor takes.

use core::ops::Range;

use xen_abi::Errno;
use xen_abi::errno::XEN_EACCES;

/// Versions of the releases from 4.14 on are below these.
const VERSIONS: Range<u32> = 0x10..0x30;

/// The version of `domctl` or `sysctl` that the hypervisor takes, found by asking: `ask` makes a hypercall
/// with a version and returns its result. `None` if it takes none.
pub fn interface_version(ask: impl Fn(u32) -> isize) -> Option<u32> {
    VERSIONS.into_iter().find(|version| Errno::from_result(ask(*version)) != Some(XEN_EACCES))
}
