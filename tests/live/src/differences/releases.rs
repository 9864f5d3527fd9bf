//! What older releases do otherwise, or one kind of guest since some release.

use super::difference::{
    Difference, EFAULT, EINVAL, ENOENT, ENOSYS, EOPNOTSUPP, GENERAL_ERROR, INT_ENOSYS, OK,
    UNTOUCHED, Where, ZERO,
};
use crate::Arch;

/// The features that Xen tells at some places.
macro_rules! features {
    ($place:expr, $features:literal) => {
        Difference {
            place: $place,
            scenario: "version",
            steps: &[("get_features, submap 0, features", Some($features))],
            reason: "releases add features, and some are those of a kind of guest",
        }
    };
}

/// See [`super`].
pub(super) const RELEASES: &[Difference] = &[
    Difference {
        place: |at| at.release == (4, 14),
        scenario: "version",
        steps: &[("version", Some("4.14"))],
        reason: "that is what the release is",
    },
    Difference {
        place: |at| at.release == (4, 17),
        scenario: "version",
        steps: &[("version", Some("4.17"))],
        reason: "that is what the release is",
    },
    Difference {
        place: |at| at.before(20),
        scenario: "vcpu",
        steps: &[("register_vcpu_info, another place", EINVAL)],
        reason: "there were other words for a second place",
    },
    Difference {
        place: |at| at.before(17),
        scenario: "vcpu",
        steps: &[("register_vcpu_info, across the end of the page", EINVAL)],
        reason: "and for one that is too short",
    },
    Difference {
        place: |at| at.before(17) && at.is_arm(),
        scenario: "vcpu",
        steps: &[("*, no such vcpu", EINVAL)],
        reason: "which operations there are came before which vCPUs",
    },
    Difference {
        place: |at| at.before(20) && !at.is_arm(),
        scenario: "vcpu",
        steps: &[
            ("register_runstate_phys_area*", ENOSYS),
            ("register_vcpu_time_phys_area", ENOSYS),
        ],
        reason: "4.18 was the first to take physical addresses",
    },
    Difference {
        place: |at| at.before(17) && at.arch == Arch::Aarch64,
        scenario: "physdev",
        steps: &[("*", INT_ENOSYS)],
        reason: "the result was an int, of which Xen set the lower half of the register alone",
    },
    Difference {
        place: |at| at.before(20) && at.is_pvh(),
        scenario: "physdev",
        steps: &[("map_pirq, *", ENOSYS), ("unmap_pirq, *", ENOSYS)],
        reason: "4.20 was the first to let a PVH guest without interrupts of its own map others'",
    },
    Difference {
        place: |at| at.before(17) && !at.is_arm(),
        scenario: "memory-tables",
        steps: &[
            ("machphys_compat_mfn_list*", ZERO),
            ("machphys_compat_mfn_list, extents", Some("1")),
            ("paging_op, no such domain", Some("-ESRCH")),
            ("paging_op, own", Some("-EPERM")),
            ("get_pod_target, own", ZERO),
            ("set_pod_target, own", ZERO),
        ],
        reason: "Debian built in 32-bit PV guests and paging, and a PV guest was not told apart",
    },
    Difference {
        place: |at| at.before(20) && at.is_pvh(),
        scenario: "memory-physmap",
        steps: &[
            ("move, a page, moved already", EINVAL),
            ("move, no page", EINVAL),
            ("move, a range that is no page", EINVAL),
        ],
        reason: "where nothing is there was no page; now there is one that may not be moved",
    },
    Difference {
        place: |at| at.before(17) && !at.is_pv(),
        scenario: "memory-physmap",
        steps: &[
            ("add_to_physmap_batch, the second has no place", OK),
            ("add_to_physmap_batch, the second has no place, error 2", EINVAL),
            ("add_to_physmap_batch, the second has no place, error 3", ZERO),
        ],
        reason: "a frame number that is none was found out entry by entry",
    },
    Difference {
        place: |at| at.before(17) && at.is_pvh(),
        scenario: "memory-physmap",
        steps: &[
            ("add_to_physmap_batch, the second has no place, error 2", ENOENT),
            ("add_to_physmap_batch, foreign, own, error *", EINVAL),
            ("add_to_physmap_batch, foreign, DOMID_SELF, error *", EINVAL),
            ("move, a range beyond all numbers", EINVAL),
        ],
        reason: "the search for the frame fails, and that for oneself does not",
    },
    Difference {
        place: |at| at.before(17) && at.is_arm(),
        scenario: "memory-physmap",
        steps: &[("move, a range beyond all numbers", ENOSYS)],
        reason: "there was no check of where a range ends",
    },
    Difference {
        place: |at| at.before(20) && at.is_arm(),
        scenario: "memory-physmap",
        steps: &[
            ("add_to_physmap_batch, foreign, own, error *", Some("-ESRCH")),
            ("add_to_physmap_batch, foreign, DOMID_SELF, error *", EINVAL),
        ],
        reason: "the other domain was looked up otherwise",
    },
    Difference {
        place: |at| at.before(20),
        scenario: "gnttab-copy",
        steps: &[("no bytes, beyond all", Some("GNTST_bad_domain"))],
        reason: "a copy of no bytes was checked like any other",
    },
    Difference {
        place: |at| !at.is_pv() && (at.is_arm() || at.before(20)),
        scenario: "memory",
        steps: &[("machine_memory_map", ENOSYS)],
        reason: "4.20 lets a PVH control domain ask for the machine's map; Arm has none",
    },
    Difference {
        place: Where::is_arm,
        scenario: "memory",
        steps: &[("add_to_physmap, unknown space", ENOSYS)],
        reason: "Arm's own words for the same refusal",
    },
    Difference {
        place: |at| at.before(17),
        scenario: "gnttab-map",
        steps: &[("unmap, a device address that is not mapped", GENERAL_ERROR)],
        reason: "a device address was looked at where nothing is mapped for the device",
    },
    Difference {
        place: |at| at.before(17) && at.is_pv(),
        scenario: "gnttab-map",
        steps: &[("unmap, another device address", GENERAL_ERROR)],
        reason: "the status of its own came later",
    },
    Difference {
        place: |at| at.before(17),
        scenario: "gnttab-limits",
        steps: &[("map another grant, once more", Some("GNTST_no_device_space"))],
        reason: "there was no status of its own for too few handles",
    },
    Difference {
        place: |at| at.before(17),
        scenario: "gnttab-limits",
        steps: &[
            ("map it read-only", GENERAL_ERROR),
            ("unmap it read-only", None),
            ("unmap it read-only, flags of the entry", None),
        ],
        reason: "one kind of mapping that had reached its number refused all the others",
    },
    Difference {
        place: |at| at.before(17),
        scenario: "memory",
        steps: &[("acquire_resource, *", OK), ("acquire_resource, padding", EINVAL)],
        reason: "the size was answered before anyone asked whose it is",
    },
    Difference {
        place: |at| at.before(17) && !at.is_pv(),
        scenario: "memory",
        steps: &[
            ("add_to_physmap_batch, no frame", OK),
            ("add_to_physmap_batch, no frame, its own error", EINVAL),
        ],
        reason: "a frame number that is none was found out entry by entry",
    },
    Difference {
        place: |at| at.before(17) && at.is_pvh(),
        scenario: "memory",
        steps: &[
            ("add_to_physmap, grant_table, no frame", ENOENT),
            ("add_to_physmap_batch, no frame, its own error", ENOENT),
        ],
        reason: "no check of its own: the search for the frame fails",
    },
    Difference {
        place: |at| at.before(17) && at.is_arm(),
        scenario: "gnttab-pv",
        steps: &[
            ("transfer*", ZERO),
            ("transfer*, status", GENERAL_ERROR),
            ("transfer, no such frame, status", Some("GNTST_bad_page")),
            ("transfer, flags of the entry", Some("0x2")),
        ],
        reason: "Arm went through the elements, and could not take a page away",
    },
    Difference {
        place: |at| at.before(17) && at.is_arm(),
        scenario: "gnttab-entry",
        steps: &[("transfer, count 0*", ZERO), ("transfer, bad address", EFAULT)],
        reason: "as above",
    },
    Difference {
        place: |at| at.is_pvh() && at.before(17),
        scenario: "multicall",
        steps: &[
            ("entries", ENOSYS),
            ("entries, *", UNTOUCHED),
            ("no entries", ENOSYS),
            ("bad address", ENOSYS),
            ("torn list", ENOSYS),
            ("torn list, 0", UNTOUCHED),
            ("typed, *", Some("not run")),
            ("typed, close what was opened", None),
        ],
        reason: "translated x86 guests have multicalls since 4.15",
    },
    Difference {
        place: |at| !at.is_pvh() && at.before(17),
        scenario: "control",
        steps: &[("domctl, unknown command", EOPNOTSUPP)],
        reason: "an unknown command ends up at the IOMMU, and 4.14 says that this machine has none",
    },
    Difference {
        place: |at| at.is_arm() && at.before(17),
        scenario: "control",
        steps: &[("get_address_size", EOPNOTSUPP)],
        reason: "a command that Arm does not know ends up there too",
    },
    Difference {
        place: |at| at.before(20) && at.is_arm(),
        scenario: "events",
        steps: &[("bind_pirq", Some("-ENOMEM"))],
        reason: "Arm found out later that there are no such interrupts",
    },
    Difference {
        place: |at| at.before(17),
        scenario: "memory",
        steps: &[("acquire_resource, *, frames", Some("32"))],
        reason: "the size is how many frames one call could place",
    },
    Difference {
        place: |at| !at.is_pv() && !at.before(20),
        scenario: "version",
        steps: &[("platform_parameters, virt_start", Some("0x0"))],
        reason: "no use for it in a translated guest",
    },
    Difference {
        place: |at| at.arch == Arch::X86_32 && at.before(20),
        scenario: "version",
        steps: &[("platform_parameters, virt_start", Some("0x0"))],
        reason: "where Xen's part of a 32-bit PV guest begins, for which Debian's hypervisors are not built",
    },
    Difference {
        place: |at| at.is_arm() && at.before(20),
        scenario: "version",
        steps: &[("platform_parameters, virt_start", Some("0x200000"))],
        reason: "where Xen is on Arm",
    },
    features!(Where::is_pvh, "0x1d2b05"),
    features!(Where::is_arm, "0x66805"),
    features!(|at| at.is_pv() && at.before(20), "0x228f0"),
    features!(|at| at.is_pvh() && at.before(20), "0x12b05"),
    features!(|at| at.is_arm() && at.before(20), "0x26805"),
    features!(|at| at.is_pv() && at.before(17), "0x28f0"),
    features!(|at| at.is_pvh() && at.before(17), "0x2b05"),
    features!(|at| at.is_arm() && at.before(17), "0x6805"),
    Difference {
        place: |at| at.before(20),
        scenario: "gnttab-changed",
        steps: &[
            ("of another frame, copy to it", OK),
            ("of another frame, copy to it, a byte", Some("0x33")),
        ],
        reason: "a copy to an entry that names another frame goes to the first one (XSA-500)",
    },
    Difference {
        place: |at| at.before(20) && !at.is_arm(),
        scenario: "gnttab-v2",
        steps: &[
            ("changed, of another frame, copy to it", OK),
            ("changed, of another frame, copy to it, a byte", Some("0x33")),
        ],
        reason: "the same",
    },
];
