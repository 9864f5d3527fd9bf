//! Where the model does otherwise than the hypervisors.
//!
//! Each would be a thing that the model could learn: then its row goes, or the test of the model fails.

use super::difference::{Difference, ENOSYS, INT_ENOSYS, Where, ZERO};
use super::host::{NO_PV_HOST, NO_X86_PLATFORM};
use crate::{Arch, Mode};

/// See [`crate::differences`]; these come after the hypervisors' own.
pub(super) const MODEL: &[Difference] = &[
    Difference {
        place: |at| at.arch == Arch::Arm,
        scenario: "sched",
        steps: &[("watchdog, a third one", Some("4294967268"))],
        reason: "results have as many bits as the process that the model is in",
    },
    Difference {
        place: |at| at.arch == Arch::Arm && at.before(17),
        scenario: "physdev",
        steps: &[("*", INT_ENOSYS)],
        reason: "and here the upper half of a register, which the result does not fill",
    },
    Difference {
        place: |at| at.arch == Arch::Arm && at.mode == Mode::Native,
        scenario: "version",
        steps: &[("capabilities, text", Some("xen-3.0-aarch64 xen-3.0-armv7l"))],
        reason: "the model's hypervisor has 64 bits",
    },
    Difference {
        place: |at| at.arch == Arch::X86_32,
        scenario: "memory-extents",
        steps: &[("increase_reservation, frames that it told", ZERO)],
        reason: "the model's area has nothing of earlier calls",
    },
    Difference {
        place: |at| at.arch == Arch::X86_32 && !at.before(17),
        scenario: "memory",
        steps: &[("reserved_device_memory_map", ZERO)],
        reason: "the model has no IOMMU, whose driver asks about a device",
    },
    Difference {
        place: |at| !at.is_arm(),
        scenario: "host",
        steps: NO_X86_PLATFORM,
        reason: "the model has no host",
    },
    Difference {
        place: Where::is_pv,
        scenario: "host",
        steps: NO_PV_HOST,
        reason: "the model has no host",
    },
    Difference {
        place: |_| true,
        scenario: "host",
        steps: &[("hypfs_op, *", ENOSYS)],
        reason: "the model has no host",
    },
];
