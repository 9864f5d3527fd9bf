//! Where Linux as the first domain really differs from the reference, which is of the newest release on
//! x86-64.

use super::difference::{Difference, EFAULT, EINVAL, ENOSYS, Where, ZERO};
use crate::{Arch, Mode};

const ENOTTY: Option<&str> = Some("-ENOTTY");

const fn is_arm64(at: Where) -> bool {
    matches!((at.arch, at.mode), (Arch::Aarch64, Mode::Linux))
}

/// Whether Linux is a domain whose memory Xen translates.
const fn is_translated(at: Where) -> bool {
    is_arm64(at) || matches!(at.mode, Mode::LinuxPvh)
}

/// What hypervisors and kernels really do.
pub(super) const LINUX: &[Difference] = &[
    Difference {
        place: |at| at.release == (4, 17),
        scenario: "privcmd",
        steps: &[("hypercall, xen_version", Some("4.17"))],
        reason: "that is what the release is",
    },
    Difference {
        place: |at| at.release == (4, 17),
        scenario: "evtchn",
        steps: &[("bind_static, *", ENOSYS)],
        reason: "the kernel of that release, 6.1, is older than this ioctl",
    },
    Difference {
        place: |at| at.release == (4, 17),
        scenario: "hypercalls",
        steps: &[("version", Some("4.17"))],
        reason: "that is what the release is",
    },
    Difference {
        place: |at| at.release == (4, 17),
        scenario: "hypercalls",
        steps: &[("bind_static", ENOSYS), ("bind_static, again", ENOSYS)],
        reason: "the kernel of that release, 6.1, is older than this ioctl",
    },
    Difference {
        place: is_arm64,
        scenario: "hypercalls",
        steps: &[("dm_op, no such domain", ENOSYS)],
        reason: "there are no device models on Arm",
    },
    Difference {
        place: |at| at.release == (4, 17),
        scenario: "privcmd",
        steps: &[("ioeventfd", ENOTTY), ("irqfd", ENOTTY), ("pcidev_get_gsi", ENOTTY)],
        reason: "the kernel of that release, 6.1, is older than these ioctls",
    },
    Difference {
        place: is_arm64,
        scenario: "privcmd",
        steps: &[("pcidev_get_gsi", EINVAL)],
        reason: "Arm's kernel has nothing that would answer; x86's has, in a module that is not loaded",
    },
    Difference {
        place: is_arm64,
        scenario: "evtchn",
        steps: &[("bind_virq, the kernel's", Some("true"))],
        reason: "Arm's kernel has a timer of the processor's, not Xen's virtual interrupt",
    },
    Difference {
        place: is_arm64,
        scenario: "evtchn",
        steps: &[("bind_unbound_port, no such domain", Some("-ESRCH"))],
        reason: "Debian's hypervisors for Arm look at both domains, to keep unprivileged ones apart",
    },
    Difference {
        place: is_arm64,
        scenario: "privcmd",
        steps: &[("hypercall, an answer in a fresh buffer", EFAULT)],
        reason: "Xen writes as the program could, which cannot before the kernel has noted the page \
                 as written",
    },
    Difference {
        place: is_translated,
        scenario: "privcmd",
        steps: &[("mmap, *", ENOSYS)],
        reason: "for PV domains alone",
    },
    Difference {
        place: is_translated,
        scenario: "privcmd",
        steps: &[("mmapbatch_v2, again", EINVAL), ("mmapbatch_v2, again, the frame's error", ZERO)],
        reason: "a translated domain has pages of its own in the range after the first time",
    },
    Difference {
        place: is_arm64,
        scenario: "privcmd",
        steps: &[("dm_op", ENOSYS), ("dm_op, no such domain", ENOSYS)],
        reason: "there are no device models on Arm",
    },
    Difference {
        place: is_arm64,
        scenario: "hypercalls",
        steps: &[
            ("platform_op, *", None),
            ("kexec_op, *", None),
            ("mca, *", None),
            ("xenpmu_op, *", None),
        ],
        reason: "hypercalls and operations of x86",
    },
    Difference {
        place: |at| at.mode == Mode::LinuxPvh,
        scenario: "hypercalls",
        steps: &[("kexec_op, *", ENOSYS), ("mca, *", ENOSYS)],
        reason: "hypercalls of PV guests",
    },
];
