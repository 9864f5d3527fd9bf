//! What other kinds of guests than PV ones, and older releases, answer in the scenarios `host` and `mmu`.

use super::difference::{Difference, EINVAL, ENOENT, ENOSYS, Steps, Where, ZERO};
use crate::Arch;

/// What `platform_op` has for x86 alone, where it has it not.
pub(super) const NO_X86_PLATFORM: Steps = &[
    ("get_cpu_version", ENOSYS),
    ("get_cpuinfo", ENOSYS),
    ("cpu_offline, *", ENOSYS),
    ("cpu_online, *", ENOSYS),
    ("resource_op, *", ENOSYS),
    ("firmware_info, *", ENOSYS),
    ("get_symbol", ENOSYS),
    ("get_symbol, no such symbol", ENOSYS),
    ("get_symbol, the next", ZERO),
];

/// `kexec_op` and `mca` where they are not.
pub(super) const NO_PV_HOST: Steps = &[
    ("kexec_op, *", ENOSYS),
    ("kexec_get_range, *", ENOSYS),
    ("kexec_get_range, crash kernel, size", ZERO),
    ("mca, *", ENOSYS),
];

/// See [`super`].
pub(super) const HOST: &[Difference] = &[
    Difference {
        place: |at| !at.is_pv(),
        scenario: "host",
        steps: NO_PV_HOST,
        reason: "hypercalls of PV guests",
    },
    Difference {
        place: Where::is_arm,
        scenario: "host",
        steps: NO_X86_PLATFORM,
        reason: "Arm's platform_op sets the time, no more",
    },
    Difference {
        place: Where::is_arm,
        scenario: "host",
        steps: &[("xenpmu_op, *", ENOSYS)],
        reason: "a hypercall of x86",
    },
    Difference {
        place: |at| at.before(17),
        scenario: "host",
        steps: &[("hypfs_op, read, not absolute", ENOENT)],
        reason: "4.14 looks for the entry and finds none",
    },
    Difference {
        place: |at| at.is_pv() && at.before(20),
        scenario: "host",
        steps: &[("kexec_op, unknown command", ZERO)],
        reason: "the result of the privilege's check was left, which is success",
    },
    Difference {
        place: Where::is_pvh,
        scenario: "mmu",
        steps: &[
            ("mmuext_op, *", EINVAL),
            ("mmuext_op, no such domain*", Some("-ESRCH")),
            ("update_va_mapping_otherdomain, *", ENOSYS),
        ],
        reason: "a translated guest extends the page tables of PV guests, and its own are the processor's",
    },
    Difference {
        place: |at| at.arch == Arch::X86_32,
        scenario: "mmu",
        steps: &[("mmuext_op, none", ZERO)],
        reason: "compat_mmuext_op hands on no batch that is empty",
    },
    Difference {
        place: Where::is_arm,
        scenario: "mmu",
        steps: &[("*", ENOSYS)],
        reason: "hypercalls of x86",
    },
];
