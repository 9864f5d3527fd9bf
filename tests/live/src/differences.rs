//! Where hypervisors really differ from the reference, and the model from both, each with the reason.
//!
//! The reference is the newest release, with a PV guest. A difference that no machine has any more is
//! found by [`stale`](crate::stale).

use crate::linux_differences::LINUX;
use crate::model_differences::MODEL;
use crate::{Arch, Mode, Row};

/// Where a transcript was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Where {
    /// The release of Xen: major and minor number.
    pub release: (u32, u32),
    /// The architecture of the guest.
    pub arch: Arch,
    /// The mode of the guest.
    pub mode: Mode,
    /// Whether it is the model, not a hypervisor.
    pub model: bool,
}

impl Where {
    /// In one of the domains of a hypervisor.
    #[must_use]
    pub fn new(row: Row, domid: u16) -> Self {
        let (major, minor) = row.release.split_once('.').unwrap_or_default();
        let release = (major.parse().unwrap_or(0), minor.parse().unwrap_or(0));
        Self { release, arch: row.arch, mode: row.mode_of(domid), model: false }
    }

    pub(crate) const fn is_pv(self) -> bool {
        matches!(self.mode, Mode::Pv)
    }

    pub(crate) const fn is_pvh(self) -> bool {
        matches!(self.mode, Mode::Pvh)
    }

    pub(crate) const fn is_arm(self) -> bool {
        !matches!(self.arch, Arch::X86_64)
    }

    /// Whether the release is older than 4.`minor`.
    pub(crate) const fn before(self, minor: u32) -> bool {
        self.release.1 < minor
    }
}

/// Steps of a scenario with other results at some places.
pub(crate) struct Difference {
    /// The places.
    pub(crate) place: fn(Where) -> bool,
    /// The scenario.
    pub(crate) scenario: &'static str,
    /// The steps, each with the result there; with none if it is not done there. A star stands for
    /// anything.
    pub(crate) steps: &'static [(&'static str, Option<&'static str>)],
    /// Why.
    pub(crate) reason: &'static str,
}

pub(crate) const EFAULT: Option<&str> = Some("-EFAULT");
pub(crate) const EINVAL: Option<&str> = Some("-EINVAL");
pub(crate) const ENOENT: Option<&str> = Some("-ENOENT");
pub(crate) const ENOSYS: Option<&str> = Some("-ENOSYS");
pub(crate) const EOPNOTSUPP: Option<&str> = Some("-EOPNOTSUPP");
pub(crate) const ZERO: Option<&str> = Some("0");
pub(crate) const OK: Option<&str> = Some("ok");
pub(crate) const UNTOUCHED: Option<&str> = Some("untouched");
pub(crate) const BAD_HANDLE: Option<&str> = Some("GNTST_bad_handle");
pub(crate) const GENERAL_ERROR: Option<&str> = Some("GNTST_general_error");
pub(crate) const PERMISSION_DENIED: Option<&str> = Some("GNTST_permission_denied");

/// What one unprivileged domain does to another, where that is forbidden.
const KEPT_APART: &[(&str, Option<&str>)] = &[
    ("map from the other", PERMISSION_DENIED),
    ("map from the other what it grants to the first", PERMISSION_DENIED),
    ("map from the other, a byte", None),
    ("unmap from the other", None),
];

/// All differences that are known for a place. A later one has the last word.
pub(crate) fn differences(place: Where) -> impl Iterator<Item = &'static Difference> {
    DIFFERENCES
        .iter()
        .chain(LINUX)
        .chain(own(place))
        .filter(move |difference| (difference.place)(place))
}

/// The differences that a place has and nobody else: those of the model, or none.
pub(crate) fn own(place: Where) -> &'static [Difference] {
    if place.model { MODEL } else { &[] }
}

/// What hypervisors really do.
const DIFFERENCES: &[Difference] = &[
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
    // Kinds of guests.
    Difference {
        place: |at| !at.is_pv(),
        scenario: "gnttab-entry",
        steps: &[("*, count 0, bad address", ZERO)],
        reason: "only a PV guest's address is held against Xen's own part before anything else",
    },
    Difference {
        place: Where::is_pvh,
        scenario: "gnttab-entry",
        steps: &[
            ("cache_flush, *", ENOSYS),
            ("get_status_frames, *", ENOSYS),
            ("transfer, *", ENOSYS),
            ("unmap_and_replace, *", ENOSYS),
            ("command with *", ENOSYS),
            ("count -1, unknown command", ENOSYS),
        ],
        reason: "a list of what translated x86 guests may call comes before all other checks",
    },
    Difference {
        place: Where::is_pvh,
        scenario: "gnttab-pv",
        steps: &[
            ("transfer, *", ENOSYS),
            ("transfer", ENOSYS),
            ("replace, no such handle", ENOSYS),
            ("replace, another address", ENOSYS),
            ("replace", ENOSYS),
            ("*, status", UNTOUCHED),
            ("flush, *", ENOSYS),
            ("flush, unmap", OK),
        ],
        reason: "the same list",
    },
    Difference {
        place: Where::is_pvh,
        scenario: "gnttab-table",
        steps: &[
            ("get_status_frames in version 1", ENOSYS),
            ("get_status_frames in version 1, none", ENOSYS),
            ("get_status_frames, no such domain", ENOSYS),
        ],
        reason: "the same list",
    },
    Difference {
        place: Where::is_pvh,
        scenario: "gnttab-v2",
        steps: &[("get_status_frames, *", ENOSYS)],
        reason: "the same list",
    },
    Difference {
        place: Where::is_pvh,
        scenario: "gnttab-v2",
        steps: &[
            ("set_version 1, status frames mapped or not", OK),
            ("set_version 1, status frames mapped or not, in effect", Some("1")),
        ],
        reason: "the status frames of a translated guest are taken out of its memory first",
    },
    Difference {
        place: |at| !at.is_pv(),
        scenario: "gnttab-table",
        steps: &[
            ("setup_table, bad list", ZERO),
            ("setup_table, bad list, status", Some("GNTST_bad_virt_addr")),
        ],
        reason: "only a PV guest's address is held against Xen's own part before anything else",
    },
    Difference {
        place: |at| !at.is_pv(),
        scenario: "gnttab-map",
        steps: &[
            ("map, device*", GENERAL_ERROR),
            ("map, host and device*", GENERAL_ERROR),
            ("map, application*", GENERAL_ERROR),
            ("map, bits for the guest*", GENERAL_ERROR),
            ("map, *, flags of the entry", Some("0x1")),
            ("unmap, device*", None),
            ("unmap, host and device", None),
            ("unmap, application", None),
            ("unmap, bits for the guest", None),
            ("unmap, another device address", BAD_HANDLE),
            ("unmap, for the processor only*", BAD_HANDLE),
            ("unmap, for the device only*", BAD_HANDLE),
            ("unmap, for the *, flags of the entry", Some("0x1")),
        ],
        reason: "a translated guest maps for the processor only, and has no say in page tables",
    },
    Difference {
        place: Where::is_pvh,
        scenario: "gnttab-map",
        steps: &[("map, a byte that was written, at the owner's", Some("0xff"))],
        reason: "a page that its owner maps is gone from where it was: empty reads give ones",
    },
    Difference {
        place: Where::is_arm,
        scenario: "gnttab-map",
        steps: &[("unmap, another address", OK), ("unmap after all that", BAD_HANDLE)],
        reason: "Arm takes out what is at the address, whichever grant was mapped there",
    },
    Difference {
        place: |at| !at.is_pv(),
        scenario: "gnttab-pv",
        steps: &[
            ("replace, unmap what moved", None),
            ("replace, unmap the first", OK),
            ("replace, unmap the second", OK),
            ("transfer, flags of the entry", Some("0x2")),
        ],
        reason: "nothing was transferred or replaced",
    },
    Difference {
        place: Where::is_arm,
        scenario: "gnttab-pv",
        steps: &[
            ("transfer, *", EOPNOTSUPP),
            ("transfer", EOPNOTSUPP),
            ("transfer, *status", UNTOUCHED),
            ("transfer, flags of the entry", Some("0x2")),
            ("replace, status", GENERAL_ERROR),
            ("flush, invalidate", ZERO),
        ],
        reason: "Arm's guests transfer and replace nothing, and may invalidate",
    },
    Difference {
        place: Where::is_arm,
        scenario: "gnttab-entry",
        steps: &[("transfer, *", EOPNOTSUPP)],
        reason: "Arm's guests transfer nothing",
    },
    Difference {
        place: Where::is_arm,
        scenario: "gnttab-v2",
        steps: &[
            ("*", None),
            ("set_version 2, mapped", ENOSYS),
            ("set_version 2, mapped, in effect", Some("1")),
            ("unmap", OK),
            ("set_version 2", ENOSYS),
            ("set_version 2, in effect", Some("1")),
            ("get_version", Some("1")),
        ],
        reason: "Arm has version 1 only (XSA-268)",
    },
    Difference {
        place: Where::is_arm,
        scenario: "domains-leader",
        steps: &[
            ("copy what is passed on", GENERAL_ERROR),
            ("copy what is passed on, the last byte", Some("0x0")),
            ("copy to what is passed on", GENERAL_ERROR),
            ("dead, copy what was passed on", GENERAL_ERROR),
        ],
        reason: "Arm has version 1 only, in which nothing is passed on",
    },
    Difference {
        place: Where::is_arm,
        scenario: "domains-leader",
        steps: &[("another's *", OK)],
        reason: "the first domain is a control domain there",
    },
    Difference {
        place: Where::is_arm,
        scenario: "domains-leader",
        steps: &[("*, transfer*", EOPNOTSUPP), ("*, transfer*, status", UNTOUCHED)],
        reason: "Arm's guests transfer nothing",
    },
    Difference {
        place: |at| at.before(17) && at.is_arm(),
        scenario: "domains-leader",
        steps: &[("*, transfer*", ZERO), ("*, transfer*, status", GENERAL_ERROR)],
        reason: "Arm went through the elements, and could not take a page away",
    },
    Difference {
        place: Where::is_pvh,
        scenario: "domains-leader",
        steps: &[("*, transfer*", ENOSYS), ("*, transfer*, status", UNTOUCHED)],
        reason: "translated x86 guests may not call it",
    },
    Difference {
        place: |at| at.before(20) && at.is_pvh(),
        scenario: "domains-leader",
        steps: &[("another's acquire_resource", Some("-EACCES"))],
        reason: "translated guests could not map others' resources whoever they were",
    },
    Difference {
        place: Where::is_pvh,
        scenario: "domains-leader",
        steps: &[("another's get_param", EINVAL)],
        reason: "the other one is a PV guest there, which has no parameters",
    },
    Difference {
        place: |at| at.is_arm() || at.is_pv(),
        scenario: "domains-follower",
        steps: &[("flags once a page was transferred", Some("0x2"))],
        reason: "beside a leader that transfers nothing",
    },
    Difference {
        place: |at| !at.is_pv(),
        scenario: "domains-follower-2",
        steps: &[("flags once a page was transferred", Some("0x2"))],
        reason: "beside a leader that transfers nothing",
    },
    Difference {
        place: Where::is_arm,
        scenario: "domains-follower",
        steps: &[("set_version to the other while it is mapped", ENOSYS)],
        reason: "Arm has version 1 only (XSA-268)",
    },
    Difference {
        place: Where::is_arm,
        scenario: "domains-follower-2",
        steps: &[
            ("set_version 2", ENOSYS),
            ("set_version to the other while it is mapped", ENOSYS),
            ("flags while it is mapped", Some("0x19")),
            ("flags once it is unmapped", Some("0x1")),
            ("flags once it was copied", Some("0x0")),
        ],
        reason: "Arm has version 1 only (XSA-268)",
    },
    Difference {
        place: Where::is_arm,
        scenario: "domains-follower",
        steps: KEPT_APART,
        reason: "Debian's hypervisors for Arm keep unprivileged domains apart",
    },
    Difference {
        place: Where::is_arm,
        scenario: "domains-follower-2",
        steps: KEPT_APART,
        reason: "Debian's hypervisors for Arm keep unprivileged domains apart",
    },
    Difference {
        place: |at| !at.is_pv(),
        scenario: "hvm",
        steps: &[("get_param", ZERO), ("set_param, no interrupt", ZERO)],
        reason: "translated guests have parameters",
    },
    Difference {
        place: Where::is_arm,
        scenario: "hvm",
        steps: &[("set_param, no interrupt", Some("-EPERM"))],
        reason: "on Arm the interrupt is Xen's to choose",
    },
    Difference {
        place: |at| !at.is_pv(),
        scenario: "memory",
        steps: &[
            ("add_to_physmap, shared_info, index 1", EINVAL),
            ("add_to_physmap, grant_table, *", EINVAL),
            ("add_to_physmap, unknown space", EINVAL),
            ("add_to_physmap_batch, no frames", OK),
            ("add_to_physmap_batch, beyond the table", OK),
            ("add_to_physmap_batch, beyond the table, its own error", EINVAL),
            ("add_to_physmap_batch, no frame", EINVAL),
            ("remove_from_physmap, no frame", ENOENT),
            ("remove_from_physmap, a page", OK),
            ("remove_from_physmap, nothing there", ENOENT),
        ],
        reason: "only translated guests have guest frames to put things at",
    },
    Difference {
        place: Where::is_pvh,
        scenario: "memory",
        steps: &[("memory_map", OK)],
        reason: "a translated x86 guest is given a memory map",
    },
    Difference {
        place: Where::is_pvh,
        scenario: "compat",
        steps: &[
            ("console_io", ZERO),
            ("copy", ZERO),
            ("copy, status", Some("GNTST_okay")),
            ("copy, from another", ZERO),
            ("copy, from another, status", Some("GNTST_permission_denied")),
            ("copy, the last byte", Some("0x77")),
            ("copy, the byte behind it", Some("0x0")),
        ],
        reason: "only there can this kernel run code of 32 bits",
    },
    // Releases.
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
];
