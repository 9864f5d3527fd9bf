//! What several domains see of each other, where they are of other kinds than in the reference, or kept
//! apart.

use super::difference::{
    Difference, EINVAL, ENOSYS, EOPNOTSUPP, GENERAL_ERROR, OK, PERMISSION_DENIED, UNTOUCHED, Where,
    ZERO,
};

/// What one unprivileged domain does to another, where that is forbidden.
const KEPT_APART: &[(&str, Option<&str>)] = &[
    ("map from the other", PERMISSION_DENIED),
    ("map from the other what it grants to the first", PERMISSION_DENIED),
    ("map from the other, a byte", None),
    ("unmap from the other", None),
];

/// See [`super`].
pub(super) const DOMAINS: &[Difference] = &[
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
        reason: "translated guests could not map others' resources, privileged or not",
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
];
