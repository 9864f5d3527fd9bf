//! Where the model does otherwise than the hypervisors.
//!
//! Each is a thing that the model could learn: then its row goes, or the test of the model fails.

use crate::differences::{Difference, EFAULT, EINVAL, ENOSYS, GENERAL_ERROR, OK, Where, ZERO};

/// See [`crate::differences`]; these come after the hypervisors' own.
pub(crate) const MODEL: &[Difference] = &[
    Difference {
        place: |_| true,
        scenario: "events",
        steps: &[
            ("bind_vcpu", ENOSYS),
            ("bind_vcpu, no such vcpu", ENOSYS),
            ("unmask, no such port", ZERO),
        ],
        reason: "a domain has one vCPU and no masks",
    },
    Difference {
        place: |_| true,
        scenario: "sched",
        steps: &[("watchdog, no such timer", ENOSYS)],
        reason: "no watchdog",
    },
    Difference {
        place: |_| true,
        scenario: "version",
        steps: &[
            ("commandline", ENOSYS),
            ("compile_info", ENOSYS),
            ("platform_parameters", ENOSYS),
        ],
        reason: "texts that guests with grants do not ask for",
    },
    Difference {
        place: Where::is_pv,
        scenario: "gnttab-entry",
        steps: &[("*, count 0, bad address", ZERO), ("cache_flush, *", ENOSYS)],
        reason: "addresses are the process's own, and no x86 guest flushes",
    },
    Difference {
        place: Where::is_pv,
        scenario: "gnttab-pv",
        steps: &[
            ("flush, *", ENOSYS),
            ("flush, unmap", OK),
            ("transfer, mapped, status", GENERAL_ERROR),
        ],
        reason: "no x86 guest flushes, and PV guests have no page tables",
    },
    Difference {
        place: Where::is_pv,
        scenario: "gnttab-table",
        steps: &[
            ("setup_table, bad list", ZERO),
            ("setup_table, bad list, status", Some("GNTST_bad_virt_addr")),
        ],
        reason: "addresses are the process's own",
    },
    Difference {
        place: Where::is_pv,
        scenario: "gnttab-v2",
        steps: &[
            ("set_version 1, status frames mapped or not", OK),
            ("set_version 1, status frames mapped or not, in effect", Some("1")),
        ],
        reason: "PV guests have no page tables, in which status frames could be mapped",
    },
    Difference {
        place: |at| at.before(17),
        scenario: "gnttab-map",
        steps: &[("unmap, a device address that is not mapped", OK)],
        reason: "device addresses are treated as later releases treat them",
    },
    Difference {
        place: |at| at.before(17) && at.is_pv(),
        scenario: "gnttab-map",
        steps: &[("unmap, another device address", Some("GNTST_bad_dev_addr"))],
        reason: "device addresses are treated as later releases treat them",
    },
    Difference {
        place: Where::is_pvh,
        scenario: "gnttab-entry",
        steps: &[
            ("command with *", EINVAL),
            ("count -1, unknown command", EINVAL),
            ("get_status_frames, bad address", EFAULT),
            ("get_status_frames, count *", EINVAL),
            ("transfer, bad address", EFAULT),
            ("transfer, count 0*", ZERO),
            ("unmap_and_replace, bad address", EFAULT),
            ("unmap_and_replace, count 0*", ZERO),
        ],
        reason: "no list of what translated x86 guests may call",
    },
    Difference {
        place: Where::is_pvh,
        scenario: "gnttab-pv",
        steps: &[
            ("transfer*", ZERO),
            ("transfer*, status", GENERAL_ERROR),
            ("transfer, no such frame, status", Some("GNTST_bad_page")),
            ("transfer, flags of the entry", Some("0x2")),
            ("replace", ZERO),
            ("replace, no such handle", ZERO),
            ("replace, another address", ZERO),
            ("replace*, status", GENERAL_ERROR),
            ("replace, no such handle, status", Some("GNTST_bad_handle")),
        ],
        reason: "the same list",
    },
    Difference {
        place: Where::is_pvh,
        scenario: "gnttab-table",
        steps: &[
            ("get_status_frames in version 1", GENERAL_ERROR),
            ("get_status_frames in version 1, none", OK),
            ("get_status_frames, no such domain", Some("GNTST_bad_domain")),
        ],
        reason: "the same list",
    },
    Difference {
        place: Where::is_pvh,
        scenario: "gnttab-v2",
        steps: &[
            ("get_status_frames, 1 frame", OK),
            ("get_status_frames, more than there are", GENERAL_ERROR),
        ],
        reason: "the same list",
    },
    Difference {
        place: Where::is_pvh,
        scenario: "gnttab-map",
        steps: &[("map, a byte that was written, at the owner's", Some("0xa5"))],
        reason: "a page that its owner maps stays where it was too",
    },
    Difference {
        place: |at| at.before(20) && at.is_pvh(),
        scenario: "memory",
        steps: &[("machine_memory_map", ZERO)],
        reason: "any control domain of x86 may ask for the machine's map",
    },
    Difference {
        place: |at| at.before(17) && !at.is_pv(),
        scenario: "memory",
        steps: &[
            ("add_to_physmap, grant_table, no frame", EINVAL),
            ("add_to_physmap_batch, no frame", EINVAL),
            ("add_to_physmap_batch, no frame, its own error", Some("77")),
        ],
        reason: "frame numbers that are none are treated as later releases treat them",
    },
    Difference {
        place: Where::is_arm,
        scenario: "gnttab-pv",
        steps: &[
            ("flush, clean", EINVAL),
            ("flush, invalidate", EINVAL),
            ("flush, both", EINVAL),
            ("flush, unmapped", EINVAL),
        ],
        reason: "a frame of the model has another address than its guest frame has",
    },
    Difference {
        place: Where::is_arm,
        scenario: "hvm",
        steps: &[("set_param, no interrupt", ZERO)],
        reason: "a control domain sets any parameter",
    },
    Difference {
        place: Where::is_arm,
        scenario: "memory",
        steps: &[("reserved_device_memory_map", ENOSYS)],
        reason: "taken for one of x86's alone",
    },
];
